// @ts-check
import { ApiError, codeText, errorText } from '../../lib/api.js';
import { html, useMemo, useState } from '../../lib/html.js';
import { t } from '../../lib/i18n.js';
import { Button } from '../../parts/button.js';
import { Dialog } from '../../parts/dialog.js';
import { Field } from '../../parts/field.js';
import { toast } from '../../parts/toast.js';
import { compareImport, readImport } from './import-file.js';
import { importMappings } from './requests.js';

const MOST_PROBLEMS = 5;

/**
 * Adds and changes many mappings in one step. Mappings that the file does not name stay.
 *
 * @param {{ rows: readonly import('./requests.js').MappingRow[], onDone: () => void, onClose: () => void }} props
 */
export function ImportDialog({ rows, onDone, onClose }) {
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState(/** @type {unknown} */ (undefined));
  const read = useMemo(() => (text.trim() === '' ? undefined : (readImport(text) ?? 'unreadable')), [text]);
  const plan = useMemo(
    () => (typeof read === 'object' ? compareImport(read.rows, rows) : undefined),
    [read, rows],
  );
  const ready = typeof read === 'object' && read.problems.length === 0 && read.rows.size > 0;

  /** @param {string} next */
  function change(next) {
    setText(next);
    setFailure(undefined);
  }

  /** @param {{ currentTarget: HTMLInputElement }} event */
  async function choose({ currentTarget }) {
    const file = currentTarget.files?.[0];
    if (file !== undefined) change(await file.text());
  }

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    if (busy || !ready) return;
    setBusy(true);
    setFailure(undefined);
    try {
      await importMappings(read.rows);
      toast({ text: t('import.done', { count: read.rows.size }) });
      onDone();
    } catch (error) {
      setBusy(false);
      setFailure(error);
    }
  }

  return html`<${Dialog} title=${t('import.title')} busy=${busy} onClose=${onClose}>
    <form class="form" onSubmit=${submit} novalidate>
      <div class="dialog-body">
        <div class="field">
          <label for="import-file">${t('import.file')}</label>
          <input id="import-file" type="file" class="file" accept="application/json,.json" autofocus onChange=${choose} />
        </div>
        <${Field}
          label=${t('import.text')}
          name="mappings"
          multiline
          mono
          rows="7"
          spellcheck=${false}
          value=${text}
          onInput=${change}
          placeholder=${'{\n  "/openai": "https://api.openai.com"\n}'}
          error=${read === 'unreadable' ? t('import.unreadable') : undefined}
          hint=${t('import.hint')}
        />
        <${Problems} problems=${typeof read === 'object' ? read.problems : []} />
        <div class="import-plan" role="status">
          ${plan && html`<p>${t('import.plan', plan)}</p>`}
        </div>
        ${failure !== undefined && html`<p class="form-error" role="alert">${refusal(failure)}</p>`}
        <${Problems} problems=${failure instanceof ApiError ? failure.problems.map(wordOf) : []} />
      </div>
      <footer class="dialog-foot">
        <${Button} text=${t('dialog.cancel')} disabled=${busy} onClick=${onClose} />
        <${Button}
          type="submit"
          kind="primary"
          busy=${busy}
          disabled=${!ready}
          text=${ready ? t('import.submit', { count: read.rows.size }) : t('import.submitNone')}
        />
      </footer>
    </form>
  <//>`;
}

/** @param {unknown} error */
function refusal(error) {
  const refused = error instanceof ApiError && error.problems.length > 0;
  return refused ? t('import.refused') : errorText(error);
}

/** @param {import('../../lib/api.js').Problem} problem */
function wordOf(problem) {
  return { prefix: problem.prefix, text: codeText(problem) ?? problem.message };
}

/** @param {{ problems: readonly import('./import-file.js').ImportProblem[] }} props */
function Problems({ problems }) {
  if (problems.length === 0) return null;
  return html`<div class="import-problems" role="alert">
    <p class="field-error">${t('import.problems', { count: problems.length })}</p>
    <ul>
      ${problems.slice(0, MOST_PROBLEMS).map(({ prefix, text }) => html`<li key=${prefix}><code>${prefix}</code> ${text}</li>`)}
    </ul>
  </div>`;
}
