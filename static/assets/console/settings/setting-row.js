// @ts-check
import { formatCount, formatDuration, formatSpan } from '../../lib/format.js';
import { html, useId } from '../../lib/html.js';
import { t } from '../../lib/i18n.js';
import { Button } from '../../parts/button.js';
import { algorithms } from './fields.js';

/** @typedef {import('./fields.js').SettingField} SettingField */

/**
 * One setting: what it does, what holds, and where that comes from.
 *
 * @param {{ field: SettingField, value: unknown, changed: boolean, idle: boolean, source: import('./requests.js').ValueSource,
 *   fallback: unknown, error?: { text: string, detail?: string | undefined } | undefined, busy: boolean,
 *   onInput: (value: unknown) => void, onTakeBack: () => void }} props `idle`: the setting it belongs to is off
 */
export function SettingRow({
  field,
  value,
  changed,
  idle,
  source,
  fallback,
  error,
  busy,
  onInput,
  onTakeBack,
}) {
  const id = useId();
  const label = labelOf(field);
  const described = [error && `${id}-error`, `${id}-hint`].filter(Boolean).join(' ');
  const shared = {
    id,
    name: field.name,
    'aria-describedby': described,
    'aria-invalid': error ? 'true' : undefined,
  };
  return html`<div class=${`setting setting-${field.kind} ${idle ? 'is-idle' : ''} ${changed ? 'is-changed' : ''}`} data-setting=${field.name}>
    <div class="setting-text">
      ${field.kind === 'choice' ? html`<p class="setting-label" id=${`${id}-label`}>${label}</p>` : html`<label class="setting-label" for=${id}>${label}</label>`}
      <p class="field-hint" id=${`${id}-hint`}>${hintOf(field)}</p>
      ${error && html`<p class="field-error" id=${`${id}-error`} role="alert">${error.text}${error.detail && html` <span class="field-detail" lang="en">${error.detail}</span>`}</p>`}
    </div>
    <div class="setting-source">
      <span class=${`badge badge-source-${source}`}>${t(`source.${source}`)}</span>
      ${
        source === 'console' &&
        html`<${Button}
          kind="quiet"
          icon="undo"
          busy=${busy}
          text=${t('settings.takeBack')}
          aria-label=${t('settings.takeBackOf', { name: label, value: shown(field, fallback) })}
          title=${t('settings.takeBackTitle', { value: shown(field, fallback) })}
          onClick=${onTakeBack}
        />`
      }
    </div>
    <div class="setting-control">
      ${
        field.kind === 'choice'
          ? html`<${Algorithms} label=${`${id}-label`} name=${field.name} value=${value} onInput=${onInput} />`
          : field.kind === 'flag'
            ? html`<label class="switch-box">
                <input
                  type="checkbox"
                  role="switch"
                  class="switch-input"
                  checked=${value === true}
                  onChange=${(/** @type {any} */ event) => onInput(event.currentTarget.checked)}
                  ...${shared}
                />
                <i aria-hidden="true"></i>
              </label>`
            : html`<div class="number-box">
                <input
                  type="text"
                  inputmode="numeric"
                  class="input"
                  autocomplete="off"
                  value=${String(value)}
                  onInput=${(/** @type {any} */ event) => onInput(event.currentTarget.value)}
                  ...${shared}
                />
                ${field.unit && html`<span class="number-unit">${field.unit}</span>`}
                <small class="number-reading muted">${reading(field, value)}</small>
              </div>`
      }
    </div>
  </div>`;
}

/** @param {{ label: string, name: string, value: unknown, onInput: (value: string) => void }} props */
function Algorithms({ label, name, value, onInput }) {
  return html`<div class="algorithms" role="radiogroup" aria-labelledby=${label}>
    ${algorithms.map(
      each => html`<label key=${each} class="algorithm">
        <input type="radio" name=${name} value=${each} checked=${value === each} onChange=${() => onInput(each)} />
        <span class="algorithm-box">
          <strong>${t(`algorithm.${each}`)}</strong>
          <code class="muted">${each}</code>
          <span>${t(`algorithmText.${each}`)}</span>
        </span>
      </label>`,
    )}
  </div>`;
}

/** @param {SettingField} field */
function labelOf({ name }) {
  return t(/** @type {'setting.algorithm'} */ (`setting.${name}`));
}

/** @param {SettingField} field */
function hintOf({ name }) {
  return t(/** @type {'settingHint.algorithm'} */ (`settingHint.${name}`));
}

/**
 * A value in words.
 *
 * @param {SettingField} field
 * @param {unknown} value
 */
function shown(field, value) {
  if (field.kind === 'flag') return t(value === true ? 'settings.on' : 'settings.off');
  if (field.kind === 'choice') return String(value);
  return `${formatCount(Number(value))}${field.unit ? ` ${field.unit}` : ''}`;
}

/**
 * Milliseconds in units that people think in.
 *
 * @param {SettingField} field
 * @param {unknown} value
 */
function reading(field, value) {
  const ms = Number(String(value).replace(/[\s,_]/g, ''));
  if (field.unit !== 'ms' || !Number.isFinite(ms) || ms < 1000) return '';
  return `= ${ms < 10_000 && ms % 1000 !== 0 ? formatDuration(ms) : formatSpan(ms / 1000)}`;
}
