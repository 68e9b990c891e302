// @ts-check
import { ApiError, errorText } from '../../lib/api.js';
import { html, useRef, useState } from '../../lib/html.js';
import { t } from '../../lib/i18n.js';
import { Button } from '../../parts/button.js';
import { Dialog } from '../../parts/dialog.js';
import { Field } from '../../parts/field.js';
import { toast } from '../../parts/toast.js';
import { addPool, changePool } from './requests.js';

const FIELDS = ['name', 'id', 'description'];

/**
 * Adds a pool, or edits one when `group` is given. Its id stays: keys and addresses name it.
 *
 * @param {{ group?: import('./requests.js').PoolGroup, onDone: () => void, onClose: () => void }} props
 */
export function PoolDialog({ group, onDone, onClose }) {
  const [name, setName] = useState(group?.name ?? '');
  const [id, setId] = useState(group?.id ?? '');
  const [description, setDescription] = useState(group?.description ?? '');
  const [problem, setProblem] = useState(
    /** @type {{ field: string, text: string, detail?: string | undefined } | undefined} */ (undefined),
  );
  const [busy, setBusy] = useState(false);
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));

  /** @param {NonNullable<typeof problem>} next */
  function show(next) {
    setProblem(next);
    requestAnimationFrame(() => {
      /** @type {HTMLElement | null | undefined} */ (
        form.current?.querySelector(`[name="${next.field}"]`)
      )?.focus();
    });
  }

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    if (busy) return;
    if (name.trim() === '') return show({ field: 'name', text: t('pools.nameEmpty') });
    setBusy(true);
    setProblem(undefined);
    const fields = { name: name.trim(), description: description.trim() };
    try {
      if (group === undefined) await addPool({ ...fields, ...(id.trim() !== '' && { id: id.trim() }) });
      else await changePool(group.id, fields);
      toast({ text: t(group === undefined ? 'pools.added' : 'pools.changed', { name: fields.name }) });
      onDone();
    } catch (error) {
      setBusy(false);
      const field = error instanceof ApiError ? FIELDS.find(each => each === error.field) : undefined;
      const detail = error instanceof ApiError && error.code === 'ERR_VALIDATION' ? error.detail : undefined;
      show({ field: field ?? 'form', text: errorText(error), detail });
    }
  }

  /** @param {string} field */
  const at = field => (problem?.field === field ? { error: problem.text, detail: problem.detail } : {});
  return html`<${Dialog}
    title=${group === undefined ? t('pools.addTitle') : t('pools.editTitle', { name: group.name })}
    busy=${busy}
    onClose=${onClose}
  >
    <form ref=${form} class="form" onSubmit=${submit} novalidate>
      <div class="dialog-body">
        ${problem?.field === 'form' && html`<p class="form-error" role="alert">${problem.text}</p>`}
        <${Field} label=${t('field.poolName')} name="name" value=${name} onInput=${setName} autofocus maxlength="100" autocomplete="off" ...${at('name')} />
        <${Field}
          label=${t('field.poolId')}
          name="id"
          mono
          value=${id}
          onInput=${setId}
          readonly=${group !== undefined}
          maxlength="64"
          autocomplete="off"
          autocapitalize="off"
          spellcheck=${false}
          hint=${t(group === undefined ? 'pools.idHint' : 'pools.idFixed')}
          ...${at('id')}
        />
        <${Field} label=${t('field.description')} name="description" multiline rows="2" value=${description} onInput=${setDescription} maxlength="1000" hint=${group === undefined ? t('pools.lastHint') : undefined} ...${at('description')} />
      </div>
      <footer class="dialog-foot">
        <${Button} text=${t('dialog.cancel')} disabled=${busy} onClick=${onClose} />
        <${Button} type="submit" kind="primary" busy=${busy} text=${t(group === undefined ? 'pools.add' : 'keys.save')} />
      </footer>
    </form>
  <//>`;
}
