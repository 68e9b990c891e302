import type { PoolStores } from './pool-types.ts';

/**
 * The narrow ports to persistent state. Every method is one domain verb and one atomic step; time is an argument.
 * Both implementations (`sqlite/`, `redis/`) pass the one contract suite in `test/stores/contract.ts`. A method that
 * cannot reach its store rejects with `AppError` `ERR_STORE_UNAVAILABLE`; it never half-does its step.
 */

/** Prefix → target URL, as stored: not validated, because Redis lets anybody write the hash. */
export type RawMappings = ReadonlyMap<string, string>;

export interface MappingStore {
  /** All rows. */
  readAll(): Promise<RawMappings>;

  /**
   * A text that differs whenever the rows differ, far cheaper than reading them. Taken before `readAll`, an equal text
   * later means that nothing has changed since.
   *
   * @param options.fresh without it the answer may be up to 250 ms old: many processes that ask twice a second then share
   * one computation
   */
  fingerprint(options?: { fresh?: boolean }): Promise<string>;

  /** Adds a row. False, and nothing changed, when the prefix exists. */
  create(prefix: string, target: string): Promise<boolean>;

  /**
   * Changes a row. With `expectedTarget`, only when that is what it still says: `changed` means another writer came
   * first and nothing was written.
   */
  replace(
    prefix: string,
    target: string,
    expectedTarget?: string,
  ): Promise<'replaced' | 'missing' | 'changed'>;

  /** Deletes a row. `changed` as in `replace`. */
  remove(prefix: string, expectedTarget?: string): Promise<'removed' | 'missing' | 'changed'>;

  /** Adds or overwrites many rows in one step (import). */
  putAll(rows: RawMappings): Promise<void>;

  /**
   * Fills a store that holds no mappings. True when the rows were written. Without `force` it writes only into a store
   * that has never been seeded or written to: one that somebody emptied stays empty. With `force` it fills that one too;
   * a store that holds mappings is never touched.
   */
  seed(rows: RawMappings, options: { force: boolean }): Promise<boolean>;

  /**
   * Calls `onHint` soon after a change may have happened (own write, other process, redis-cli). Hints make it fast;
   * they may be missing or spurious, so the caller also compares `fingerprint` twice a second.
   *
   * @returns ends the watch
   */
  watch(onHint: () => void): () => void;
}

/** Granularity of a time bucket. `total` has one bucket, at 0. */
export type Tier = 'minute' | 'hour' | 'day' | 'total';

/** One series in one minute. Names of `values` are counter fields (see `domain/statistics/fields.ts`). */
export interface CounterRow {
  /**
   * For example `p /openai` (a prefix) or `e /openai POST /v1/chat/completions` (an endpoint of it). The word before the
   * first space is the family: stores keep families apart, so reading the few prefixes does not pass the many endpoints.
   */
  readonly series: string;
  /**
   * Epoch ms at which the minute, its hour and its local day begin: the store adds the row to all of them and to `total`.
   * It adds a row of which these are negative to `total` alone.
   */
  readonly minuteMs: number;
  readonly hourMs: number;
  readonly dayMs: number;
  /** Amounts to add; all are positive integers. A sum is exact up to 2^53. */
  readonly values: Readonly<Record<string, number>>;
  /** Epoch ms of the latest event; the store keeps the maximum per series. */
  readonly lastSeenMs: number;
  /** False where nobody asks when the series was last seen: `lastSeen` then leaves it out, however many there are. */
  readonly keepsLastSeen?: boolean;
}

/** What one writer adds in one step. */
export interface CounterBatch {
  /** Identity of the process that counts; its sequence starts at 1 and grows by 1. */
  readonly writer: string;
  readonly sequence: number;
  readonly rows: readonly CounterRow[];
}

export interface Bucket {
  readonly series: string;
  readonly startMs: number;
  readonly values: Readonly<Record<string, number>>;
}

export interface BucketQuery {
  readonly tier: Tier;
  /** First bucket start that counts. */
  readonly fromMs: number;
  /** First bucket start that no longer counts. */
  readonly toMs: number;
  /** Only series that begin with one of these; all when left out. */
  readonly seriesPrefixes?: readonly string[];
}

export interface StatisticsStore {
  /**
   * Adds a batch to its minute, hour, day and total buckets, exactly once: a batch whose `sequence` is not above the
   * writer's last applied one changes nothing and resolves, so a batch whose acknowledgement was lost is sent again as it is.
   */
  add(batch: CounterBatch): Promise<void>;

  /** Buckets of one tier, in no particular order. */
  read(query: BucketQuery): Promise<Bucket[]>;

  /**
   * What was ever counted for these series, by name; one that never counted anything is left out. It costs what is asked
   * for, however many series there are.
   */
  totalsOf(series: readonly string[]): Promise<ReadonlyMap<string, Readonly<Record<string, number>>>>;

  /** Epoch ms of each series' latest event, but for rows that said `keepsLastSeen: false`. */
  lastSeen(): Promise<ReadonlyMap<string, number>>;

  /** Drops buckets that start before the given times, and writers silent since `writerBeforeMs`. */
  prune(limits: {
    minuteBeforeMs: number;
    hourBeforeMs: number;
    dayBeforeMs: number;
    writerBeforeMs: number;
    /** Only buckets of these families; of all when left out. */
    families?: readonly string[];
  }): Promise<void>;
}

export type StoreState = 'ok' | 'degraded';

export interface Stores {
  /** `sqlite` or `redis`, for health and logs. */
  readonly kind: 'sqlite' | 'redis';
  readonly mappings: MappingStore;
  readonly statistics: StatisticsStore;
  /** State of the key pool: keys, groups, cool-downs and what belongs to them. */
  readonly pool: PoolStores;
  /** Whether the store answers right now; a cheap round trip. Never rejects. */
  ping(): Promise<StoreState>;
  /** Releases the connection or file. */
  close(): Promise<void>;
}

/** A small JSON file of this process, replaced whole and atomically, mode 0600. `stores/json-file.ts` implements it. */
export interface LocalFile<T> {
  /** The stored value; `undefined` when there is none or it cannot be read (a damaged file is not fatal, it is logged). */
  load(): Promise<T | undefined>;
  save(value: T): Promise<void>;
  /** Deletes the file; nothing happens when there is none. */
  clear(): Promise<void>;
}
