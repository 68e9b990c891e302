// @ts-check

/**
 * Which keys the page shows; empty texts are any. It stands in the address, so that it can be kept, sent and gone back to.
 *
 * @typedef {{ status: string, pool: string, provider: string, q: string, page: number }} Filters
 */

const NAMES = /** @type {const} */ (['status', 'pool', 'provider', 'q']);

/**
 * @param {string} hash `#/keys?status=banned`
 * @returns {Filters} `page` counts from 1
 */
export function readFilters(hash) {
  const query = new URLSearchParams(hash.split('?')[1] ?? '');
  const page = Number(query.get('page'));
  return {
    status: query.get('status') ?? '',
    pool: query.get('pool') ?? '',
    provider: query.get('provider') ?? '',
    q: query.get('q') ?? '',
    page: Number.isSafeInteger(page) && page > 0 ? page : 1,
  };
}

/**
 * @param {Partial<Filters>} filters
 * @returns {string} for the query of a request or of the page's own address
 */
export function writeFilters(filters) {
  const query = new URLSearchParams();
  for (const name of NAMES) {
    const value = filters[name];
    if (value) query.set(name, value);
  }
  if (filters.page !== undefined && filters.page > 1) query.set('page', String(filters.page));
  return query.toString();
}

/** @param {Partial<Filters>} filters */
export function keysAddress(filters) {
  const query = writeFilters(filters);
  return query === '' ? '#/keys' : `#/keys?${query}`;
}
