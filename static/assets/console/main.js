// @ts-check
import { html, render } from '../lib/html.js';
import { Console } from './console.js';

const root = document.getElementById('app');
if (root !== null) render(html`<${Console} />`, root);
