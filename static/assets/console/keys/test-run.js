// @ts-check
import { ApiError, errorText } from '../../lib/api.js';
import { html, useState } from '../../lib/html.js';
import { t } from '../../lib/i18n.js';
import { Button } from '../../parts/button.js';
import { Dialog } from '../../parts/dialog.js';
import { Progress } from '../../parts/progress.js';
import { toast } from '../../parts/toast.js';
import { cancelTestRun, startTestRun } from './requests.js';

/** @typedef {import('./requests.js').TestProgress} TestProgress */

/**
 * How far the test of many keys is, and the way to end it.
 *
 * @param {{ run: TestProgress, onRun: (run: TestProgress) => void, onDismiss: () => void }} props
 */
export function TestRunBar({ run, onRun, onDismiss }) {
  const [cancelling, setCancelling] = useState(false);
  const running = run.state === 'running';

  async function cancel() {
    if (cancelling) return;
    setCancelling(true);
    try {
      onRun(await cancelTestRun());
    } catch (error) {
      toast({ text: errorText(error), kind: 'bad' });
    } finally {
      setCancelling(false);
    }
  }

  return html`<section class="card test-run" aria-label=${t('testRun.title')}>
    <div class="test-run-text">
      <strong role="status">${t(`testRun.${run.state}`)}</strong>
      <span>${t('testRun.progress', { done: run.done, total: run.total })}</span>
      <span class="good">${t('testRun.ok', { count: run.ok })}</span>
      <span class=${run.failed > 0 ? 'bad' : 'muted'}>${t('testRun.failed', { count: run.failed })}</span>
    </div>
    <${Progress} label=${t('testRun.title')} done=${run.done} total=${run.total} />
    ${
      running
        ? html`<${Button} text=${t('testRun.cancel')} busy=${cancelling} onClick=${cancel} />`
        : html`<${Button} icon="close" iconOnly kind="quiet" text=${t('toast.dismiss')} onClick=${onDismiss} />`
    }
  </section>`;
}

/**
 * Asks before hundreds of requests go upstream.
 *
 * @param {{ count: number, filter: { status?: string, pool?: string, provider?: string }, onStarted: (run: TestProgress) => void,
 *   onClose: () => void }} props
 */
export function TestAllDialog({ count, filter, onStarted, onClose }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');

  async function confirm() {
    if (busy) return;
    setBusy(true);
    try {
      onStarted(await startTestRun(filter));
    } catch (error) {
      setBusy(false);
      setProblem(
        error instanceof ApiError && error.status === 409 ? t('testRun.underWay') : errorText(error),
      );
    }
  }

  return html`<${Dialog} title=${t('testRun.askTitle', { count })} busy=${busy} onClose=${onClose} class="dialog-narrow">
    <div class="dialog-body">
      <p>${t('testRun.askText')}</p>
      ${problem && html`<p class="form-error" role="alert">${problem}</p>`}
    </div>
    <footer class="dialog-foot">
      <${Button} text=${t('dialog.cancel')} disabled=${busy} onClick=${onClose} />
      <${Button} kind="primary" icon="try" autofocus text=${t('testRun.start')} busy=${busy} onClick=${confirm} />
    </footer>
  <//>`;
}
