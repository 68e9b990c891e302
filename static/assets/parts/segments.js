// @ts-check
import { html, useId } from '../lib/html.js';

/**
 * A choice of one among few, all of them in sight.
 *
 * @param {{ label: string, options: readonly { value: string, label: string, count?: string }[], value: string,
 *   onChoose: (value: string) => void }} props
 */
export function Segments({ label, options, value, onChoose }) {
  const name = useId();
  return html`<fieldset class="segments">
    <legend class="visually-hidden">${label}</legend>
    ${options.map(
      option => html`<label key=${option.value}>
        <input
          type="radio"
          name=${name}
          value=${option.value}
          checked=${option.value === value}
          onChange=${() => onChoose(option.value)}
        />
        <span>${option.label}${option.count !== undefined && html` <small>${option.count}</small>`}</span>
      </label>`,
    )}
  </fieldset>`;
}
