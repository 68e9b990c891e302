// @ts-check
import { adminRequest } from '../session.js';
import { writeFilters } from './filters.js';

/** Keys on a page. */
export const PAGE_SIZE = 50;

/** A request that itself asks an upstream waits as long as the longest test may take. */
const TEST_TIMEOUT_MS = 620_000;
const BATCH_TIMEOUT_MS = 120_000;

/**
 * @typedef {{ atMs: number, ok: boolean, status: number, detail: string }} KeyTest `status` 0: no answer came
 *
 * @typedef {object} KeyFields
 * @property {string} id
 * @property {string} hint
 * @property {import('../../pool/types.js').Provider} provider
 * @property {string | null} baseUrl
 * @property {string} poolGroup
 * @property {string} notes
 * @property {number | null} quotaTokens
 * @property {import('../../pool/types.js').KeyStatus} status
 * @property {string} statusReason
 * @property {number} statusAtMs
 * @property {number} createdAtMs
 * @property {KeyTest | null} lastTest
 * @property {{ requests: number, successes: number, failures: number } | null} allTime null: the store is away
 * @property {number} strikes
 * @property {boolean} damaged
 *
 * @typedef {KeyFields & import('../../pool/types.js').KeyWork} Key
 *
 * @typedef {object} KeyPage
 * @property {Key[]} keys
 * @property {number} page
 * @property {number} pages
 * @property {number} limit
 * @property {number} total that fit the filters
 * @property {import('../../pool/types.js').KeyCounts} counts of all stored keys
 * @property {boolean} stale
 *
 * @typedef {{ state: 'idle' | 'running' | 'done' | 'cancelled', total: number, done: number, ok: number, failed: number,
 *   startedAtMs: number, endedAtMs: number | null }} TestProgress
 * @typedef {{ line: number, code: string, message: string }} LineProblem
 * @typedef {{ taken: number, refused: number, problems: LineProblem[], problemsLeftOut: number }} BatchReport
 * @typedef {{ notes?: string, poolGroup?: string, provider?: string, baseUrl?: string | null, quotaTokens?: number | null }} KeyChange
 */

/** @param {string} id */
const pathOf = id => `/admin/keys/${encodeURIComponent(id)}`;

/**
 * @param {import('./filters.js').Filters} filters
 * @param {{ background: boolean, signal: AbortSignal }} options
 * @returns {Promise<KeyPage>}
 */
export function fetchKeys(filters, options) {
  const query = new URLSearchParams(writeFilters(filters));
  query.set('limit', String(PAGE_SIZE));
  return adminRequest('GET', `/admin/keys?${query}`, options);
}

/**
 * @param {KeyChange & { key: string }} fields
 * @returns {Promise<Key>}
 */
export function addKey(fields) {
  return adminRequest('POST', '/admin/keys', { body: fields });
}

/**
 * @param {{ keys: string, poolGroup: string, provider?: string, baseUrl?: string, notes?: string }} body
 * @returns {Promise<BatchReport>}
 */
export function addKeys(body) {
  return adminRequest('POST', '/admin/keys/batch', { body, timeoutMs: BATCH_TIMEOUT_MS });
}

/**
 * @param {string} id
 * @param {KeyChange} changes
 * @returns {Promise<Key>}
 */
export function changeKey(id, changes) {
  return adminRequest('PATCH', pathOf(id), { body: changes });
}

/**
 * @param {string} id
 * @param {'active' | 'disabled'} status
 * @returns {Promise<Key>}
 */
export function toggleKey(id, status) {
  return adminRequest('PATCH', `${pathOf(id)}/toggle`, { body: { status } });
}

/**
 * @param {string} id
 * @returns {Promise<Key>}
 */
export function wakeKey(id) {
  return adminRequest('POST', `${pathOf(id)}/wake`);
}

/**
 * @param {string} id
 * @returns {Promise<{ test: KeyTest, key: Key }>}
 */
export function testKey(id) {
  return adminRequest('POST', `${pathOf(id)}/test`, { timeoutMs: TEST_TIMEOUT_MS });
}

/** @param {string} id */
export function deleteKey(id) {
  return adminRequest('DELETE', pathOf(id));
}

/**
 * @param {'banned' | 'disabled'} status
 * @returns {Promise<{ deleted: number }>}
 */
export function deleteKeys(status) {
  return adminRequest('DELETE', `/admin/keys?status=${status}`, { timeoutMs: BATCH_TIMEOUT_MS });
}

/**
 * The clear keys, one a line.
 *
 * @param {string} status empty: all
 * @returns {Promise<{ text: string, leftOut: number }>} `leftOut`: keys that cannot be decrypted, which are not in it
 */
export async function exportKeys(status) {
  const query = status === '' ? '' : `?status=${encodeURIComponent(status)}`;
  /** @type {{ text: string, headers: Headers }} */
  const { text, headers } = await adminRequest('GET', `/admin/keys/export${query}`, {
    discloses: true,
    asFile: true,
    timeoutMs: BATCH_TIMEOUT_MS,
    headers: { accept: 'text/plain' },
  });
  return { text, leftOut: Number(headers.get('x-left-out')) };
}

/**
 * @param {{ background: boolean }} options
 * @returns {Promise<TestProgress>}
 */
export function fetchTestRun(options) {
  return adminRequest('GET', '/admin/keys/test-all', options);
}

/**
 * @param {{ status?: string, pool?: string, provider?: string }} filter
 * @returns {Promise<TestProgress>}
 */
export function startTestRun(filter) {
  return adminRequest('POST', '/admin/keys/test-all', { body: filter });
}

/** @returns {Promise<TestProgress>} */
export function cancelTestRun() {
  return adminRequest('DELETE', '/admin/keys/test-all');
}
