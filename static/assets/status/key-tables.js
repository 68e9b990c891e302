// @ts-check
import { serverNowMs } from '../lib/api.js';
import {
  formatAgo,
  formatCount,
  formatPercent,
  formatShortCount,
  formatTime,
  NO_FIGURE,
} from '../lib/format.js';
import { html, useRef } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { Table } from '../parts/table.js';
import { BackIn, weightiest } from '../pool/back-in.js';
import { StatusBadge } from '../pool/status-badge.js';
import { successRate } from '../pool/success-rate.js';
import { keyStatuses, providerName } from '../pool/types.js';

const PAGE_SIZE = 25;
const SUCCESS_WARN = 0.95;

/** @typedef {import('./requests.js').StatusKey} StatusKey */
/** @typedef {import('./requests.js').RetiredKey} RetiredKey */
/** @typedef {import('./requests.js').Endpoint} Endpoint */
/** @typedef {import('./requests.js').PoolStatus['pools']} Pools */
/** @typedef {import('../parts/table.js').Column} Column */

/** @param {Pools} pools @param {string} id */
const poolName = (pools, id) => pools.find(pool => pool.id === id)?.name ?? id;

/**
 * Keys have no name here but their hint, which several may share: a row is told by its place among its like.
 *
 * @template {{ hint: string }} Row
 * @param {readonly Row[]} rows
 * @returns {(Row & { rowId: string })[]}
 */
function numbered(rows) {
  /** @type {Map<string, number>} */
  const met = new Map();
  return rows.map(row => {
    const count = met.get(row.hint) ?? 0;
    met.set(row.hint, count + 1);
    return { ...row, rowId: `${row.hint} ${count}` };
  });
}

/**
 * Keys that take turns would change their places with every answer: they keep those of the first one, the busiest in
 * front, until a reader sorts them.
 *
 * @template {{ rowId: string }} Row
 * @param {readonly Row[]} rows
 * @returns {Row[]}
 */
function useKeptOrder(rows) {
  const places = useRef(/** @type {Map<string, number>} */ (new Map()));
  for (const { rowId } of rows) {
    if (!places.current.has(rowId)) places.current.set(rowId, places.current.size);
  }
  return [...rows].sort((a, b) => (places.current.get(a.rowId) ?? 0) - (places.current.get(b.rowId) ?? 0));
}

/** @param {any} row */
const rowKey = row => row.rowId;

/** @param {{ keys: readonly StatusKey[], leftOut: number, pools: Pools, allRetired: boolean }} props */
export function KeyTable({ keys, leftOut, pools, allRetired }) {
  const rows = useKeptOrder(numbered(keys));
  /** @type {Column[]} */
  const columns = [
    {
      id: 'key',
      label: t('column.key'),
      sortBy: row => row.hint,
      render: row => html`<code class="key-hint">${row.hint}</code>`,
    },
    {
      id: 'status',
      label: t('column.status'),
      sortBy: row => keyStatuses.indexOf(row.status),
      render: (/** @type {StatusKey} */ row) => {
        const rest = weightiest(row.rests);
        return html`<span class="status-line"><${StatusBadge} status=${row.status} />${
          rest &&
          html` <small><${BackIn} untilMs=${rest.untilMs} model=${rest.model === '*' ? undefined : rest.model} /></small>`
        }</span>`;
      },
    },
    {
      id: 'provider',
      label: t('column.provider'),
      sortBy: row => row.provider,
      from: 'tablet',
      render: row => providerName(row.provider),
    },
    {
      id: 'source',
      label: t('column.source'),
      sortBy: row => row.source,
      from: 'desktop',
      render: (/** @type {StatusKey} */ row) => t(`keysource.${row.source}`),
    },
    {
      id: 'pool',
      label: t('column.pool'),
      sortBy: row => poolName(pools, row.poolGroup),
      from: 'desktop',
      render: row => poolName(pools, row.poolGroup),
    },
    {
      id: 'work',
      label: t('column.requests'),
      numeric: true,
      sortBy: row => requestsOf(row),
      render: row =>
        requestsOf(row) === 0
          ? html`<span class="muted">${NO_FIGURE}</span>`
          : formatShortCount(requestsOf(row)),
    },
    {
      id: 'rate',
      label: t('tokens.rate'),
      numeric: true,
      sortBy: row => successRate(row) ?? -1,
      render: row => {
        const rate = successRate(row);
        if (rate === undefined) return html`<span class="muted">${NO_FIGURE}</span>`;
        return html`<span class=${rate < SUCCESS_WARN ? 'warn' : ''}>${formatPercent(rate)}</span>`;
      },
    },
    {
      id: 'flight',
      label: t('fact.inFlight'),
      numeric: true,
      from: 'desktop',
      sortBy: row => row.inFlight,
      render: row => formatCount(row.inFlight),
    },
    {
      id: 'tokens',
      label: t('column.tokens'),
      numeric: true,
      from: 'tablet',
      sortBy: row => row.usedTokens,
      render: row => formatShortCount(row.usedTokens),
    },
    {
      id: 'used',
      label: t('fact.lastUsed'),
      numeric: true,
      from: 'tablet',
      sortBy: row => row.lastUsedMs ?? 0,
      render: row => (row.lastUsedMs === null ? NO_FIGURE : formatAgo(row.lastUsedMs, serverNowMs())),
    },
  ];
  return html`<section class="card status-keys" aria-labelledby="keys-title">
    <${Table}
      heading=${html`<h2 id="keys-title">${t('keys.title')}</h2>`}
      caption=${t('keys.title')}
      columns=${columns}
      rows=${rows}
      rowKey=${rowKey}
      sort=${{ column: '', descending: true }}
      pageSize=${PAGE_SIZE}
      empty=${t(allRetired ? 'statusPage.allRetired' : 'statusPage.noKeys')}
    />
    ${leftOut > 0 && html`<p class="left-out muted">${t('statusPage.leftOut', { count: leftOut })}</p>`}
  </section>`;
}

/** Of all time; while nobody can tell, since the process started. @param {StatusKey} row */
function requestsOf(row) {
  return (row.allTime ?? row).requests;
}

/** @param {{ retired: readonly RetiredKey[], leftOut: number, pools: Pools }} props */
export function RetiredTable({ retired, leftOut, pools }) {
  /** @type {Column[]} */
  const columns = [
    {
      id: 'key',
      label: t('column.key'),
      render: (/** @type {RetiredKey} */ row) => html`<div class="two">
        <code class="key-hint">${row.hint}</code>
        <small class="muted">${providerName(row.provider)} · ${poolName(pools, row.poolGroup)}</small>
      </div>`,
    },
    {
      id: 'reason',
      label: t('fact.reason'),
      render: (/** @type {RetiredKey} */ row) =>
        html`<span lang="en" class="reason" title=${row.reason}>${row.reason || NO_FIGURE}</span>`,
    },
    {
      id: 'since',
      label: t('column.since'),
      numeric: true,
      render: (/** @type {RetiredKey} */ { sinceMs }) =>
        sinceMs === null
          ? NO_FIGURE
          : html`<time datetime=${new Date(sinceMs).toISOString()} title=${formatTime(sinceMs, 'full')}>${formatAgo(sinceMs, serverNowMs())}</time>`,
    },
  ];
  return html`<section class="card status-retired" aria-labelledby="retired-title">
    <${Table}
      heading=${html`<h2 id="retired-title">${t('retired.title')}</h2>`}
      caption=${t('retired.title')}
      columns=${columns}
      rows=${numbered(retired)}
      rowKey=${rowKey}
      sort=${{ column: '', descending: false }}
      pageSize=${10}
      empty=${t('retired.none')}
    />
    ${leftOut > 0 && html`<p class="left-out muted">${t('statusPage.leftOut', { count: leftOut })}</p>`}
  </section>`;
}

/** @param {{ endpoints: readonly Endpoint[] }} props */
export function EndpointTable({ endpoints }) {
  /** @type {Column[]} */
  const columns = [
    {
      id: 'endpoint',
      label: t('column.endpoint'),
      sortBy: row => row.endpoint,
      render: row => html`<code class="endpoint">${row.endpoint}</code>`,
    },
    {
      id: 'requests',
      label: t('column.requests'),
      numeric: true,
      sortBy: row => row.requests,
      render: row => formatShortCount(row.requests),
    },
    {
      id: 'errors',
      label: t('column.errors'),
      numeric: true,
      sortBy: row => (row.requests === 0 ? 0 : row.errors / row.requests),
      render: row =>
        html`${formatPercent(row.requests === 0 ? 0 : row.errors / row.requests)} <small class="muted">${formatShortCount(row.errors)}</small>`,
    },
  ];
  return html`<section class="card status-endpoints" aria-labelledby="endpoints-title">
    <${Table}
      heading=${html`<h2 id="endpoints-title">${t('endpoints.title')}</h2>`}
      caption=${t('endpoints.title')}
      columns=${columns}
      rows=${endpoints}
      rowKey=${(/** @type {Endpoint} */ row) => row.endpoint}
      sort=${{ column: 'requests', descending: true }}
      pageSize=${10}
      empty=${t('endpoints.none')}
    />
  </section>`;
}
