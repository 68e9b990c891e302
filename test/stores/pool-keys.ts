import type { KeyStore, NewKey, StoredKey } from '../../src/stores/pool-types.ts';

/** A record; `number` makes its id and its fingerprint. */
export function keyOf(number: number | string, fields: Partial<NewKey> = {}): NewKey {
  return {
    id: `key-${number}`,
    sealed: `sealed-${number}`,
    fingerprint: `print-${number}`,
    hint: 'sk-…a1b2',
    provider: 'openai',
    pool: 'default',
    notes: '',
    status: 'active',
    statusReason: '',
    statusAtMs: 0,
    createdAtMs: 1_700_000_000_000,
    failedRecoveries: 0,
    ...fields,
  };
}

export function keysOf(from: number, to: number, fields: Partial<NewKey> = {}): NewKey[] {
  return Array.from({ length: to - from }, (_, index) => keyOf(from + index, fields));
}

/** A replica: what a process knows that follows the changes. */
export class Reader {
  readonly #keys: KeyStore;
  readonly records = new Map<string, StoredKey>();
  revision = 0;
  startedOver = 0;

  constructor(keys: KeyStore) {
    this.#keys = keys;
  }

  /** Reads on until nothing is new. */
  async follow(limit = 1_000): Promise<this> {
    for (;;) {
      const { revision, changed, removed, startOver } = await this.#keys.changes(this.revision, limit);
      if (startOver) {
        this.startedOver += 1;
        this.records.clear();
        this.revision = 0;
        continue;
      }
      for (const key of changed) this.records.set(key.id, key);
      for (const id of removed) this.records.delete(id);
      this.revision = revision;
      if (changed.length < limit && removed.length < limit) return this;
    }
  }

  get ids(): string[] {
    return [...this.records.keys()].sort();
  }
}

/** All records, read from the beginning. */
export async function recordsOf(keys: KeyStore): Promise<Map<string, StoredKey>> {
  return (await new Reader(keys).follow()).records;
}

export async function recordOf(keys: KeyStore, id: string): Promise<StoredKey | undefined> {
  return (await recordsOf(keys)).get(id);
}

/** Records in the order of their ids, to compare. */
export function listed(records: ReadonlyMap<string, StoredKey>): StoredKey[] {
  return [...records.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}
