// @ts-check
import { adminRequest } from '../session.js';

/**
 * @typedef {object} TokenFigures
 * @property {number} requests
 * @property {number} successes
 * @property {number} failures
 * @property {number | null} successRate 0 to 1; `null` without requests
 * @property {number} inputTokens cached ones included
 * @property {number} outputTokens reasoning included
 * @property {number} cachedTokens
 * @property {number} reasoningTokens
 * @property {number} totalTokens
 * @property {number} unknownUsage successes whose answer said nothing of tokens
 *
 * @typedef {TokenFigures & { name: string, hint?: string, notes?: string }} TokenRow
 * @typedef {{ days: readonly string[], tokens: readonly (readonly number[])[] }} HeatMapData for each day 24 numbers
 *
 * @typedef {object} Summary
 * @property {string} timeZone
 * @property {TokenFigures} today
 * @property {TokenFigures} totals
 * @property {HeatMapData} heatMap
 * @property {readonly (TokenFigures & { day: string })[]} days
 *
 * @typedef {'key' | 'model' | 'endpoint'} UsageKind
 * @typedef {{ window: string, by: UsageKind, totals: TokenFigures, rows: TokenRow[] }} Usage
 */

/**
 * @param {{ background: boolean, signal: AbortSignal }} options
 * @returns {Promise<Summary>}
 */
export function fetchSummary(options) {
  return adminRequest('GET', '/admin/token/summary', options);
}

/**
 * @param {{ window: string, by: UsageKind }} query
 * @param {{ background: boolean, signal: AbortSignal }} options
 * @returns {Promise<Usage>}
 */
export function fetchUsage({ window, by }, options) {
  return adminRequest('GET', `/admin/token/usage?window=${window}&by=${by}`, options);
}

/** @returns {Promise<{ syncedAtMs: number, keys: number }>} */
export function syncTokens() {
  return adminRequest('POST', '/admin/token/sync', { timeoutMs: 60_000 });
}

/**
 * @param {number} days
 * @returns {Promise<{ beforeMs: number }>}
 */
export function cleanUpTokens(days) {
  return adminRequest('POST', '/admin/token/cleanup', { body: { days }, timeoutMs: 60_000 });
}
