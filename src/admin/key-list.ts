import { setImmediate as nextTurn } from 'node:timers/promises';
import type { StoredKey } from '../stores/pool-types.ts';
import { fitting, type KeyFilter } from './key-input.ts';
import { KeyOrder, newerFirst } from './key-order.ts';
import { type KeyStatus, statusOf } from './key-row.ts';
import type { PoolApi } from './pool-api.ts';

/** Records that are looked at before requests that wait have their turn: one or two ms. */
const LOOKED_AT_ONCE = 10_000;

/** Filtered views of the stored keys, newest first, out of memory. */
export class KeyList {
  readonly #api: Pick<PoolApi, 'live' | 'pool'>;
  readonly #order = new KeyOrder();

  constructor(api: Pick<PoolApi, 'live' | 'pool'>) {
    this.#api = api;
  }

  /** @returns a part of the keys that fit, and how many fit in all */
  async page(
    filter: KeyFilter,
    part: { readonly from: number; readonly limit: number; readonly nowMs: number },
  ): Promise<{ keys: StoredKey[]; total: number }> {
    const { from, limit, nowMs } = part;
    if (Object.values(filter).some(value => value !== undefined && value !== '')) {
      const fit = await this.matching(filter, nowMs);
      return { keys: fit.slice(from, from + limit), total: fit.length };
    }
    const { records } = this.#api.live;
    const ids = this.#order.newestFirst(this.#api.live);
    return { keys: ids.slice(from, from + limit).map(id => records.get(id)!), total: ids.length };
  }

  /** All that fit, newest first. */
  async matching(filter: KeyFilter, nowMs: number): Promise<StoredKey[]> {
    const { live, pool } = this.#api;
    const fits = fitting(filter);
    const fit: StoredKey[] = [];
    // Settles the pool once, so that each glance is true for this time.
    pool.counts(nowMs);
    let looks = 0;
    for (const record of live.records.values()) {
      if (fits(record) && this.#isIn(record, filter.status)) fit.push(record);
      looks += 1;
      if (looks % LOOKED_AT_ONCE === 0) await nextTurn();
    }
    // As a rule they come oldest first, and what is in order already is sorted quickest.
    return fit.reverse().sort(newerFirst);
  }

  #isIn(record: StoredKey, status: KeyStatus | undefined): boolean {
    if (status === undefined) return true;
    // Only what the store calls active may rest, so the pool is asked about no other key.
    if (record.status !== 'active') return record.status === status;
    if (status !== 'active' && status !== 'resting') return false;
    return statusOf(record.status, this.#api.pool.glance(record.id)?.state) === status;
  }
}
