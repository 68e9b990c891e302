// @ts-check
import { html, render } from '../lib/html.js';
import { needWords } from '../lib/i18n.js';
import { Status } from './status.js';

await needWords('pool');
const root = document.getElementById('app');
if (root !== null) render(html`<${Status} />`, root);
