// @ts-check
import { html } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { usePolled } from '../lib/polled.js';
import { DryNotice } from '../pool/dry-notice.js';
import { adminRequest } from './session.js';

const REFRESH_MS = 30_000;

/**
 * @typedef {{ runningDry: boolean, counts: import('../pool/types.js').KeyCounts }} PoolStats the part of them that is
 *   used here
 */

/** Above every page of the console while the pool runs dry. */
export function DryBanner() {
  const { value } = usePolled(
    ({ signal }) =>
      /** @type {Promise<PoolStats>} */ (adminRequest('GET', '/admin/stats', { background: true, signal })),
    { everyMs: REFRESH_MS },
  );
  return html`<div class="notices" role="status">
    ${
      value?.runningDry &&
      html`<${DryNotice} counts=${value.counts} actions=${html`<a class="button button-plain" href="#/keys">${t('dry.show')}</a>`} />`
    }
  </div>`;
}
