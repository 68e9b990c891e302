// @ts-check
import { codeText, errorText } from '../../lib/api.js';
import { html, useMemo, useRef, useState } from '../../lib/html.js';
import { t } from '../../lib/i18n.js';
import { Button } from '../../parts/button.js';
import { Dialog } from '../../parts/dialog.js';
import { Field } from '../../parts/field.js';
import { Icon } from '../../parts/icon.js';
import { Progress } from '../../parts/progress.js';
import { Select } from '../../parts/select.js';
import { providerName, providers } from '../../pool/types.js';
import { DEFAULT_POOL } from '../pools/requests.js';
import { partsOf } from './batch.js';
import { problemOf } from './key-dialog.js';
import { addKeys } from './requests.js';

const MOST_SHOWN = 200;

/** @typedef {import('./requests.js').LineProblem} LineProblem */
/** @typedef {{ done: number, taken: number, refused: number, problems: LineProblem[], ended: boolean, failure?: unknown }} Run */

/**
 * Adds many keys out of a pasted text or a file, part by part, and then tells what was taken and what was refused.
 *
 * @param {{ pool?: string, pools: readonly import('../pools/requests.js').PoolGroup[], onDone: () => void, onClose: () => void }} props
 */
export function BatchDialog({ pool, pools, onDone, onClose }) {
  const [text, setText] = useState('');
  const [poolGroup, setPoolGroup] = useState(pool ?? DEFAULT_POOL);
  const [provider, setProvider] = useState('');
  const [baseUrl, setBaseUrl] = useState('');
  const [notes, setNotes] = useState('');
  const [run, setRun] = useState(/** @type {Run | undefined} */ (undefined));
  const cancelled = useRef(false);
  const parts = useMemo(() => partsOf(text), [text]);
  const total = parts.reduce((sum, part) => sum + part.keys, 0);
  const problem = run?.failure === undefined ? undefined : problemOf(run.failure);
  const running = run !== undefined && !run.ended;

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    if (running || total === 0) return;
    cancelled.current = false;
    /** @type {Run} */
    let now = { done: 0, taken: 0, refused: 0, problems: [], ended: false };
    setRun(now);
    try {
      for (const part of parts) {
        if (cancelled.current) break;
        const report = await addKeys({
          keys: part.text,
          poolGroup,
          ...(provider !== '' && { provider }),
          ...(baseUrl.trim() !== '' && { baseUrl: baseUrl.trim() }),
          ...(notes.trim() !== '' && { notes }),
        });
        now = {
          ...now,
          done: now.done + part.keys,
          taken: now.taken + report.taken,
          refused: now.refused + report.refused,
          problems: now.problems.concat(
            report.problems.map(each => ({ ...each, line: each.line + part.before })),
          ),
        };
        setRun(now);
      }
      setRun({ ...now, ended: true });
    } catch (failure) {
      setRun({ ...now, ended: true, failure });
    }
  }

  /** @param {{ currentTarget: HTMLInputElement }} event */
  async function choose({ currentTarget }) {
    const file = currentTarget.files?.[0];
    if (file !== undefined) setText(await file.text());
  }

  const reported = run?.ended === true && (problem === undefined || run.done > 0);
  return html`<${Dialog} title=${t('batch.title')} busy=${running} onClose=${reported ? onDone : onClose}>
    ${
      reported
        ? html`<${Report} run=${run} total=${total} onDone=${onDone} />`
        : html`<form class="form" onSubmit=${submit} novalidate>
            <div class="dialog-body">
              ${problem?.field === 'form' && html`<p class="form-error" role="alert">${problem.text}</p>`}
              <${Field}
                label=${t('batch.text')}
                name="keys"
                multiline
                mono
                rows="9"
                autofocus
                autocomplete="off"
                autocapitalize="off"
                spellcheck=${false}
                readonly=${running}
                value=${text}
                onInput=${setText}
                placeholder=${'sk-…\nsk-…\n# …'}
                hint=${t('batch.hint')}
              />
              <div class="field">
                <label for="batch-file">${t('batch.file')}</label>
                <input id="batch-file" type="file" class="file" accept=".txt,.csv,text/plain" disabled=${running} onChange=${choose} />
              </div>
              <div class="field-row">
                <${Select} label=${t('field.pool')} name="poolGroup" value=${poolGroup} options=${pools.map(({ id, name }) => ({ value: id, label: name }))} onChoose=${setPoolGroup} disabled=${running} />
                <${Select}
                  label=${t('field.provider')}
                  name="provider"
                  value=${provider}
                  options=${[{ value: '', label: t('keys.detectEach') }, ...providers.map(each => ({ value: each, label: providerName(each) }))]}
                  onChoose=${setProvider}
                  disabled=${running}
                />
              </div>
              <${Field}
                label=${t('field.baseUrl')}
                name="baseUrl"
                type="url"
                mono
                autocomplete="off"
                spellcheck=${false}
                readonly=${running}
                value=${baseUrl}
                onInput=${setBaseUrl}
                placeholder="https://…/v1"
                hint=${t('keys.baseUrlHint')}
                error=${problem?.field === 'baseUrl' ? problem.text : undefined}
                detail=${problem?.detail}
              />
              <${Field} label=${t('field.notes')} name="notes" autocomplete="off" readonly=${running} value=${notes} onInput=${setNotes} maxlength="2000" hint=${t('keys.notesHint')} />
            </div>
            <footer class="dialog-foot">
              <div class="batch-progress" role="status">
                ${run && html`<${Progress} label=${t('batch.progress')} done=${run.done} total=${total} /><p>${t('batch.done', { done: run.done, total })}</p>`}
              </div>
              <${Button}
                text=${t(running ? 'batch.stop' : 'dialog.cancel')}
                onClick=${() => {
                  if (!running) return onClose();
                  cancelled.current = true;
                }}
              />
              <${Button} type="submit" kind="primary" busy=${running} disabled=${total === 0} text=${total === 0 ? t('batch.submitNone') : t('batch.submit', { count: total })} />
            </footer>
          </form>`
    }
  <//>`;
}

/** @param {{ run: Run, total: number, onDone: () => void }} props */
function Report({ run, total, onDone }) {
  const left = total - run.done;
  return html`<div class="dialog-body" role="status">
      <ul class="batch-figures">
        <li class="good"><${Icon} name="check" /><strong>${t('batch.taken', { count: run.taken })}</strong></li>
        ${run.refused > 0 && html`<li class="warn"><${Icon} name="alert" /><strong>${t('batch.refused', { count: run.refused })}</strong></li>`}
        ${left > 0 && html`<li class="bad"><${Icon} name="close" /><strong>${t('batch.left', { count: left })}</strong></li>`}
      </ul>
      ${run.failure !== undefined && html`<p class="form-error">${errorText(run.failure)} ${t('batch.again')}</p>`}
      ${
        run.problems.length > 0 &&
        html`<div class="batch-problems" tabindex="0" role="region" aria-label=${t('batch.problems')}>
          <table class="table">
            <thead>
              <tr>
                <th scope="col" class="numeric">${t('batch.line')}</th>
                <th scope="col">${t('batch.why')}</th>
              </tr>
            </thead>
            <tbody>
              ${run.problems.slice(0, MOST_SHOWN).map(
                (each, index) => html`<tr key=${index}>
                  <td class="numeric">${each.line}</td>
                  <td>
                    ${codeText({ code: each.code, field: 'key' }) ?? each.code}
                    ${each.code === 'ERR_VALIDATION' && html` <span class="field-detail" lang="en">${each.message}</span>`}
                  </td>
                </tr>`,
              )}
            </tbody>
          </table>
        </div>`
      }
      ${run.refused > MOST_SHOWN && html`<p class="muted">${t('batch.more', { count: run.refused - Math.min(MOST_SHOWN, run.problems.length) })}</p>`}
    </div>
    <footer class="dialog-foot">
      <${Button} kind="primary" autofocus text=${t('batch.close')} onClick=${onDone} />
    </footer>`;
}
