// @ts-check
import { ApiError, errorText } from '../../lib/api.js';
import { html, useState } from '../../lib/html.js';
import { t } from '../../lib/i18n.js';
import { ConfirmDialog } from '../../parts/dialog.js';
import { toast } from '../../parts/toast.js';
import { deleteKey, deleteKeys } from './requests.js';

/**
 * @param {{ row: import('./requests.js').Key, onDone: () => void, onClose: () => void }} props
 */
export function DeleteKeyDialog({ row, onDone, onClose }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');

  async function confirm() {
    if (busy) return;
    setBusy(true);
    try {
      await deleteKey(row.id);
    } catch (error) {
      // Somebody else was quicker: it is gone, as was wanted.
      if (!(error instanceof ApiError && error.status === 404)) {
        setBusy(false);
        return setProblem(errorText(error));
      }
    }
    toast({ text: t('keys.deleted', { key: row.hint }) });
    onDone();
  }

  return html`<${ConfirmDialog}
    title=${t('keys.deleteTitle')}
    text=${html`${t('keys.deleteText')}<code class="confirm-value">${row.hint}${row.notes && html` <span class="muted">${row.notes}</span>`}</code>`}
    action=${t('keys.delete')}
    busy=${busy}
    error=${problem}
    onConfirm=${confirm}
    onClose=${onClose}
  />`;
}

/**
 * Deletes all keys of a status, whatever the other filters say.
 *
 * @param {{ status: 'banned' | 'disabled', count: number, onDone: () => void, onClose: () => void }} props
 */
export function DeleteAllDialog({ status, count, onDone, onClose }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');

  async function confirm() {
    if (busy) return;
    setBusy(true);
    try {
      const { deleted } = await deleteKeys(status);
      toast({ text: t('keys.deletedAll', { count: deleted }) });
      onDone();
    } catch (error) {
      setBusy(false);
      setProblem(errorText(error));
    }
  }

  return html`<${ConfirmDialog}
    title=${t(`keys.deleteAllTitle.${status}`)}
    text=${t('keys.deleteAllText', { count })}
    action=${t('keys.deleteAll', { count })}
    busy=${busy}
    error=${problem}
    onConfirm=${confirm}
    onClose=${onClose}
  />`;
}
