// @ts-check
import { ApiError, errorText } from '../../lib/api.js';
import { html, useRef, useState } from '../../lib/html.js';
import { t } from '../../lib/i18n.js';
import { Button } from '../../parts/button.js';
import { Dialog } from '../../parts/dialog.js';
import { Field } from '../../parts/field.js';
import { Select } from '../../parts/select.js';
import { toast } from '../../parts/toast.js';
import { providerName, providers } from '../../pool/types.js';
import { DEFAULT_POOL } from '../pools/requests.js';
import { addKey, changeKey } from './requests.js';

/** @typedef {import('./requests.js').Key} Key */
/** @typedef {import('../pools/requests.js').PoolGroup} PoolGroup */
/** @typedef {{ field: string, text: string, detail?: string | undefined }} Problem `field`: `form` where it belongs to none */

const FIELDS = ['key', 'notes', 'poolGroup', 'provider', 'baseUrl', 'quotaTokens'];

/**
 * Adds a key, or edits one when `row` is given.
 *
 * @param {{ row?: Key, pool?: string, pools: readonly PoolGroup[], onDone: (row: Key) => void, onClose: () => void }} props
 *   `pool`: where a new key goes first
 */
export function KeyDialog({ row, pool, pools, onDone, onClose }) {
  const [key, setKey] = useState('');
  const [notes, setNotes] = useState(row?.notes ?? '');
  const [poolGroup, setPoolGroup] = useState(row?.poolGroup ?? pool ?? DEFAULT_POOL);
  const [provider, setProvider] = useState(/** @type {string} */ (row?.provider ?? ''));
  const [baseUrl, setBaseUrl] = useState(row?.baseUrl ?? '');
  const [quota, setQuota] = useState(String(row?.quotaTokens ?? ''));
  const [problem, setProblem] = useState(/** @type {Problem | undefined} */ (undefined));
  const [busy, setBusy] = useState(false);
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));

  /** @param {Problem} next */
  function show(next) {
    setProblem(next);
    requestAnimationFrame(() => {
      /** @type {HTMLElement | null | undefined} */ (
        form.current?.querySelector(`[name="${next.field}"]`)
      )?.focus();
    });
  }

  async function save() {
    const wantedUrl = baseUrl.trim();
    const wantedQuota = quota.trim() === '' ? null : Number(quota.replace(/[\s,_]/g, ''));
    if (row === undefined) {
      return await addKey({
        key: key.trim(),
        poolGroup,
        ...(notes.trim() !== '' && { notes }),
        ...(provider !== '' && { provider }),
        ...(wantedUrl !== '' && { baseUrl: wantedUrl }),
        ...(wantedQuota !== null && { quotaTokens: wantedQuota }),
      });
    }
    const changes = {
      ...(notes.trim() !== row.notes && { notes }),
      ...(poolGroup !== row.poolGroup && { poolGroup }),
      ...(provider !== row.provider && { provider }),
      ...(wantedUrl !== (row.baseUrl ?? '') && { baseUrl: wantedUrl === '' ? null : wantedUrl }),
      ...(wantedQuota !== row.quotaTokens && { quotaTokens: wantedQuota }),
    };
    return Object.keys(changes).length === 0 ? row : await changeKey(row.id, changes);
  }

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    if (busy) return;
    if (row === undefined && key.trim() === '') return show({ field: 'key', text: t('keys.keyEmpty') });
    if (quota.trim() !== '' && !/^[\d\s,_]+$/.test(quota)) {
      return show({ field: 'quotaTokens', text: t('keys.quotaWrong') });
    }
    setBusy(true);
    setProblem(undefined);
    try {
      const saved = await save();
      toast({ text: t(row === undefined ? 'keys.added' : 'keys.changed', { key: saved.hint }) });
      onDone(saved);
    } catch (error) {
      setBusy(false);
      show(problemOf(error));
    }
  }

  /** @param {string} name */
  const at = name =>
    problem?.field === name ? { error: problem.text, detail: problem.detail } : { error: undefined };
  const plain = { autocomplete: 'off', autocapitalize: 'off', spellcheck: false };

  return html`<${Dialog}
    title=${row === undefined ? t('keys.addTitle') : t('keys.editTitle', { key: row.hint })}
    busy=${busy}
    onClose=${onClose}
  >
    <form ref=${form} class="form" onSubmit=${submit} novalidate>
      <div class="dialog-body">
        ${problem?.field === 'form' && html`<p class="form-error" role="alert">${problem.text}</p>`}
        ${
          row === undefined &&
          html`<${Field} label=${t('field.key')} name="key" mono value=${key} onInput=${setKey} autofocus placeholder="sk-…" hint=${t('keys.keyHint')} ...${plain} ...${at('key')} />`
        }
        <div class="field-row">
          <${Select}
            label=${t('field.pool')}
            name="poolGroup"
            value=${poolGroup}
            options=${pools.map(({ id, name }) => ({ value: id, label: name }))}
            onChoose=${setPoolGroup}
            autofocus=${row !== undefined}
            error=${at('poolGroup').error}
          />
          <${Select}
            label=${t('field.provider')}
            name="provider"
            value=${provider}
            options=${[
              ...(row === undefined ? [{ value: '', label: t('keys.detect') }] : []),
              ...(row?.provider === 'azure' ? ['azure'] : [])
                .concat(providers)
                .map(each => ({ value: each, label: providerName(each) })),
            ]}
            onChoose=${setProvider}
            error=${at('provider').error}
          />
        </div>
        <${Field} label=${t('field.notes')} name="notes" value=${notes} onInput=${setNotes} maxlength="2000" hint=${t('keys.notesHint')} ...${plain} ...${at('notes')} />
        <${Field}
          label=${t('field.baseUrl')}
          name="baseUrl"
          type="url"
          mono
          value=${baseUrl}
          onInput=${setBaseUrl}
          placeholder="https://…/v1"
          hint=${t('keys.baseUrlHint')}
          ...${plain}
          ...${at('baseUrl')}
        />
        <${Field}
          label=${t('field.quota')}
          name="quotaTokens"
          inputmode="numeric"
          value=${quota}
          onInput=${setQuota}
          hint=${t('keys.quotaHint')}
          ...${plain}
          ...${at('quotaTokens')}
        />
      </div>
      <footer class="dialog-foot">
        <${Button} text=${t('dialog.cancel')} disabled=${busy} onClick=${onClose} />
        <${Button} type="submit" kind="primary" busy=${busy} text=${t(row === undefined ? 'keys.add' : 'keys.save')} />
      </footer>
    </form>
  <//>`;
}

/**
 * @param {unknown} error
 * @returns {Problem}
 */
export function problemOf(error) {
  const text = errorText(error);
  if (!(error instanceof ApiError)) return { field: 'form', text };
  const field = FIELDS.find(name => name === error.field) ?? 'form';
  if (error.code === 'ERR_DUPLICATE' && error.current?.hint !== undefined) {
    return { field, text: t('keys.duplicate', { key: error.current.hint }) };
  }
  return { field, text, detail: error.code === 'ERR_VALIDATION' ? error.detail : undefined };
}
