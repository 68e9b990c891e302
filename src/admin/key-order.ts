import type { StoredKey } from '../stores/pool-types.ts';

/**
 * The records in the order in which they are shown, newest first. The order is kept from one request to the next: what
 * has not changed is not sorted again, and of what has changed only new keys are.
 */
export class KeyOrder {
  /** As the map gave them when they were last looked at. */
  #seen: readonly StoredKey[] = [];
  #newestFirst: readonly StoredKey[] = [];

  /** @param records a record's `id` and `createdAtMs` never change */
  newestFirst(records: ReadonlyMap<string, StoredKey>): readonly StoredKey[] {
    if (this.#isCurrent(records)) return this.#newestFirst;
    const kept: StoredKey[] = [];
    for (const { id } of this.#newestFirst) {
      const record = records.get(id);
      if (record !== undefined) kept.push(record);
    }
    const added = kept.length === records.size ? [] : without(records, kept);
    this.#newestFirst = added.length === 0 ? kept : merged(added.sort(newerFirst), kept);
    this.#seen = [...records.values()];
    return this.#newestFirst;
  }

  #isCurrent(records: ReadonlyMap<string, StoredKey>): boolean {
    if (records.size !== this.#seen.length) return false;
    let index = 0;
    for (const record of records.values()) {
      if (record !== this.#seen[index]) return false;
      index += 1;
    }
    return true;
  }
}

function without(records: ReadonlyMap<string, StoredKey>, known: readonly StoredKey[]): StoredKey[] {
  const ids = new Set(known.map(({ id }) => id));
  return [...records.values()].filter(({ id }) => !ids.has(id));
}

/** Ids made by one process sort as they were made, which orders keys of the same ms. */
function newerFirst(left: StoredKey, right: StoredKey): number {
  return right.createdAtMs - left.createdAtMs || (left.id < right.id ? 1 : -1);
}

function merged(left: readonly StoredKey[], right: readonly StoredKey[]): StoredKey[] {
  const all: StoredKey[] = [];
  let fromRight = 0;
  for (const record of left) {
    while (fromRight < right.length && newerFirst(right[fromRight]!, record) < 0) {
      all.push(right[fromRight]!);
      fromRight += 1;
    }
    all.push(record);
  }
  return all.concat(right.slice(fromRight));
}
