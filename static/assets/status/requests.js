// @ts-check
import { request } from '../lib/api.js';

/**
 * What everybody who may see the panel may know of the pool (see `openapi.yaml`).
 *
 * @typedef {import('../pool/types.js').KeyCounts} KeyCounts
 * @typedef {import('../pool/types.js').KeyWork & { hint: string, source: import('../pool/types.js').Source['name'],
 *   provider: string, poolGroup: string, status: import('../pool/types.js').KeyStatus,
 *   allTime: { requests: number, successes: number, failures: number } | null }} StatusKey
 * @typedef {{ hint: string, provider: string, poolGroup: string, reason: string, sinceMs: number | null }} RetiredKey
 * @typedef {{ endpoint: string, requests: number, errors: number }} Endpoint
 *
 * @typedef {object} PoolStatus
 * @property {import('../pool/types.js').AlgorithmName} algorithm
 * @property {{ enabled: boolean, threshold: number, ban_401: boolean, ban_402: boolean }} autoBan
 * @property {KeyCounts} counts
 * @property {boolean} runningDry
 * @property {boolean} stale
 * @property {readonly import('../pool/types.js').Source[]} sources
 * @property {readonly { id: string, name: string, priority: number, counts: KeyCounts }[]} pools
 * @property {readonly StatusKey[]} keys
 * @property {number} keysLeftOut
 * @property {readonly RetiredKey[]} retired
 * @property {number} retiredLeftOut
 * @property {readonly Endpoint[]} endpoints
 *
 * @typedef {{ status: 'ok' | 'degraded' | 'unavailable' | 'draining', version: string, mappings: { count: number },
 *   store: { kind: string, state: 'ok' | 'degraded' }, pool?: PoolStatus }} StatusReport `pool` is missing where there is none
 */

const TIMEOUT_MS = 10_000;

/**
 * @param {{ signal?: AbortSignal }} options
 * @returns {Promise<StatusReport>}
 */
export function fetchStatus({ signal }) {
  return request('GET', '/status', { timeoutMs: TIMEOUT_MS, ...(signal && { signal }) });
}
