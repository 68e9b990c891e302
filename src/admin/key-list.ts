import type { StoredKey } from '../stores/pool-types.ts';
import { fits, type KeyFilter } from './key-input.ts';
import { KeyOrder } from './key-order.ts';
import { type KeyStatus, statusOf } from './key-row.ts';
import type { PoolApi } from './pool-api.ts';

/** Filtered views of the stored keys, newest first, out of memory. */
export class KeyList {
  readonly #api: Pick<PoolApi, 'live' | 'pool'>;
  readonly #order = new KeyOrder();

  constructor(api: Pick<PoolApi, 'live' | 'pool'>) {
    this.#api = api;
  }

  /** @returns a part of the keys that fit, and how many fit in all */
  page(
    filter: KeyFilter,
    part: { readonly from: number; readonly limit: number; readonly nowMs: number },
  ): { keys: StoredKey[]; total: number } {
    const keys: StoredKey[] = [];
    let total = 0;
    for (const record of this.matching(filter, part.nowMs)) {
      if (total >= part.from && keys.length < part.limit) keys.push(record);
      total += 1;
    }
    return { keys, total };
  }

  /** All that fit, newest first. */
  *matching(filter: KeyFilter, nowMs: number): Generator<StoredKey> {
    // Settles the pool once, so that each glance is true for this time.
    this.#api.pool.counts(nowMs);
    for (const record of this.#order.newestFirst(this.#api.live.records)) {
      if (fits(record, filter) && this.#isIn(record, filter.status)) yield record;
    }
  }

  #isIn(record: StoredKey, status: KeyStatus | undefined): boolean {
    if (status === undefined) return true;
    // Only what the store calls active may rest, so the pool is asked about no other key.
    if (record.status !== 'active') return record.status === status;
    if (status !== 'active' && status !== 'resting') return false;
    return statusOf(record.status, this.#api.pool.glance(record.id)?.state) === status;
  }
}
