import type { Log } from '../../base/log.ts';
import type { KeyTest, PoolStores, StoredKey } from '../../stores/pool-types.ts';
import type { PoolConfig } from './pool-config.ts';

export interface RecoveryOptions {
  readonly stores: Pick<PoolStores, 'keys' | 'rests' | 'leases'>;
  /** All records; only banned ones are tested. */
  readonly records: () => Iterable<StoredKey>;
  readonly config: () => PoolConfig['recovery'];
  /** Tests a key the way a request would use it. Never rejects. */
  readonly test: (keyId: string) => Promise<KeyTest>;
  /** Identity of this process for the lease. */
  readonly holder: string;
  readonly log: Log;
  readonly now?: () => number;
  readonly schedule?: (task: () => void, delayMs: number) => () => void;
}

/** Re-tests banned keys on a schedule; one process of the installation does it at a time. */
export class Recovery {
  constructor(options: RecoveryOptions) {
    throw new Error(`not built yet: ${typeof options}`);
  }
  start(): void {}
  /** One round now: tests what is due. Never rejects. @returns how many were tested */
  round(): Promise<number> {
    throw new Error('not built yet');
  }
  stop(): Promise<void> {
    throw new Error('not built yet');
  }
}
