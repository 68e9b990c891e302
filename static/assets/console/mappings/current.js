// @ts-check
import { fetchMappings } from './requests.js';

/**
 * What a mapping says now, after the server refused an edit because somebody else was quicker.
 *
 * @param {import('../../lib/api.js').ApiError} error of status 412
 * @param {string} prefix
 * @returns {Promise<import('./requests.js').MappingRow | undefined>} `undefined` when it is gone or cannot be read
 */
export async function currentMapping(error, prefix) {
  const { current } = error;
  if (typeof current?.target === 'string' && typeof current.etag === 'string') {
    return { prefix, target: current.target, etag: current.etag };
  }
  try {
    const { mappings } = await fetchMappings({ background: true });
    return mappings.find(row => row.prefix === prefix);
  } catch {
    return undefined; // The refusal itself is still shown.
  }
}
