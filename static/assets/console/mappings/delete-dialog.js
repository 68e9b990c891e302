// @ts-check
import { ApiError, errorText } from '../../lib/api.js';
import { html, useState } from '../../lib/html.js';
import { t } from '../../lib/i18n.js';
import { ConfirmDialog } from '../../parts/dialog.js';
import { toast } from '../../parts/toast.js';
import { currentMapping } from './current.js';
import { deleteMapping } from './requests.js';

/**
 * @param {{ row: import('./requests.js').MappingRow, onDone: () => void, onClose: () => void }} props
 */
export function DeleteDialog({ row, onDone, onClose }) {
  const [seen, setSeen] = useState(row);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');

  async function confirm() {
    if (busy) return;
    setBusy(true);
    try {
      await deleteMapping(seen);
      toast({ text: t('mappings.deleted', { prefix: seen.prefix }) });
      onDone();
    } catch (error) {
      setBusy(false);
      if (error instanceof ApiError && error.status === 404) {
        toast({ text: t('mappings.deleted', { prefix: seen.prefix }) });
        return onDone();
      }
      const current =
        error instanceof ApiError && error.status === 412
          ? await currentMapping(error, seen.prefix)
          : undefined;
      if (current !== undefined) {
        setSeen(current);
        setProblem(t('mappings.deleteChanged'));
      } else {
        setProblem(errorText(error));
      }
    }
  }

  return html`<${ConfirmDialog}
    title=${t('mappings.deleteTitle', { prefix: seen.prefix })}
    text=${html`${t('mappings.deleteText')}<code class="confirm-value">${seen.prefix} → ${seen.target}</code>`}
    action=${t('mappings.delete')}
    busy=${busy}
    error=${problem}
    onConfirm=${confirm}
    onClose=${onClose}
  />`;
}
