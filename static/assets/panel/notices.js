// @ts-check
import { base, errorText } from '../lib/api.js';
import { formatSpan, formatTime } from '../lib/format.js';
import { html } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { useNow } from '../lib/now.js';
import { Notice } from '../parts/notice.js';

/** Figures this old are called old. One missed answer is no news. */
const OLD_MS = 8000;
/** A clock may be this far off before times would mislead. */
const CLOCK_TOLERANCE_MS = 30_000;

/**
 * In what state the page's figures are.
 *
 * @param {import('../lib/stats.js').Live} live
 * @param {number} nowMs
 * @returns {'waiting' | 'refused' | 'away' | 'old' | 'retrying' | 'degraded' | 'live'}
 */
export function stateOf(live, nowMs) {
  const { failure, report } = live;
  if (failure?.code === 'ERR_UNAUTHORIZED') return 'refused';
  if (report === undefined) return failure === undefined ? 'waiting' : 'away';
  if (failure !== undefined) return nowMs - live.receivedAtMs > OLD_MS ? 'old' : 'retrying';
  return report.store.state === 'degraded' ? 'degraded' : 'live';
}

/** @param {{ live: import('../lib/stats.js').Live }} props */
export function LiveState({ live }) {
  const state = stateOf(live, useNow(live.failure !== undefined));
  return html`<p class=${`live-state live-state-${state}`} role="status">
    <i aria-hidden="true"></i><span>${t(`state.${state}`)}</span>
  </p>`;
}

/**
 * What a reader has to know before believing the figures below.
 *
 * @param {{ live: import('../lib/stats.js').Live }} props
 */
export function Notices({ live }) {
  const nowMs = useNow(live.failure !== undefined);
  const { report, failure } = live;
  const state = stateOf(live, nowMs);
  const store = report?.store;
  const clockOff = report !== undefined && Math.abs(live.clockAheadMs) > CLOCK_TOLERANCE_MS;
  return html`<div class="notices" role="status" aria-live="polite">
    ${
      state === 'refused' &&
      html`<${Notice}
        title=${t('notice.refused')}
        actions=${html`<a class="button button-primary" href=${`${base}/admin`}>${t('notice.signIn')}</a>`}
      >
        ${t('notice.refusedText')}
      <//>`
    }
    ${state === 'away' && html`<${Notice} kind="bad" title=${t('notice.away')}>${errorText(failure)} ${t('notice.retry')}<//>`}
    ${
      state === 'old' &&
      html`<${Notice} kind="bad" icon="clock" title=${t('notice.old', { time: formatTime(live.receivedAtMs, 'second') })}>
        ${errorText(failure)} ${t('notice.retry')}
      <//>`
    }
    ${
      store?.state === 'degraded' &&
      html`<${Notice} kind="warn" title=${t('notice.degraded', { store: store.kind === 'redis' ? 'Redis' : 'SQLite' })}>
        ${t('notice.degradedText')} ${t('notice.queued', { count: store.queued_rows })}
        ${store.dropped_rows > 0 && html` <strong>${t('notice.dropped', { count: store.dropped_rows })}</strong>`}
      <//>`
    }
    ${
      clockOff &&
      html`<${Notice} kind="info" icon="clock" title=${t('notice.clock')}>
        ${t(live.clockAheadMs > 0 ? 'notice.clockAhead' : 'notice.clockBehind', { span: formatSpan(Math.abs(live.clockAheadMs) / 1000) })}
      <//>`
    }
  </div>`;
}
