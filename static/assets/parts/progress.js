// @ts-check
import { html } from '../lib/html.js';

/**
 * How much of something is done.
 *
 * @param {{ label: string, done: number, total: number }} props
 */
export function Progress({ label, done, total }) {
  return html`<progress class="progress" aria-label=${label} max=${Math.max(1, total)} value=${done}></progress>`;
}
