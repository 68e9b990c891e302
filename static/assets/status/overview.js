// @ts-check
import { formatCount, formatPercent } from '../lib/format.js';
import { html } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { CountsBar } from '../pool/counts-bar.js';
import { keyStatuses } from '../pool/types.js';

/** How many keys are in which state, and by which rules. @param {{ pool: import('./requests.js').PoolStatus }} props */
export function Overview({ pool }) {
  const { counts, autoBan } = pool;
  return html`<section class="card overview" aria-labelledby="overview-title">
    <h2 id="overview-title" class="visually-hidden">${t('overview.title')}</h2>
    <dl class="overview-figures">
      <div class="overview-usable">
        <dt>${t('overview.usable')}</dt>
        <dd>
          <strong class=${counts.active === 0 && counts.total > 0 ? 'bad' : ''}>${formatCount(counts.active)}</strong>
          <span class="muted">${t('overview.of', { count: counts.total })}${counts.total > 0 ? ` · ${formatPercent(counts.active / counts.total)}` : ''}</span>
        </dd>
      </div>
      ${keyStatuses
        .filter(status => status !== 'active')
        .map(
          status => html`<div key=${status}>
            <dt><i class=${`dot dot-${status}`} aria-hidden="true"></i><span class="status-word">${t(`status.${status}`)}</span></dt>
            <dd>${formatCount(counts[status])}</dd>
          </div>`,
        )}
    </dl>
    <${CountsBar} counts=${counts} wordless />
    <dl class="overview-rules">
      <div>
        <dt>${t('setting.algorithm')}</dt>
        <dd>${t(`algorithm.${pool.algorithm}`)} <code class="muted">${pool.algorithm}</code></dd>
      </div>
      <${Rule} label=${t('setting.autoBan.enabled')} on=${autoBan.enabled} />
      <${Rule} label=${t('setting.autoBan.ban_401')} on=${autoBan.enabled && autoBan.ban_401} />
      <${Rule} label=${t('setting.autoBan.ban_402')} on=${autoBan.enabled && autoBan.ban_402} />
      <div>
        <dt>${t('setting.autoBan.threshold')}</dt>
        <dd>${formatCount(autoBan.threshold)}</dd>
      </div>
    </dl>
  </section>`;
}

/** @param {{ label: string, on: boolean }} props */
function Rule({ label, on }) {
  return html`<div>
    <dt>${label}</dt>
    <dd><span class=${`badge ${on ? 'badge-good' : ''}`}>${t(on ? 'settings.on' : 'settings.off')}</span></dd>
  </div>`;
}
