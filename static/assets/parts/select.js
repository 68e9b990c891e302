// @ts-check
import { html, useId } from '../lib/html.js';
import { Icon } from './icon.js';

/**
 * A choice of one among some, by the browser's own list.
 *
 * @param {{ label: string, name: string, value: string, options: readonly { value: string, label: string }[],
 *   onChoose: (value: string) => void, hiddenLabel?: boolean, hint?: any, error?: any, [attribute: string]: any }} props
 */
export function Select({ label, name, value, options, onChoose, hiddenLabel = false, hint, error, ...rest }) {
  const id = useId();
  const described = [error && `${id}-error`, hint && `${id}-hint`].filter(Boolean).join(' ');
  return html`<div class=${hiddenLabel ? 'select-field' : 'field'}>
    <label for=${id} class=${hiddenLabel ? 'visually-hidden' : ''}>${label}</label>
    <div class="select-frame">
      <select
        id=${id}
        name=${name}
        class="input select"
        value=${value}
        aria-invalid=${error ? 'true' : undefined}
        aria-describedby=${described || undefined}
        onChange=${(/** @type {any} */ event) => onChoose(event.currentTarget.value)}
        ...${rest}
      >
        ${options.map(option => html`<option key=${option.value} value=${option.value} selected=${option.value === value}>${option.label}</option>`)}
      </select>
      <${Icon} name="chevron" />
    </div>
    ${
      (error || hint) &&
      html`<div class="field-notes">
        ${error && html`<p class="field-error" id=${`${id}-error`}>${error}</p>`}
        ${hint && html`<p class="field-hint" id=${`${id}-hint`}>${hint}</p>`}
      </div>`
    }
  </div>`;
}
