// @ts-check
import { serverNowMs } from '../../lib/api.js';
import { formatAgo, formatPercent, formatShortCount, formatTime, NO_FIGURE } from '../../lib/format.js';
import { html } from '../../lib/html.js';
import { t } from '../../lib/i18n.js';
import { BackIn, weightiest } from '../../pool/back-in.js';
import { StatusBadge } from '../../pool/status-badge.js';
import { successRate } from '../../pool/success-rate.js';
import { providerName } from '../../pool/types.js';

/** A key that fails this often is worth a look. */
const SUCCESS_WARN = 0.95;

/** @typedef {import('./requests.js').Key} Key */

/** @param {{ row: Key }} props */
export function KeyCell({ row }) {
  return html`<div class="two">
    <code class="key-hint">${row.hint}</code>
    <small class="muted" title=${row.notes}>${row.notes}</small>
  </div>`;
}

/** @param {{ row: Key }} props */
export function StatusCell({ row }) {
  return html`<div class="two">
    <span><${StatusBadge} status=${row.status} /></span>
    <small><${StatusNote} row=${row} /></small>
  </div>`;
}

/** The one thing that there is to say of a key's status. @param {{ row: Key }} props */
function StatusNote({ row }) {
  if (row.damaged) return html`<span class="bad" title=${t('keys.damagedText')}>${t('keys.damaged')}</span>`;
  if (row.statusReason !== '') return html`<${Reason} text=${row.statusReason} />`;
  const rest = weightiest(row.rests);
  if (rest !== undefined) {
    return html`<${BackIn} untilMs=${rest.untilMs} model=${rest.model === '*' ? undefined : rest.model} />`;
  }
  if (row.strikes > 0) return html`<span class="warn">${t('keys.strikes', { count: row.strikes })}</span>`;
  if (row.inFlight > 0)
    return html`<span class="muted">${t('keys.inFlight', { count: row.inFlight })}</span>`;
  return html`<span class="muted">${t('keys.since', { time: formatTime(row.statusAtMs, 'day') })}</span>`;
}

/** Why a key is disabled or banned: the server's words, for they quote the upstream. @param {{ text: string }} props */
export function Reason({ text }) {
  if (text === 'by an admin') return html`<span class="muted">${t('keys.byAdmin')}</span>`;
  return html`<span class="muted" lang="en" title=${text}>${text}</span>`;
}

/** @param {{ row: Key }} props */
export function ProviderCell({ row }) {
  return html`<div class="two">
    <span>${providerName(row.provider)}</span>
    <small class="muted" title=${row.baseUrl ?? ''}>${row.baseUrl === null ? '' : row.baseUrl.replace(/^https?:\/\//, '')}</small>
  </div>`;
}

/**
 * Requests of all time, and how well the key does.
 *
 * @param {{ row: Key }} props
 */
export function RequestsCell({ row }) {
  const { requests } = row.allTime ?? row;
  const rate = successRate(row);
  return html`<div class="two">
    <span class=${requests === 0 ? 'muted' : ''}>${requests === 0 ? NO_FIGURE : formatShortCount(requests)}</span>
    <small class=${rate !== undefined && rate < SUCCESS_WARN ? 'warn' : 'muted'}>${rate === undefined ? '' : t('keys.good', { rate: formatPercent(rate) })}</small>
  </div>`;
}

/** @param {{ row: Key }} props */
export function TokensCell({ row }) {
  const { usedTokens, quotaTokens } = row;
  const shown = usedTokens === 0 && quotaTokens === null ? NO_FIGURE : formatShortCount(usedTokens);
  const share = quotaTokens === null ? 0 : Math.min(1, usedTokens / quotaTokens);
  return html`<div class="two">
    <span class=${shown === NO_FIGURE ? 'muted' : ''}>${shown}</span>
    ${
      quotaTokens !== null &&
      html`<small class=${share >= 0.9 ? 'warn' : 'muted'}>${t('keys.ofQuota', { quota: formatShortCount(quotaTokens) })}</small>`
    }
  </div>`;
}

/** @param {{ test: import('./requests.js').KeyTest | null }} props */
export function TestCell({ test }) {
  if (test === null) return html`<span class="muted">${NO_FIGURE}</span>`;
  return html`<div class="two">
    <span class=${`status-word ${test.ok ? 'good' : 'bad'}`} title=${test.detail}>${t(test.ok ? 'test.good' : 'test.bad', { status: test.status === 0 ? '' : String(test.status) })}</span>
    <small class="muted"><${Ago} ms=${test.atMs} /></small>
  </div>`;
}

/** @param {{ ms: number }} props */
export function Ago({ ms }) {
  return html`<time datetime=${new Date(ms).toISOString()} title=${formatTime(ms, 'full')}>${formatAgo(ms, serverNowMs())}</time>`;
}
