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
  const [result, setResult] = useState(
    /** @type {{ taken: number, leftOut: number } | undefined} */ (undefined),
  );

  async function confirm() {
    if (busy) return;
    setBusy(true);
    try {
      const { text, leftOut } = await exportKeys(status);
      const taken = text.split('\n').length - 1;
      if (taken > 0 || leftOut === 0) save(text, 'switchyard-keys.txt');
      if (leftOut > 0) {
        setBusy(false);
        setResult({ taken, leftOut });
        return;
      }
      toast({ text: t('export.done', { count: taken }) });
      onClose();
    } catch (error) {
      setBusy(false);
      setProblem(errorText(error));
    }
  }

  if (result !== undefined) return html`<${LeftOutDialog} ...${result} onClose=${onClose} />`;
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
 * What the file lacks: nobody would see it by the file.
 *
 * @param {{ taken: number, leftOut: number, onClose: () => void }} props
 */
function LeftOutDialog({ taken, leftOut, onClose }) {
  return html`<${Dialog} title=${t('export.title')} onClose=${onClose} class="dialog-narrow">
    <div class="dialog-body">
      <${Notice} kind="bad" role="alert" title=${t('export.leftOut', { count: leftOut })}>${t('export.leftOutText')}<//>
      <p>${t('export.done', { count: taken })}</p>
    </div>
    <footer class="dialog-foot">
      <${Button} kind="primary" text=${t('batch.close')} autofocus onClick=${onClose} />
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
