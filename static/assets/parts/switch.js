// @ts-check
import { html } from '../lib/html.js';

/**
 * Something that is on or off, and changes the moment it is pressed. While it changes it can be pressed no further, but
 * keeps the focus.
 *
 * @param {{ label: string, on: boolean, onChange: (on: boolean) => void, busy?: boolean, [attribute: string]: any }} props
 */
export function Switch({ label, on, onChange, busy = false, ...rest }) {
  return html`<button
    type="button"
    role="switch"
    class="switch"
    aria-checked=${on ? 'true' : 'false'}
    aria-label=${label}
    aria-busy=${busy ? 'true' : undefined}
    title=${label}
    onClick=${() => !busy && onChange(!on)}
    ...${rest}
  >
    <i aria-hidden="true"></i>
  </button>`;
}
