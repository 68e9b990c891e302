// @ts-check
import { ApiError, errorText } from '../../lib/api.js';
import { formatCount } from '../../lib/format.js';
import { html, useEffect, useState } from '../../lib/html.js';
import { t } from '../../lib/i18n.js';
import { usePolled } from '../../lib/polled.js';
import { useSignal } from '../../lib/signal.js';
import { Button } from '../../parts/button.js';
import { Notice } from '../../parts/notice.js';
import { toast } from '../../parts/toast.js';
import { draft, drafts, dropDrafts } from './drafts.js';
import { changeOf, parsedValue, settingFields, settingGroups, valueAt } from './fields.js';
import { fetchSettings, saveSettings } from './requests.js';
import { SettingRow } from './setting-row.js';

const REFRESH_MS = 10_000;

/** @typedef {import('./fields.js').SettingField} SettingField */
/** @typedef {{ text: string, detail?: string | undefined }} Problem */

/** The page of the pool's settings. */
export function View() {
  const typed = useSignal(drafts);
  const [problems, setProblems] = useState(/** @type {ReadonlyMap<string, Problem>} */ (new Map()));
  const [busy, setBusy] = useState('');
  const { value: held, failure, change, reload } = usePolled(fetchSettings, { everyMs: REFRESH_MS });
  const count = typed.size;

  useEffect(() => {
    if (count === 0) return undefined;
    const warn = (/** @type {Event} */ event) => event.preventDefault();
    window.addEventListener('beforeunload', warn);
    return () => window.removeEventListener('beforeunload', warn);
  }, [count > 0]);

  /** @param {ReadonlyMap<string, Problem>} next */
  function show(next) {
    setProblems(next);
    const [first] = next.keys();
    requestAnimationFrame(() => {
      /** @type {HTMLElement | null} */ (document.querySelector(`[name="${first}"]`))?.focus();
    });
  }

  /** @param {Event} event */
  async function save(event) {
    event.preventDefault();
    if (busy !== '' || count === 0) return;
    /** @type {Map<string, unknown>} */
    const values = new Map();
    /** @type {Map<string, Problem>} */
    const wrong = new Map();
    for (const field of settingFields.filter(({ name }) => typed.has(name))) {
      const value = parsedValue(field, typed.get(field.name));
      if (value === undefined) wrong.set(field.name, { text: rangeText(field) });
      else values.set(field.name, value);
    }
    if (wrong.size > 0) return show(wrong);
    await send(values, 'save');
  }

  /**
   * @param {ReadonlyMap<string, unknown>} values
   * @param {string} what
   */
  async function send(values, what) {
    setBusy(what);
    setProblems(new Map());
    try {
      const saved = await saveSettings(changeOf(values));
      change(() => saved);
      dropDrafts(values.keys());
      toast({ text: t(what === 'save' ? 'settings.saved' : 'settings.tookBack') });
    } catch (error) {
      const field =
        error instanceof ApiError ? settingFields.find(({ name }) => name === error.field) : undefined;
      if (field === undefined) toast({ text: errorText(error), kind: 'bad' });
      else
        show(
          new Map([[field.name, { text: errorText(error), detail: /** @type {ApiError} */ (error).detail }]]),
        );
    } finally {
      setBusy('');
    }
  }

  return html`
    <header class="view-head">
      <div>
        <h1>${t('settings.title')}</h1>
        <p class="muted">${t('settings.lead')}</p>
      </div>
    </header>
    <div role="status" class="notices">
      ${
        failure !== undefined &&
        html`<${Notice}
          kind="bad"
          title=${t(held === undefined ? 'settings.unread' : 'settings.old')}
          actions=${html`<${Button} text=${t('console.again')} onClick=${reload} />`}
        >
          ${errorText(failure)}
        <//>`
      }
    </div>
    ${held === undefined && failure === undefined && html`<div class="card table-waiting is-coming" aria-hidden="true"></div>`}
    ${
      held !== undefined &&
      html`<form class="settings" onSubmit=${save} novalidate>
        ${settingGroups.map(
          group => html`<section key=${group.id} class="setting-group" aria-labelledby=${`group-${group.id}`}>
            <header>
              <h2 id=${`group-${group.id}`}>${t(/** @type {'settings.group.retry'} */ (`settings.group.${group.id}`))}</h2>
              <p class="muted">${t(/** @type {'settings.groupText.retry'} */ (`settings.groupText.${group.id}`))}</p>
            </header>
            <div class="card">
              ${group.fields.map(field => {
                const value = typed.has(field.name) ? typed.get(field.name) : valueAt(held, field.name);
                return html`<${SettingRow}
                  key=${field.name}
                  field=${field}
                  value=${value}
                  changed=${typed.has(field.name)}
                  idle=${field.needs !== undefined && (typed.get(field.needs) ?? valueAt(held, field.needs)) !== true}
                  source=${held.sources[field.name] ?? 'default'}
                  fallback=${valueAt(held.fallback, field.name)}
                  error=${problems.get(field.name)}
                  busy=${busy === field.name}
                  onInput=${(/** @type {unknown} */ next) => {
                    draft(field.name, next, valueAt(held, field.name));
                    setProblems(before => new Map([...before].filter(([name]) => name !== field.name)));
                  }}
                  onTakeBack=${() => busy === '' && send(new Map([[field.name, null]]), field.name)}
                />`;
              })}
            </div>
          </section>`,
        )}
        ${
          count > 0 &&
          html`<div class="save-bar card">
            <p role="status">${t('settings.unsaved', { count })}</p>
            <${Button}
              text=${t('settings.discard')}
              disabled=${busy !== ''}
              onClick=${() => {
                setProblems(new Map());
                dropDrafts(typed.keys());
              }}
            />
            <${Button} type="submit" kind="primary" busy=${busy === 'save'} text=${t('keys.save')} />
          </div>`
        }
      </form>`
    }
  `;
}

/** @param {SettingField} field */
function rangeText({ least = 0, most = 0 }) {
  return t('settings.range', { least: formatCount(least), most: formatCount(most) });
}
