// @ts-check
import { errorText } from '../../lib/api.js';
import { formatPercent, formatShortCount, NO_FIGURE } from '../../lib/format.js';
import { html, useState } from '../../lib/html.js';
import { t } from '../../lib/i18n.js';
import { usePolled } from '../../lib/polled.js';
import { Notice } from '../../parts/notice.js';
import { Segments } from '../../parts/segments.js';
import { Table } from '../../parts/table.js';
import { fetchUsage } from './requests.js';

const REFRESH_MS = 10_000;
const PAGE_SIZE = 25;
/** Fewer rows are seen at a glance. */
const SEARCHED_FROM = 12;
const SUCCESS_WARN = 0.95;

/** @typedef {import('./requests.js').TokenRow} TokenRow */
/** @typedef {import('./requests.js').UsageKind} UsageKind */

const windows = /** @type {const} */ (['24h', '7d', '30d', 'total']);
const kinds = /** @type {const} */ (['key', 'model', 'endpoint']);

/** Who used how much: by key, by model or by endpoint. */
export function Ranking() {
  const [window, setWindow] = useState('24h');
  const [by, setBy] = useState(/** @type {UsageKind} */ ('key'));
  const { value, failure, waiting } = usePolled(options => fetchUsage({ window, by }, options), {
    everyMs: REFRESH_MS,
    key: `${window} ${by}`,
  });
  const rows = value?.rows ?? [];
  const most = Math.max(1, ...rows.map(({ totalTokens }) => totalTokens));
  return html`<section class="card ranking" aria-labelledby="ranking-title" aria-busy=${waiting ? 'true' : 'false'}>
    <header class="card-head">
      <h2 id="ranking-title">${t('ranking.title')}</h2>
      <div class="ranking-choices">
        <${Segments}
          label=${t('ranking.by')}
          value=${by}
          options=${kinds.map(each => ({ value: each, label: t(`ranking.${each}`) }))}
          onChoose=${(/** @type {any} */ next) => setBy(next)}
        />
        <${Segments}
          label=${t('traffic.window')}
          value=${window}
          options=${windows.map(each => ({ value: each, label: t(`window.${each}`) }))}
          onChoose=${setWindow}
        />
      </div>
    </header>
    ${failure !== undefined && html`<div class="notices in-card" role="status"><${Notice} kind="bad">${errorText(failure)}<//></div>`}
    ${
      value === undefined
        ? html`<div class="table-waiting" aria-hidden="true"></div>`
        : html`<${Table}
            key=${value.by}
            caption=${t('ranking.title')}
            columns=${columnsFor(value.by, most)}
            rows=${rows}
            rowKey=${(/** @type {TokenRow} */ row) => row.name}
            sort=${{ column: 'tokens', descending: true }}
            pageSize=${PAGE_SIZE}
            ...${rows.length > SEARCHED_FROM ? { search: { label: t('ranking.search'), text: (/** @type {TokenRow} */ row) => `${row.name} ${row.hint ?? ''} ${row.notes ?? ''}` } } : {}}
            empty=${t('ranking.none')}
          />`
    }
  </section>`;
}

/**
 * @param {UsageKind} by
 * @param {number} most tokens of a row
 * @returns {import('../../parts/table.js').Column[]}
 */
function columnsFor(by, most) {
  /**
   * @param {string} id
   * @param {string} label
   * @param {(row: TokenRow) => number} read
   * @returns {import('../../parts/table.js').Column}
   */
  const count = (id, label, read) => ({
    id,
    label,
    numeric: true,
    from: 'tablet',
    sortBy: read,
    render: row => formatShortCount(read(row)),
  });
  return [
    {
      id: 'name',
      label: t(`ranking.${by}`),
      sortBy: (/** @type {TokenRow} */ row) => row.hint ?? row.name,
      render: (/** @type {TokenRow} */ row) => html`<${Name} by=${by} row=${row} />`,
    },
    {
      id: 'tokens',
      label: t('column.tokens'),
      numeric: true,
      sortBy: (/** @type {TokenRow} */ row) => row.totalTokens,
      render: (/** @type {TokenRow} */ row) => html`<span class="share">
        <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" focusable="false">
          <rect class="share-track" width="100" height="6" />
          <rect class="share-fill" width=${((row.totalTokens / most) * 100).toFixed(1)} height="6" />
        </svg>
        <span>${formatShortCount(row.totalTokens)}</span>
      </span>`,
    },
    count('input', t('tokens.input'), row => row.inputTokens),
    count('output', t('tokens.output'), row => row.outputTokens),
    { ...count('cached', t('tokens.cached'), row => row.cachedTokens), from: 'desktop' },
    { ...count('reasoning', t('tokens.reasoning'), row => row.reasoningTokens), from: 'desktop' },
    count('requests', t('column.requests'), row => row.requests),
    {
      id: 'rate',
      label: t('tokens.rate'),
      numeric: true,
      sortBy: (/** @type {TokenRow} */ row) => row.successRate ?? -1,
      render: (/** @type {TokenRow} */ row) =>
        row.successRate === null
          ? html`<span class="muted">${NO_FIGURE}</span>`
          : html`<span class=${row.successRate < SUCCESS_WARN ? 'warn' : ''}>${formatPercent(row.successRate)}</span>`,
    },
    { ...count('unknown', t('tokens.unknown'), row => row.unknownUsage), from: 'desktop' },
  ];
}

/** @param {{ by: UsageKind, row: TokenRow }} props */
function Name({ by, row }) {
  if (by === 'key') {
    return html`<div class="two">
      ${row.hint === undefined ? html`<span class="muted">${t('ranking.gone')}</span>` : html`<code class="key-hint">${row.hint}</code>`}
      <small class="muted" title=${row.notes ?? row.name}>${row.hint === undefined ? row.name : (row.notes ?? '')}</small>
    </div>`;
  }
  if (row.name === ':other') return html`<span class="muted">${t('ranking.otherModels')}</span>`;
  if (row.name === ':none') return html`<span class="muted">${t('ranking.noModel')}</span>`;
  return html`<code class="one-line" title=${row.name}>${row.name}</code>`;
}
