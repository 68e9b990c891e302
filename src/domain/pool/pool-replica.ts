import type { Log } from '../../base/log.ts';
import type { PoolGroup, PoolStores, StoredKey } from '../../stores/pool-types.ts';
import type { StoreState } from '../../stores/types.ts';
import type { KeyPool } from './key-pool.ts';
import type { PoolEffect } from './types.ts';

export interface PoolReplicaOptions {
  readonly stores: Pick<PoolStores, 'keys' | 'groups' | 'settings' | 'rests'>;
  readonly pool: KeyPool;
  /** Opens a sealed key; throws where it cannot be opened. */
  readonly open: (id: string, sealed: string) => string;
  /** Called with the console's settings when they changed (also those that are not the pool's). */
  readonly onSettings?: (settings: ReadonlyMap<string, unknown>) => void;
  readonly log: Log;
  readonly now?: () => number;
  readonly schedule?: (task: () => void, delayMs: number) => () => void;
}

/** Keeps a `KeyPool` current from the stores and writes what it decided back. */
export class PoolReplica {
  constructor(options: PoolReplicaOptions) {
    throw new Error(`not built yet: ${typeof options}`);
  }
  /** Loads everything and keeps up from then on. Never rejects. */
  start(): Promise<void> {
    throw new Error('not built yet');
  }
  /** Takes over what the stores hold now: a write that ended before is seen when it resolves. Never rejects. */
  refresh(): Promise<void> {
    throw new Error('not built yet');
  }
  /** Queues an effect of the pool; give it as `KeyPool`'s `onEffect`. */
  record(_effect: PoolEffect): void {}
  /** Ends the watch; resolves when what is queued was tried once more. */
  stop(): Promise<void> {
    throw new Error('not built yet');
  }
  get state(): StoreState {
    throw new Error('not built yet');
  }
  get loaded(): boolean {
    throw new Error('not built yet');
  }
  /** Every stored record by id, as the store has it. */
  get records(): ReadonlyMap<string, StoredKey> {
    throw new Error('not built yet');
  }
  get groups(): readonly PoolGroup[] {
    throw new Error('not built yet');
  }
  get settings(): ReadonlyMap<string, unknown> {
    throw new Error('not built yet');
  }
}
