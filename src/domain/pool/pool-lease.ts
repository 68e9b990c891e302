import type { PoolEntry } from './pool-entry.ts';
import type { Lease, LiveKey } from './types.ts';

/** A lease as `KeyPool` gives it out. */
export class PoolLease implements Lease {
  readonly key: LiveKey;
  readonly model: string;
  /** `undefined` for a key that is not in the pool. */
  readonly entry: PoolEntry | undefined;
  /** The entry's when it was lent. */
  readonly epoch: number;
  #open = true;

  constructor({ key, model, entry }: { key: LiveKey; model: string; entry: PoolEntry | undefined }) {
    this.key = key;
    this.model = model;
    this.entry = entry;
    this.epoch = entry?.epoch ?? 0;
  }

  /** False when it was closed before. */
  close(): boolean {
    const was = this.#open;
    this.#open = false;
    return was;
  }
}
