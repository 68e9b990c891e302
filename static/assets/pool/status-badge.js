// @ts-check
import { html } from '../lib/html.js';
import { t } from '../lib/i18n.js';

/** @param {{ status: import('./types.js').KeyStatus }} props */
export function StatusBadge({ status }) {
  return html`<span class=${`badge badge-${status}`}>${t(`status.${status}`)}</span>`;
}
