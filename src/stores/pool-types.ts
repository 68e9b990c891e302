/**
 * Ports to the persistent state of the key pool. As in `types.ts`: one verb, one atomic step, time is an argument, and a
 * store that cannot be reached rejects with `AppError` `ERR_STORE_UNAVAILABLE`. Secrets come here sealed; a store never
 * sees a clear key.
 */

/** Provider of a key; decides its base URL and how the key is sent. */
export type ProviderName = 'openai' | 'anthropic' | 'gemini' | 'xai' | 'factory' | 'azure';

/** What an operator or a verdict decided about a key. `resting` is no stored status: it ends by itself, see `RestStore`. */
export type StoredStatus = 'active' | 'disabled' | 'banned';

/** Result of the last test of a key, by hand or by the prober. */
export interface KeyTest {
  readonly atMs: number;
  readonly ok: boolean;
  /** HTTP status of the test request; 0 when there was no answer. */
  readonly status: number;
  /** Short, without secrets. */
  readonly detail: string;
}

/** An upstream key as it lies in the store. */
export interface StoredKey {
  readonly id: string;
  /** The key, encrypted with this record's id as additional data. */
  readonly sealed: string;
  /** Keyed hash of the key: equal keys have equal fingerprints, and the store refuses the second. */
  readonly fingerprint: string;
  /** What may be shown: `sk-…a1b2`. */
  readonly hint: string;
  readonly provider: ProviderName;
  /** Overrides the provider's base URL. */
  readonly baseUrl?: string;
  /** Id of its pool group. */
  readonly pool: string;
  readonly notes: string;
  /** Tokens this key may use in all; unknown when left out. */
  readonly quotaTokens?: number;
  readonly status: StoredStatus;
  /** Why, for people: `401 from the upstream`, `by an admin`. */
  readonly statusReason: string;
  readonly statusAtMs: number;
  readonly createdAtMs: number;
  readonly lastTest?: KeyTest;
  /** Recovery tests that failed since the ban; sets the backoff. */
  readonly failedRecoveries: number;
}

/** Fields of a record that may be changed. `null` takes an optional one away. */
export interface KeyPatch {
  readonly provider?: ProviderName;
  readonly baseUrl?: string | null;
  readonly pool?: string;
  readonly notes?: string;
  readonly quotaTokens?: number | null;
  readonly status?: StoredStatus;
  readonly statusReason?: string;
  readonly statusAtMs?: number;
  readonly lastTest?: KeyTest;
  readonly failedRecoveries?: number;
  readonly sealed?: string;
  readonly fingerprint?: string;
}

/** What changed since a revision: enough to bring a replica of 100,000 keys up to date without reading it whole. */
export interface KeyChanges {
  readonly revision: number;
  readonly changed: readonly StoredKey[];
  readonly removed: readonly string[];
  /** The store no longer knows what was removed since: start over from `sinceRevision` 0. */
  readonly startOver: boolean;
}

export interface KeyStore {
  /**
   * Records changed after `sinceRevision` (0: all). Every write raises the revision.
   *
   * @param limit at most so many records in one answer; `revision` then is that of the last one given, so calling again
   * with it goes on
   */
  changes(sinceRevision: number, limit: number): Promise<KeyChanges>;

  /**
   * Adds records in one atomic step. Those whose fingerprint exists are left out.
   *
   * @returns ids that were added, in order
   */
  add(keys: readonly StoredKey[]): Promise<string[]>;

  /**
   * Changes a record. With `onlyIfStatus`, only while its status still is that: two instances that judge the same key at
   * once do not undo each other. `duplicate`: the new fingerprint belongs to another record.
   */
  update(
    id: string,
    patch: KeyPatch,
    onlyIfStatus?: StoredStatus,
  ): Promise<'updated' | 'missing' | 'changed' | 'duplicate'>;

  /** Deletes records. @returns ids that existed */
  remove(ids: readonly string[]): Promise<string[]>;

  /** Deletes all records of a status. @returns how many */
  removeByStatus(status: StoredStatus): Promise<number>;

  /** Hints as in `MappingStore.watch`, for keys, pool groups, rests and the pool's settings alike. */
  watch(onHint: () => void): () => void;
}

export interface PoolGroup {
  readonly id: string;
  readonly name: string;
  /** 1 is asked first. */
  readonly priority: number;
  readonly description: string;
}

/** The group that always exists and takes the keys of deleted ones. */
export const DEFAULT_POOL = 'default';

export interface PoolGroupStore {
  readAll(): Promise<PoolGroup[]>;
  /** Adds or replaces a group. */
  put(group: PoolGroup): Promise<void>;
  /** Sets the priorities of groups in one step; unknown ids are ignored. */
  reorder(priorities: ReadonlyMap<string, number>): Promise<void>;
  /** Deletes a group and moves its keys to `default`, in one step. @returns moved keys, or `undefined` when there is no such group */
  remove(id: string): Promise<number | undefined>;
}

/** Settings that the console saved: they override the environment's. Values are JSON. */
export interface SettingsStore {
  readAll(): Promise<ReadonlyMap<string, unknown>>;
  /** Sets and (with `null`) unsets in one step. */
  write(changes: ReadonlyMap<string, unknown>): Promise<void>;
}

/** One cool-down. `model` is `*` where it holds for all. */
export interface Rest {
  readonly keyId: string;
  readonly model: string;
  readonly untilMs: number;
}

/** Cool-downs, shared by all instances. */
export interface RestStore {
  /** Notes a cool-down. An earlier end never replaces a later one. */
  rest(rest: Rest, nowMs: number): Promise<void>;
  /** Takes all cool-downs of a key away (it was tested good, or an admin said so). */
  wake(keyId: string): Promise<void>;
  /** Those that have not ended. */
  readAll(nowMs: number): Promise<Rest[]>;
}

/** A right that one process of the installation has at a time: to refresh the OAuth token, to probe banned keys. */
export interface LeaseStore {
  /** Takes or extends a lease. False while another holder's has not run out. */
  take(name: string, holder: string, options: { nowMs: number; forMs: number }): Promise<boolean>;
  release(name: string, holder: string): Promise<void>;
}

/** Small sealed values: the OAuth tokens. */
export interface SealedStore {
  read(name: string): Promise<{ readonly sealed: string; readonly version: number } | undefined>;
  /** Replaces a value whose version still is `expectedVersion` (0: there is none yet). False when it is not. */
  replace(name: string, sealed: string, expectedVersion: number): Promise<boolean>;
  /** Names of all values (for rotation and backup). */
  names(): Promise<string[]>;
}

/** Which key made a stored object (a file, a batch, a response): later requests for it go to that key. */
export interface OwnerStore {
  remember(objectId: string, keyId: string, untilMs: number): Promise<void>;
  find(objectId: string, nowMs: number): Promise<string | undefined>;
}

export interface PoolStores {
  readonly keys: KeyStore;
  readonly groups: PoolGroupStore;
  readonly settings: SettingsStore;
  readonly rests: RestStore;
  readonly leases: LeaseStore;
  readonly sealed: SealedStore;
  readonly owners: OwnerStore;
}
