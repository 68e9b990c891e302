// @ts-check
import { ApiError, base, errorText } from '../lib/api.js';
import { formatTime } from '../lib/format.js';
import { html, useEffect } from '../lib/html.js';
import { language, t } from '../lib/i18n.js';
import { useNow } from '../lib/now.js';
import { usePolled } from '../lib/polled.js';
import { useSignal } from '../lib/signal.js';
import { Notice } from '../parts/notice.js';
import { PageFoot, PageHead, SkipLink } from '../parts/page-head.js';
import { Toasts } from '../parts/toast.js';
import { DryNotice } from '../pool/dry-notice.js';
import { EndpointTable, KeyTable, RetiredTable } from './key-tables.js';
import { Overview } from './overview.js';
import { fetchStatus } from './requests.js';
import { Sources, Tiers } from './sources.js';

const REFRESH_MS = 3000;
/** Figures this old are called old. One missed answer is no news. */
const OLD_MS = 10_000;

/** The page at `/status`: how the pool does, for everybody who may see the panel. */
export function Status() {
  const tag = useSignal(language);
  const polled = usePolled(fetchStatus, { everyMs: REFRESH_MS });
  const { value: report, failure } = polled;
  const pool = report?.pool;

  useEffect(() => {
    document.title = t('statusPage.title');
  }, [tag]);

  return html`
    <${SkipLink} />
    <${PageHead}
      href=${`${base}/`}
      state=${html`<${State} polled=${polled} />`}
      link=${{ href: `${base}/`, text: t('page.panel'), icon: 'panel' }}
    />
    <main id="main" class="console status-page" tabindex="-1">
      <header class="view-head">
        <div>
          <h1>${t('statusPage.heading')}</h1>
          <p class="muted">${t('statusPage.lead')}</p>
        </div>
      </header>
      <${Notices} polled=${polled} />
      ${report === undefined && failure === undefined && html`<div class="is-coming" aria-hidden="true"></div>`}
      ${report !== undefined && pool === undefined && html`<div class="card empty"><p>${t('statusPage.noPool')}</p></div>`}
      ${
        pool &&
        html`<div class="status-grid">
          <${Overview} pool=${pool} />
          <div class="status-pair">
            <${Sources} sources=${pool.sources} />
            <${Tiers} pools=${pool.pools} />
          </div>
          <${KeyTable} keys=${pool.keys} leftOut=${pool.keysLeftOut} pools=${pool.pools} allRetired=${pool.counts.total > 0} />
          <div class="status-pair">
            <${EndpointTable} endpoints=${pool.endpoints} />
            <${RetiredTable} retired=${pool.retired} leftOut=${pool.retiredLeftOut} pools=${pool.pools} />
          </div>
        </div>`
      }
    </main>
    <${PageFoot}
      links=${[
        { href: '/stats', text: t('page.stats') },
        { href: '/metrics', text: t('page.metrics') },
        { href: '/health', text: t('page.health') },
      ]}
    >
      ${report && html`Switchyard ${report.version}`}
    <//>
    <${Toasts} />
  `;
}

/**
 * @param {import('../lib/polled.js').Polled<import('./requests.js').StatusReport>} polled
 * @param {number} nowMs
 */
function stateOf({ value, failure, receivedAtMs }, nowMs) {
  if (failure instanceof ApiError && failure.code === 'ERR_UNAUTHORIZED') return 'refused';
  if (value === undefined) return failure === undefined ? 'waiting' : 'away';
  if (failure !== undefined) return nowMs - receivedAtMs > OLD_MS ? 'old' : 'retrying';
  return value.pool?.stale || value.store.state === 'degraded' ? 'degraded' : 'live';
}

/** @param {{ polled: import('../lib/polled.js').Polled<any> }} props */
function State({ polled }) {
  const state = stateOf(polled, useNow(polled.failure !== undefined));
  return html`<p class=${`live-state live-state-${state}`} role="status">
    <i aria-hidden="true"></i><span>${t(`state.${state}`)}</span>
  </p>`;
}

/** @param {{ polled: import('../lib/polled.js').Polled<import('./requests.js').StatusReport> }} props */
function Notices({ polled }) {
  const state = stateOf(polled, useNow(polled.failure !== undefined));
  const { value, failure, receivedAtMs } = polled;
  return html`<div class="notices" role="status" aria-live="polite">
    ${
      state === 'refused' &&
      html`<${Notice}
        title=${t('statusPage.refused')}
        actions=${html`<a class="button button-primary" href=${`${base}/admin`}>${t('notice.signIn')}</a>`}
      >
        ${t('notice.refusedText')}
      <//>`
    }
    ${state === 'away' && html`<${Notice} kind="bad" title=${t('notice.away')}>${errorText(failure)} ${t('notice.retry')}<//>`}
    ${
      state === 'old' &&
      html`<${Notice} kind="bad" icon="clock" title=${t('notice.old', { time: formatTime(receivedAtMs, 'second') })}>
        ${errorText(failure)} ${t('notice.retry')}
      <//>`
    }
    ${state === 'degraded' && html`<${Notice} kind="warn" title=${t('mappings.stale')}>${t('statusPage.staleText')}<//>`}
    ${value?.pool?.runningDry && html`<${DryNotice} counts=${value.pool.counts} />`}
  </div>`;
}
