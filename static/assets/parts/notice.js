// @ts-check
import { html } from '../lib/html.js';
import { Icon } from './icon.js';

/**
 * A note across the page or the dialog about something that is not as it should be.
 *
 * @param {{ kind?: 'info' | 'warn' | 'bad', icon?: import('./icon.js').IconName, title?: string, actions?: any,
 *   children?: import('../lib/html.js').Children, [attribute: string]: any }} props
 */
export function Notice({ kind = 'info', icon = 'alert', title, actions, children, ...rest }) {
  return html`<div class=${`notice notice-${kind}`} ...${rest}>
    <${Icon} name=${icon} />
    <div class="notice-text">
      ${title && html`<strong>${title}</strong>`}
      <div>${children}</div>
    </div>
    ${actions && html`<div class="notice-actions">${actions}</div>`}
  </div>`;
}
