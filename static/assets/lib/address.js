// @ts-check
import { base } from './api.js';

/**
 * The address of a prefix as this browser reaches the gateway, whatever fronts stand between.
 *
 * @param {string} prefix
 */
export function addressOf(prefix) {
  return `${location.origin}${base}${prefix}`;
}
