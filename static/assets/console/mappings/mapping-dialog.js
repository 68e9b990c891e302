// @ts-check
import { ApiError, addressOf, errorText } from '../../lib/api.js';
import { html, useRef, useState } from '../../lib/html.js';
import { t } from '../../lib/i18n.js';
import { Button } from '../../parts/button.js';
import { Dialog } from '../../parts/dialog.js';
import { Field } from '../../parts/field.js';
import { Notice } from '../../parts/notice.js';
import { toast } from '../../parts/toast.js';
import { currentMapping } from './current.js';
import { addMapping, changeMapping } from './requests.js';
import { prefixProblem, targetProblem, tidyPrefix } from './rules.js';

/** @typedef {import('./requests.js').MappingRow} MappingRow */
/** @typedef {{ text: string, detail?: string }} Problem */
/** @typedef {{ prefix?: Problem, target?: Problem, form?: Problem }} Problems */

/**
 * Adds a mapping, or edits one when `row` is given. A mapping that somebody else changed meanwhile is shown as it is now,
 * and the reader says which of the two shall hold.
 *
 * @param {{ row?: MappingRow, onDone: () => void, onClose: () => void }} props
 */
export function MappingDialog({ row, onDone, onClose }) {
  const [prefix, setPrefix] = useState(row?.prefix ?? '');
  const [target, setTarget] = useState(row?.target ?? '');
  const [seen, setSeen] = useState(row);
  const [other, setOther] = useState(/** @type {MappingRow | undefined} */ (undefined));
  const [gone, setGone] = useState(false);
  const [problems, setProblems] = useState(/** @type {Problems} */ ({}));
  const [busy, setBusy] = useState(false);
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  const adding = seen === undefined || gone;

  /** @param {Problems} next */
  function show(next) {
    setProblems(next);
    const name = next.prefix ? 'prefix' : next.target ? 'target' : undefined;
    // After the render that enables the inputs again.
    requestAnimationFrame(() => {
      /** @type {HTMLElement | null | undefined} */ (
        name && form.current?.querySelector(`[name="${name}"]`)
      )?.focus();
    });
  }

  /**
   * @param {string} wantedPrefix
   * @param {string} wantedTarget
   */
  async function save(wantedPrefix, wantedTarget) {
    setBusy(true);
    setProblems({});
    try {
      if (seen === undefined || gone) await addMapping(wantedPrefix, wantedTarget);
      else await changeMapping(seen, wantedTarget);
      toast({ text: t(row === undefined ? 'mappings.added' : 'mappings.changed', { prefix: wantedPrefix }) });
      onDone();
    } catch (error) {
      setBusy(false);
      await refused(error, wantedPrefix);
    }
  }

  /**
   * @param {unknown} error
   * @param {string} wantedPrefix
   */
  async function refused(error, wantedPrefix) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 412) {
      const current = await currentMapping(error, wantedPrefix);
      if (current !== undefined) {
        setSeen(current);
        setOther(current);
        return;
      }
    }
    if (error.status === 404 && !adding) {
      setGone(true);
      return;
    }
    const problem = {
      text: errorText(error),
      ...(error.code === 'ERR_VALIDATION' && error.detail && { detail: error.detail }),
    };
    const place =
      error.field === 'prefix' && adding ? 'prefix' : error.field === 'target' ? 'target' : 'form';
    show({ [place]: problem });
  }

  /** @param {Event} event */
  function submit(event) {
    event.preventDefault();
    if (busy) return;
    const tidy = tidyPrefix(prefix);
    const trimmed = target.trim();
    setPrefix(tidy);
    setTarget(trimmed);
    const badPrefix = adding ? prefixProblem(tidy) : undefined;
    const badTarget = targetProblem(trimmed);
    if (badPrefix || badTarget) {
      show({
        ...(badPrefix && { prefix: { text: t(badPrefix) } }),
        ...(badTarget && { target: { text: t(badTarget) } }),
      });
      return;
    }
    setOther(undefined);
    void save(tidy, trimmed);
  }

  return html`<${Dialog}
    title=${row === undefined ? t('mappings.addTitle') : t('mappings.editTitle', { prefix: row.prefix })}
    busy=${busy}
    onClose=${onClose}
  >
    <form ref=${form} class="form" onSubmit=${submit} novalidate>
      <div class="dialog-body">
        ${
          other &&
          html`<${Notice}
            kind="warn"
            role="alert"
            title=${t('mappings.conflict')}
            actions=${html`<${Button}
              text=${t('mappings.takeTheirs')}
              onClick=${() => {
                setTarget(other.target);
                setOther(undefined);
              }}
            />`}
          >
            ${t('mappings.conflictText')} <code class="confirm-value" data-current>${other.target}</code>
          <//>`
        }
        ${gone && html`<${Notice} kind="warn" role="alert" title=${t('mappings.gone')}>${t('mappings.goneText')}<//>`}
        ${problems.form && html`<p class="form-error" role="alert">${problems.form.text}${problems.form.detail && html` <span lang="en">${problems.form.detail}</span>`}</p>`}
        <${Field}
          label=${t('column.prefix')}
          name="prefix"
          mono
          value=${prefix}
          onInput=${setPrefix}
          onBlur=${() => setPrefix(tidyPrefix(prefix))}
          readonly=${row !== undefined}
          autofocus=${row === undefined}
          placeholder="/openai"
          autocomplete="off"
          autocapitalize="off"
          spellcheck=${false}
          error=${problems.prefix?.text}
          detail=${problems.prefix?.detail}
          hint=${row === undefined ? t('mappings.prefixHint') : t('mappings.prefixFixed')}
        />
        <${Field}
          label=${t('column.target')}
          name="target"
          type="url"
          mono
          value=${target}
          onInput=${setTarget}
          autofocus=${row !== undefined}
          placeholder="https://api.openai.com"
          autocomplete="off"
          autocapitalize="off"
          spellcheck=${false}
          error=${problems.target?.text}
          detail=${problems.target?.detail}
          hint=${t('mappings.targetHint')}
        />
        <p class="mapping-preview" aria-hidden="true">
          <code>${addressOf(tidyPrefix(prefix) || '/…')}/v1/…</code>
          <span>→</span>
          <code>${(target.trim() || 'https://…').replace(/\/+$/, '')}/v1/…</code>
        </p>
      </div>
      <footer class="dialog-foot">
        <${Button} text=${t('dialog.cancel')} disabled=${busy} onClick=${onClose} />
        <${Button}
          type="submit"
          kind="primary"
          busy=${busy}
          text=${t(other ? 'mappings.keepMine' : gone ? 'mappings.addAgain' : row === undefined ? 'mappings.add' : 'mappings.save')}
        />
      </footer>
    </form>
  <//>`;
}
