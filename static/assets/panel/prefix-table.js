// @ts-check
import { addressOf } from '../lib/api.js';
import {
  formatAgo,
  formatBytes,
  formatDuration,
  formatPercent,
  formatShortCount,
  formatTime,
  NO_FIGURE,
} from '../lib/format.js';
import { html, useMemo } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { Button } from '../parts/button.js';
import { CopyButton } from '../parts/copy-button.js';
import { Table } from '../parts/table.js';
import { EndpointTable } from './endpoint-table.js';

const PAGE_SIZE = 50;
/** Fewer rows are seen at a glance. */
const SEARCHED_FROM = 12;
const ERROR_SHARE_BAD = 0.05;

/** @typedef {import('../lib/stats.js').PrefixFigures} PrefixFigures */
/** @typedef {{ prefix: string, mapped: boolean, figures: PrefixFigures | undefined }} Row */

/**
 * Every mapped prefix and every one with traffic in the window.
 *
 * @param {{ live: import('../lib/stats.js').Live, prefixes: readonly string[], onUse: (prefix: string) => void }} props
 */
export function PrefixTable({ live, prefixes, onUse }) {
  const { report, window: shown } = live;
  const rows = useMemo(() => rowsOf(prefixes, shown?.prefixes ?? []), [prefixes, shown]);
  const nowMs = report?.generated_at_ms ?? 0;
  const columns = columnsFor({ nowMs, timeZone: report?.time_zone });
  const heading = html`<h2 id="prefixes-title">${t('prefixes.title')}</h2>`;
  return html`<section class=${`card prefixes ${report === undefined ? 'is-waiting' : ''}`} aria-labelledby="prefixes-title">
    ${
      report === undefined
        ? html`<div class="table-tools">${heading}</div>`
        : html`<${Table}
        heading=${heading}
        caption=${t('prefixes.caption', { window: t(`window.${shown?.window ?? '24h'}`) })}
        columns=${columns}
        rows=${rows}
        rowKey=${(/** @type {Row} */ row) => row.prefix}
        sort=${{ column: 'requests', descending: true }}
        pageSize=${PAGE_SIZE}
        ...${rows.length > SEARCHED_FROM ? { search: { label: t('prefixes.search'), text: (/** @type {Row} */ row) => row.prefix } } : {}}
        expand=${(/** @type {Row} */ row) => html`<${Detail} row=${row} onUse=${onUse} />`}
        expandLabel=${(/** @type {Row} */ row) => t('prefixes.expand', { prefix: row.prefix })}
        empty=${t('prefixes.none')}
      />`
    }
  </section>`;
}

/**
 * @param {readonly string[]} prefixes
 * @param {readonly PrefixFigures[]} figures
 * @returns {Row[]}
 */
function rowsOf(prefixes, figures) {
  const mapped = new Set(prefixes);
  const active = new Set(figures.map(({ prefix }) => prefix));
  return [
    ...figures.map(each => ({ prefix: each.prefix, mapped: mapped.has(each.prefix), figures: each })),
    ...prefixes
      .filter(prefix => !active.has(prefix))
      .map(prefix => ({ prefix, mapped: true, figures: undefined })),
  ];
}

/**
 * @param {{ nowMs: number, timeZone: string | undefined }} clock the server's
 * @returns {import('../parts/table.js').Column[]}
 */
function columnsFor({ nowMs, timeZone }) {
  /**
   * @param {(figures: PrefixFigures) => number | null} read
   * @returns {(row: Row) => number} prefixes without traffic sort below those with none of something
   */
  const by = read => row =>
    row.figures === undefined || row.figures.requests === 0 ? -1 : (read(row.figures) ?? -1);
  /**
   * @param {(figures: PrefixFigures) => any} show
   * @returns {(row: Row) => any} empty for a prefix without traffic: one dash in its row is enough
   */
  const cell = show => row =>
    row.figures === undefined || row.figures.requests === 0 ? null : show(row.figures);
  return [
    {
      id: 'prefix',
      label: t('column.prefix'),
      sortBy: (/** @type {Row} */ row) => row.prefix,
      render: (/** @type {Row} */ row) => html`<code class="prefix">${row.prefix}</code>
        ${
          row.mapped
            ? html`<${CopyButton} text=${addressOf(row.prefix)} label=${t('connect.copyAddress', { prefix: row.prefix })} />`
            : html`<span class="badge">${t('prefixes.unmapped')}</span>`
        }`,
    },
    {
      id: 'requests',
      label: t('column.requests'),
      numeric: true,
      sortBy: by(figures => figures.requests),
      render: (/** @type {Row} */ row) =>
        row.figures?.requests
          ? formatShortCount(row.figures.requests)
          : html`<span class="muted">${NO_FIGURE}</span>`,
    },
    {
      id: 'share',
      label: t('column.share'),
      numeric: true,
      from: 'tablet',
      sortBy: by(figures => figures.share),
      render: cell(
        figures => html`<span class="share">
          <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" focusable="false">
            <rect class="share-track" width="100" height="6" /><rect class="share-fill" width=${(figures.share * 100).toFixed(1)} height="6" />
          </svg>
          <span>${formatPercent(figures.share)}</span>
        </span>`,
      ),
    },
    {
      id: 'errors',
      label: t('column.errors'),
      numeric: true,
      sortBy: by(figures => figures.error_rate),
      render: cell(
        figures => html`<span class=${figures.error_rate >= ERROR_SHARE_BAD ? 'bad' : ''}>${formatPercent(figures.error_rate)}</span>${' '}
          <small class="muted">${formatShortCount(figures.errors)}</small>`,
      ),
    },
    {
      id: 'p50',
      label: 'p50',
      numeric: true,
      from: 'tablet',
      sortBy: by(figures => figures.duration.p50_ms),
      render: cell(figures => formatDuration(figures.duration.p50_ms)),
    },
    {
      id: 'p95',
      label: 'p95',
      numeric: true,
      from: 'tablet',
      sortBy: by(figures => figures.duration.p95_ms),
      render: cell(figures => formatDuration(figures.duration.p95_ms)),
    },
    {
      id: 'bytes',
      label: t('column.bytes'),
      numeric: true,
      from: 'desktop',
      sortBy: by(figures => figures.bytes_in + figures.bytes_out),
      render: cell(
        figures =>
          html`${formatBytes(figures.bytes_in)} <span class="muted">/</span> ${formatBytes(figures.bytes_out)}`,
      ),
    },
    {
      id: 'seen',
      label: t('column.seen'),
      numeric: true,
      from: 'tablet',
      sortBy: by(figures => figures.last_seen_ms),
      render: cell(({ last_seen_ms: seenMs }) =>
        seenMs === null
          ? NO_FIGURE
          : html`<time datetime=${new Date(seenMs).toISOString()} title=${formatTime(seenMs, 'full', timeZone)}>
              ${formatAgo(seenMs, nowMs)}
            </time>`,
      ),
    },
  ];
}

/** @param {{ row: Row, onUse: (prefix: string) => void }} props */
function Detail({ row, onUse }) {
  const { figures, prefix } = row;
  return html`<div class="prefix-detail">
    <div class="prefix-detail-head">
      <code>${addressOf(prefix)}</code>
      ${
        row.mapped &&
        html`<${CopyButton} text=${addressOf(prefix)} label=${t('connect.copyAddress', { prefix })} iconOnly=${false} kind="plain" />
          <${Button} icon="console" text=${t('prefixes.use')} aria-label=${t('prefixes.useOf', { prefix })} onClick=${() => onUse(prefix)} />`
      }
    </div>
    ${
      figures === undefined || figures.requests === 0
        ? html`<p class="muted">${t('prefixes.quiet')}</p>`
        : html`
            <dl class="facts">
              <${Fact} label=${t('column.share')} value=${formatPercent(figures.share)} />
              <${Fact} label=${t('fact.firstByte')} value=${`${formatDuration(figures.first_byte.p50_ms)} / ${formatDuration(figures.first_byte.p95_ms)}`} />
              <${Fact} label=${t('fact.latency')} value=${`${formatDuration(figures.duration.p50_ms)} / ${formatDuration(figures.duration.p95_ms)}`} />
              <${Fact} label=${t('fact.p99')} value=${formatDuration(figures.duration.p99_ms)} />
              <${Fact} label=${t('fact.received')} value=${formatBytes(figures.bytes_in)} />
              <${Fact} label=${t('fact.sent')} value=${formatBytes(figures.bytes_out)} />
              <${Fact} label=${t('fact.left')} value=${formatShortCount(figures.aborted)} />
              <div class="wide">
                <dt>${t('fact.status')}</dt>
                <dd class="statuses">
                  ${Object.entries(figures.status)
                    .filter(([, count]) => count > 0)
                    .map(
                      ([name, count]) =>
                        html`<span key=${name} class=${`status status-${name}`}>${name} ${formatShortCount(count)}</span>`,
                    )}
                </dd>
              </div>
            </dl>
            ${figures.endpoints && figures.endpoints.length > 0 && html`<${EndpointTable} prefix=${prefix} endpoints=${figures.endpoints} />`}
          `
    }
  </div>`;
}

/** @param {{ label: string, value: string }} props */
function Fact({ label, value }) {
  return html`<div>
    <dt>${label}</dt>
    <dd>${value}</dd>
  </div>`;
}
