// @ts-check
import { html, render } from '../lib/html.js';
import { Panel } from './panel.js';

const root = document.getElementById('app');
if (root !== null) render(html`<${Panel} />`, root);
