// @ts-check
import { adminRequest } from '../session.js';

/** @typedef {{ prefix: string, target: string, etag: string }} MappingRow */
/** @typedef {{ prefix: string, problem: string }} SkippedRow */
/** @typedef {{ status: number, duration_ms: number, error?: undefined } | { error: { code: string, message: string } }} Trial */

/** @param {string} prefix */
function pathOf(prefix) {
  return `/api/mappings${prefix.split('/').map(encodeURIComponent).join('/')}`;
}

/**
 * @param {{ background: boolean }} options
 * @returns {Promise<{ mappings: MappingRow[], skipped: SkippedRow[], stale: boolean }>}
 */
export function fetchMappings({ background }) {
  return adminRequest('GET', '/api/mappings', { background });
}

/**
 * @param {string} prefix
 * @param {string} target
 */
export function addMapping(prefix, target) {
  return adminRequest('POST', '/api/mappings', { body: { prefix, target } });
}

/**
 * Changes a mapping, but only while it still is what the reader saw.
 *
 * @param {MappingRow} seen
 * @param {string} target
 */
export function changeMapping(seen, target) {
  return adminRequest('PUT', pathOf(seen.prefix), { body: { target }, headers: ifMatch(seen) });
}

/** @param {MappingRow} seen */
export function deleteMapping(seen) {
  return adminRequest('DELETE', pathOf(seen.prefix), { headers: ifMatch(seen) });
}

/** @param {MappingRow} row */
function ifMatch({ etag }) {
  return { 'if-match': /^(W\/)?".*"$/.test(etag) ? etag : `"${etag}"` };
}

/**
 * One request to the target.
 *
 * @param {string} prefix
 * @returns {Promise<Trial>}
 */
export function tryMapping(prefix) {
  return adminRequest('POST', '/admin/mappings/try', { body: { prefix }, timeoutMs: 60_000 });
}

/** @param {ReadonlyMap<string, string>} rows */
export function importMappings(rows) {
  return adminRequest('POST', '/admin/mappings/import', {
    body: { mappings: Object.fromEntries(rows) },
    timeoutMs: 60_000,
  });
}
