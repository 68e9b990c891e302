import { AppError } from '../base/errors.ts';
import type { ProviderName, StoredKey } from '../stores/pool-types.ts';
import { KEY_STATUSES, type KeyStatus } from './key-row.ts';
import type { PoolApi } from './pool-api.ts';

const LONGEST_NOTES = 2000;
const LONGEST_SEARCH = 200;
const LARGEST_PAGE = 500;
const PAGE = 50;

/** Azure needs more of a key than a base URL and is not among them. */
const PROVIDERS: readonly ProviderName[] = ['openai', 'anthropic', 'gemini', 'xai', 'factory'];

export function parseNotes(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value !== 'string' || value.length > LONGEST_NOTES) {
    throw invalid('notes', `text of at most ${LONGEST_NOTES} characters`);
  }
  return value.trim();
}

/** @returns `undefined` where none was given: the key's format then tells it */
export function parseProvider(value: unknown): ProviderName | undefined {
  if (value === undefined || value === null) return undefined;
  if (value === 'azure') {
    throw new AppError('ERR_VALIDATION', 'Keys of `azure` cannot be used yet', { field: 'provider' });
  }
  const found = PROVIDERS.find(name => name === value);
  if (found === undefined) throw invalid('provider', `one of ${PROVIDERS.join(', ')}`);
  return found;
}

/** @returns `undefined` for `null` and where none was given */
export function parseBaseUrl(value: unknown, provider: ProviderName, api: PoolApi): string | undefined {
  if (value === undefined || value === null) return undefined;
  const expected = 'an http or https URL without credentials, query and fragment';
  if (typeof value !== 'string') throw invalid('baseUrl', expected);
  const text = value.trim();
  try {
    api.providers.checkBaseUrl(provider, text);
  } catch (error) {
    // Its own words quote the text, and somebody may have put the key into the wrong field.
    if (!(error instanceof AppError)) throw error;
    throw invalid('baseUrl', expected);
  }
  return text;
}

export function parseQuota(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Number.isSafeInteger(value) || Number(value) < 1) {
    throw invalid('quotaTokens', `an integer from 1 to ${Number.MAX_SAFE_INTEGER}`);
  }
  return Number(value);
}

/** @returns the id of a group that exists */
export function parsePoolGroup(value: unknown, api: PoolApi): string {
  if (typeof value !== 'string' || !api.live.groups.some(group => group.id === value)) {
    throw invalid('poolGroup', 'the id of a pool group that exists');
  }
  return value;
}

export function parseStatus(value: unknown): KeyStatus | undefined {
  if (value === undefined || value === null) return undefined;
  const found = KEY_STATUSES.find(status => status === value);
  if (found === undefined) throw invalid('status', `one of ${KEY_STATUSES.join(', ')}`);
  return found;
}

/** Which keys somebody wants to see or to test. */
export interface KeyFilter {
  readonly status: KeyStatus | undefined;
  readonly pool: string | undefined;
  readonly provider: ProviderName | undefined;
  /** In upper or lower case; empty is any. */
  readonly search: string;
}

/** @param read gives a parameter's value; `undefined` or `null` where it was not sent */
export function parseFilter(read: (name: string) => unknown): KeyFilter {
  const search = read('q') ?? '';
  if (typeof search !== 'string' || search.length > LONGEST_SEARCH) {
    throw invalid('q', `text of at most ${LONGEST_SEARCH} characters`);
  }
  const pool = read('pool') ?? undefined;
  if (pool !== undefined && typeof pool !== 'string') throw invalid('pool', 'the id of a pool group');
  const provider = read('provider');
  return {
    status: parseStatus(read('status')),
    pool,
    // A filter may name what no key can have.
    provider: provider === 'azure' ? 'azure' : parseProvider(provider),
    search: search.trim(),
  };
}

/** Tells whether a record fits all of a filter but its status, which the pool knows. */
export function fitting({ pool, provider, search }: KeyFilter): (record: StoredKey) => boolean {
  // For 100,000 notes a pattern is quicker than making each lower case.
  const found = search === '' ? undefined : new RegExp(search.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'), 'i');
  return record =>
    (pool === undefined || record.pool === pool) &&
    (provider === undefined || record.provider === provider) &&
    (found === undefined || found.test(record.hint) || found.test(record.notes) || found.test(record.id));
}

export function parsePage(query: URLSearchParams): { page: number; limit: number } {
  return {
    page: integer(query, 'page', { fallback: 1, most: Number.MAX_SAFE_INTEGER }),
    limit: integer(query, 'limit', { fallback: PAGE, most: LARGEST_PAGE }),
  };
}

function integer(query: URLSearchParams, field: string, range: { fallback: number; most: number }): number {
  const text = query.get(field);
  if (text === null || text === '') return range.fallback;
  const value = Number(text);
  if (!/^\d{1,16}$/.test(text) || value < 1 || value > range.most) {
    const shown = /^-?[\d.]{1,20}$/.test(text) ? `, got \`${text}\`` : '';
    throw new AppError(
      'ERR_VALIDATION',
      `Expected \`${field}\` to be an integer from 1 to ${range.most}${shown}`,
      { field },
    );
  }
  return value;
}

function invalid(field: string, expected: string): AppError {
  return new AppError('ERR_VALIDATION', `Expected \`${field}\` to be ${expected}`, { field });
}
