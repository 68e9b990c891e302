import type { StoredKey } from '../stores/pool-types.ts';
import type { LivePool } from './pool-api.ts';

/**
 * The ids of the records in the order in which they are shown, newest first. The order is kept from one request to the
 * next: while no record comes or goes it costs nothing, and of what has come only that is sorted.
 */
export class KeyOrder {
  #membership = 0;
  #newestFirst: readonly string[] = [];

  /** @param live a record's `id` and `createdAtMs` never change */
  newestFirst({ records, membership }: Pick<LivePool, 'records' | 'membership'>): readonly string[] {
    if (membership === this.#membership) return this.#newestFirst;
    const kept = this.#newestFirst.filter(id => records.has(id));
    const added = kept.length === records.size ? [] : without(records, kept);
    // As a rule they come oldest first, and what is in order already is sorted quickest.
    added.reverse().sort(newerFirst);
    this.#newestFirst = added.length === 0 ? kept : merged(added, kept, records);
    this.#membership = membership;
    return this.#newestFirst;
  }
}

function without(records: ReadonlyMap<string, StoredKey>, known: readonly string[]): StoredKey[] {
  if (known.length === 0) return [...records.values()];
  const ids = new Set(known);
  return [...records.values()].filter(({ id }) => !ids.has(id));
}

/** Ids made by one process sort as they were made, which orders keys of the same ms. */
export function newerFirst(left: StoredKey, right: StoredKey): number {
  return right.createdAtMs - left.createdAtMs || (left.id < right.id ? 1 : -1);
}

function merged(
  added: readonly StoredKey[],
  kept: readonly string[],
  records: ReadonlyMap<string, StoredKey>,
): string[] {
  if (kept.length === 0) return added.map(({ id }) => id);
  const all: string[] = [];
  let fromKept = 0;
  for (const record of added) {
    while (fromKept < kept.length && newerFirst(records.get(kept[fromKept]!)!, record) < 0) {
      all.push(kept[fromKept]!);
      fromKept += 1;
    }
    all.push(record.id);
  }
  return all.concat(kept.slice(fromKept));
}
