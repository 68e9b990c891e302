// @ts-check
import { html } from '../lib/html.js';
import { Icon } from './icon.js';

/**
 * A button with a text, or, with `iconOnly`, one whose text is its label and its tooltip. A busy one can still be
 * pressed, since disabling it would take the focus away; its owner ignores that.
 *
 * @param {{ text: string, icon?: import('./icon.js').IconName, kind?: 'plain' | 'primary' | 'danger' | 'quiet',
 *   iconOnly?: boolean, busy?: boolean, disabled?: boolean, type?: 'button' | 'submit', class?: string,
 *   onClick?: (event: MouseEvent) => void, [attribute: string]: any }} props
 */
export function Button({
  text,
  icon,
  kind = 'plain',
  iconOnly = false,
  busy = false,
  disabled = false,
  type = 'button',
  class: extra = '',
  ...rest
}) {
  return html`<button
    type=${type}
    class=${`button button-${kind} ${iconOnly ? 'button-icon' : ''} ${extra}`}
    disabled=${disabled}
    aria-busy=${busy ? 'true' : undefined}
    aria-label=${iconOnly ? text : undefined}
    title=${iconOnly ? text : undefined}
    ...${rest}
  >
    ${busy ? html`<span class="spinner" aria-hidden="true"></span>` : icon && html`<${Icon} name=${icon} />`}
    ${!iconOnly && html`<span>${text}</span>`}
  </button>`;
}
