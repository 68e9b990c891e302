import type { PoolGroup, ProviderName, Rest } from '../../stores/pool-types.ts';
import type { PoolConfig } from './pool-config.ts';
import type {
  KeySourceName,
  KeyView,
  Lease,
  LeaseRequest,
  LiveKey,
  PoolEffect,
  StateCounts,
  Unavailable,
  Verdict,
} from './types.ts';

export interface KeyPoolOptions {
  readonly config: PoolConfig;
  /** Called for what other processes must learn. Must not throw. */
  readonly onEffect?: (effect: PoolEffect) => void;
  /** Processes that share the limit of requests in flight per key; each gets its part, one at least. */
  readonly processes?: number;
  readonly random?: () => number;
}

/** The keys of all sources, in memory: who may be used, whose turn it is, who rests. */
export class KeyPool {
  constructor(options: KeyPoolOptions) {
    throw new Error(`not built yet: ${options.processes}`);
  }

  /** Takes over settings; live, requests in flight keep their keys. */
  configure(_config: PoolConfig): void {}
  get config(): PoolConfig {
    throw new Error('not built yet');
  }
  /** Tells the priorities; a pool that is not among them comes after all others. */
  setGroups(_groups: readonly PoolGroup[]): void {}
  /** Puts these in place of all keys of one source. */
  replaceAll(_source: KeySourceName, _keys: Iterable<LiveKey>): void {}
  /** Adds or changes keys, and takes keys away. */
  apply(_changes: { readonly changed: readonly LiveKey[]; readonly removed: readonly string[] }): void {}
  /** Notes cool-downs (of other processes). An earlier end never replaces a later one. */
  setRests(_rests: Iterable<Rest>, _nowMs: number): void {}
  /** Ends a key's cool-downs, or only that of one model. */
  wake(_keyId: string, _model?: string): void {}
  /** All-time tokens by key. */
  setUsage(_tokens: ReadonlyMap<string, number>): void {}
  addUsage(_keyId: string, _tokens: number): void {}

  /** Chooses a key. Exactly one `release` or `abandon` must follow. */
  lease(_request: LeaseRequest, _nowMs: number): Lease | Unavailable {
    throw new Error('not built yet');
  }
  /** Lends a key whatever its state, for a test of it. `undefined`: there is no such key. */
  leaseForTest(_keyId: string, _model: string): Lease | undefined {
    throw new Error('not built yet');
  }
  /** Wraps a key that is not in the pool (the client's own) so that it takes the same path. */
  lendForeign(_key: LiveKey, _model: string): Lease {
    throw new Error('not built yet');
  }
  /** Gives a key back with what its answer said. @throws Error when it was given back before */
  release(_lease: Lease, _verdict: Verdict, _nowMs: number): void {}
  /** Gives a key back when nothing can be said of it: the client left. @throws Error as `release` */
  abandon(_lease: Lease): void {}

  /** Keys of a source, pool, provider (any where left out) by state. */
  counts(
    _nowMs: number,
    _filter?: { source?: KeySourceName; pool?: string; provider?: ProviderName },
  ): StateCounts {
    throw new Error('not built yet');
  }
  /** Providers of which there is a key that is not banned or disabled; resting ones count. */
  providers(): ReadonlySet<ProviderName> {
    throw new Error('not built yet');
  }
  /** Whether fewer keys are usable than `dryThreshold`. Never for a pool without keys. */
  runningDry(_nowMs: number): boolean {
    throw new Error('not built yet');
  }
  get(_keyId: string): LiveKey | undefined {
    throw new Error('not built yet');
  }
  view(_keyId: string, _nowMs: number): KeyView | undefined {
    throw new Error('not built yet');
  }
  /** All keys, in no particular order. */
  keys(): Iterable<LiveKey> {
    throw new Error('not built yet');
  }
}

/** Tells a lease from a reason why there is none. */
export function isLease(result: Lease | Unavailable): result is Lease {
  return 'key' in result;
}
