// @ts-check
import { adminRequest } from '../session.js';

/** @typedef {{ id: string, name: string, priority: number, description: string, counts: import('../../pool/types.js').KeyCounts }} PoolGroup */

/** The group that always exists and takes the keys of deleted ones. */
export const DEFAULT_POOL = 'default';

const PATH = '/admin/pool-groups';
/** @param {string} id */
const pathOf = id => `${PATH}/${encodeURIComponent(id)}`;

/**
 * @param {{ background: boolean, signal?: AbortSignal }} options
 * @returns {Promise<{ groups: PoolGroup[], stale: boolean }>} by priority
 */
export function fetchPools(options) {
  return adminRequest('GET', PATH, options);
}

/**
 * @param {{ id?: string, name: string, description: string }} fields
 * @returns {Promise<PoolGroup>}
 */
export function addPool(fields) {
  return adminRequest('POST', PATH, { body: fields });
}

/**
 * @param {string} id
 * @param {{ name: string, description: string }} fields
 * @returns {Promise<PoolGroup>}
 */
export function changePool(id, fields) {
  return adminRequest('PATCH', pathOf(id), { body: fields });
}

/**
 * @param {readonly string[]} order ids, the one to be asked first in front
 * @returns {Promise<{ groups: PoolGroup[], stale: boolean }>}
 */
export function orderPools(order) {
  return adminRequest('PUT', `${PATH}/order`, { body: { order } });
}

/**
 * @param {string} id
 * @returns {Promise<{ movedKeys: number }>}
 */
export function deletePool(id) {
  return adminRequest('DELETE', pathOf(id));
}
