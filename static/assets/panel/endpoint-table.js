// @ts-check
import { formatDuration, formatPercent, formatShortCount } from '../lib/format.js';
import { html } from '../lib/html.js';
import { t } from '../lib/i18n.js';

const MOST_SHOWN = 20;

/**
 * The busiest endpoints of one prefix.
 *
 * @param {{ prefix: string, endpoints: readonly import('../lib/stats.js').EndpointFigures[] }} props
 */
export function EndpointTable({ prefix, endpoints }) {
  const busiest = [...endpoints].sort((a, b) => b.requests - a.requests).slice(0, MOST_SHOWN);
  return html`<table class="table table-small">
    <caption class="visually-hidden">
      ${t('endpoints.caption', { prefix })}
    </caption>
    <thead>
      <tr>
        <th scope="col">${t('column.endpoint')}</th>
        <th scope="col" class="numeric">${t('column.requests')}</th>
        <th scope="col" class="numeric">${t('column.errors')}</th>
        <th scope="col" class="numeric from-tablet">p50</th>
        <th scope="col" class="numeric">p95</th>
      </tr>
    </thead>
    <tbody>
      ${busiest.map(
        each => html`<tr key=${each.endpoint}>
          <th scope="row"><code class="endpoint">${each.endpoint}</code></th>
          <td class="numeric">${formatShortCount(each.requests)}</td>
          <td class="numeric">${formatPercent(each.error_rate)}</td>
          <td class="numeric from-tablet">${formatDuration(each.duration.p50_ms)}</td>
          <td class="numeric">${formatDuration(each.duration.p95_ms)}</td>
        </tr>`,
      )}
    </tbody>
  </table>`;
}
