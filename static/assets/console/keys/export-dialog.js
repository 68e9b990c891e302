// @ts-check
import { errorText } from '../../lib/api.js';
import { html, useState } from '../../lib/html.js';
import { t } from '../../lib/i18n.js';
import { Button } from '../../parts/button.js';
import { Dialog } from '../../parts/dialog.js';
import { Notice } from '../../parts/notice.js';
import { Select } from '../../parts/select.js';
import { toast } from '../../parts/toast.js';
import { keyStatuses } from '../../pool/types.js';
import { exportKeys } from './requests.js';

/** @param {{ counts: import('../../pool/types.js').KeyCounts, onClose: () => void }} props */
export function ExportDialog({ counts, onClose }) {
  const [status, setStatus] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');

  async function confirm() {
    if (busy) return;
    setBusy(true);
    try {
      const text = await exportKeys(status);
      save(text, 'switchyard-keys.txt');
      toast({ text: t('export.done', { count: text.split('\n').length - 1 }) });
      onClose();
    } catch (error) {
      setBusy(false);
      setProblem(errorText(error));
    }
  }

  const options = [
    { value: '', label: t('export.all', { count: counts.total }) },
    ...keyStatuses.map(each => ({
      value: each,
      label: t('export.some', { status: t(`status.${each}`), count: counts[each] }),
    })),
  ];
  return html`<${Dialog} title=${t('export.title')} busy=${busy} onClose=${onClose} class="dialog-narrow">
    <div class="dialog-body">
      <${Notice} kind="warn" title=${t('export.warning')}>${t('export.warningText')}<//>
      <${Select} label=${t('export.which')} name="status" value=${status} options=${options} onChoose=${setStatus} />
      ${problem && html`<p class="form-error" role="alert">${problem}</p>`}
    </div>
    <footer class="dialog-foot">
      <${Button} text=${t('dialog.cancel')} disabled=${busy} autofocus onClick=${onClose} />
      <${Button} kind="danger" icon="download" text=${t('export.submit')} busy=${busy} onClick=${confirm} />
    </footer>
  <//>`;
}

/**
 * Gives a text to the browser's downloads. The address of it is forgotten at once.
 *
 * @param {string} text
 * @param {string} name
 */
function save(text, name) {
  const address = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 0);
}
