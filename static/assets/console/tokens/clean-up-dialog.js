// @ts-check
import { errorText } from '../../lib/api.js';
import { formatTime } from '../../lib/format.js';
import { html, useState } from '../../lib/html.js';
import { t } from '../../lib/i18n.js';
import { Button } from '../../parts/button.js';
import { Dialog } from '../../parts/dialog.js';
import { Field } from '../../parts/field.js';
import { toast } from '../../parts/toast.js';
import { cleanUpTokens } from './requests.js';

const MOST_DAYS = 3650;

/** Deletes old counts; totals stay. @param {{ onDone: () => void, onClose: () => void }} props */
export function CleanUpDialog({ onDone, onClose }) {
  const [days, setDays] = useState('90');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    if (busy) return;
    const count = Number(days);
    if (!/^\d+$/.test(days.trim()) || count < 1 || count > MOST_DAYS) {
      return setProblem(t('settings.range', { least: '1', most: String(MOST_DAYS) }));
    }
    setBusy(true);
    try {
      const { beforeMs } = await cleanUpTokens(count);
      toast({ text: t('tokens.cleaned', { time: formatTime(beforeMs, 'date') }) });
      onDone();
    } catch (error) {
      setBusy(false);
      setProblem(errorText(error));
    }
  }

  return html`<${Dialog} title=${t('tokens.cleanUpTitle')} busy=${busy} onClose=${onClose} class="dialog-narrow">
    <form class="form" onSubmit=${submit} novalidate>
      <div class="dialog-body">
        <p>${t('tokens.cleanUpText')}</p>
        <${Field} label=${t('tokens.days')} name="days" inputmode="numeric" value=${days} onInput=${setDays} autofocus error=${problem || undefined} />
      </div>
      <footer class="dialog-foot">
        <${Button} text=${t('dialog.cancel')} disabled=${busy} onClick=${onClose} />
        <${Button} type="submit" kind="danger" busy=${busy} text=${t('tokens.cleanUpSubmit')} />
      </footer>
    </form>
  <//>`;
}
