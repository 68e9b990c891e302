// @ts-check
import { base } from '../lib/api.js';
import { html } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { usePolled } from '../lib/polled.js';
import { DryNotice } from '../pool/dry-notice.js';
import { fetchStatus } from '../status/requests.js';

/** Its answer lists keys, which this page has no use for: it is asked seldom. */
const REFRESH_MS = 30_000;

/** Above the figures while the pool of keys runs dry. */
export function DryBanner() {
  const { value } = usePolled(fetchStatus, { everyMs: REFRESH_MS });
  const pool = value?.pool;
  return html`<div class="notices" role="status">
    ${
      pool?.runningDry &&
      html`<${DryNotice} counts=${pool.counts} actions=${html`<a class="button button-plain" href=${`${base}/status`}>${t('dry.status')}</a>`} />`
    }
  </div>`;
}
