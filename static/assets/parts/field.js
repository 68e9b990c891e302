// @ts-check
import { html, useId } from '../lib/html.js';

/**
 * One labelled input with its hint and its error. `aria-describedby` ties both to the input.
 *
 * @param {{ label: string, value: string, onInput: (value: string) => void, name: string, hint?: any, error?: any,
 *   detail?: string, type?: string, multiline?: boolean, mono?: boolean, after?: any,
 *   [attribute: string]: any }} props `detail` is the server's own sentence, in English; `after` stands inside the frame
 */
export function Field({
  label,
  value,
  onInput,
  name,
  hint,
  error,
  detail,
  type = 'text',
  multiline = false,
  mono = false,
  after,
  ...rest
}) {
  const id = useId();
  const described = [error && `${id}-error`, hint && `${id}-hint`].filter(Boolean).join(' ');
  const attributes = {
    id,
    name,
    value,
    class: mono ? 'input mono' : 'input',
    'aria-invalid': error ? 'true' : undefined,
    'aria-describedby': described || undefined,
    onInput: (/** @type {{ currentTarget: HTMLInputElement }} */ event) => onInput(event.currentTarget.value),
    ...rest,
  };
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <div class="input-frame">
      ${multiline ? html`<textarea ...${attributes}></textarea>` : html`<input type=${type} ...${attributes} />`}
      ${after}
    </div>
    <div class="field-notes">
      ${error && html`<p class="field-error" id=${`${id}-error`}>${error}${detail && html` <span class="field-detail" lang="en">${detail}</span>`}</p>`}
      ${hint && html`<p class="field-hint" id=${`${id}-hint`}>${hint}</p>`}
    </div>
  </div>`;
}
