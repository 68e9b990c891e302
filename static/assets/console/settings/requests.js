// @ts-check
import { adminRequest } from '../session.js';

/**
 * @typedef {object} Config the settings of the key pool
 * @property {import('../../pool/types.js').AlgorithmName} algorithm
 * @property {{ enabled: boolean, max: number, delayMs: number }} retry
 * @property {{ enabled: boolean, threshold: number, ban_401: boolean, ban_402: boolean }} autoBan
 * @property {{ enabled: boolean, autoFallback: boolean, strictMode: boolean }} multiTier
 * @property {number} concurrentLimit
 * @property {number} requestTimeoutMs
 * @property {{ enabled: boolean, intervalMs: number, maxIntervalMs: number }} recovery
 * @property {{ threshold: number, openMs: number }} circuit
 * @property {number} dryThreshold
 *
 * @typedef {'default' | 'environment' | 'console'} ValueSource
 * @typedef {Config & { sources: Record<string, ValueSource>, fallback: Config }} Settings `sources` by dotted name
 */

/**
 * @param {{ background: boolean, signal?: AbortSignal }} options
 * @returns {Promise<Settings>}
 */
export function fetchSettings(options) {
  return adminRequest('GET', '/admin/config', options);
}

/**
 * @param {Record<string, unknown>} change a part of `Config`; `null` takes the console's value back
 * @returns {Promise<Settings>}
 */
export function saveSettings(change) {
  return adminRequest('PUT', '/admin/config', { body: change });
}
