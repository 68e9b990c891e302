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

/** What another program counted of a key before it came here. */
export interface EarlierUse {
  readonly requests: number;
  readonly failures: number;
  readonly lastUsedMs?: number;
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
  /** Id of its pool group; one that no group has counts as `default`. */
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
  /** Comes with the key and stays as it is; what is counted here lies in the statistics. */
  readonly earlier?: EarlierUse;
  /** Recovery tests that failed since the ban; sets the backoff. */
  readonly failedRecoveries: number;
}

/** A record to add. */
export interface NewKey extends StoredKey {
  /**
   * Fingerprints of the same key under other encryption keys (`Sealer.otherFingerprints`). A record with one of them is
   * a duplicate too, so that none slips in while fingerprints are rewritten. Not stored.
   */
  readonly otherFingerprints?: readonly string[];
}

/** What a record must still say for a change to be made. */
export interface KeyCondition {
  readonly status?: StoredStatus;
  readonly sealed?: string;
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

/**
 * What changed since a revision: enough to bring a replica of 100,000 keys up to date without reading it whole. An id is in
 * one of the two lists at most.
 */
export interface KeyChanges {
  readonly revision: number;
  readonly changed: readonly StoredKey[];
  readonly removed: readonly string[];
  /**
   * The store no longer knows what was removed since, or it lost its data: start over from `sinceRevision` 0 with an empty
   * copy. The rest of such an answer is empty.
   */
  readonly startOver: boolean;
}

export interface KeyStore {
  /**
   * Records changed after `sinceRevision` (0: all), oldest change first. Every write raises the revision.
   *
   * @param limit from 1 to 10,000: at most so many records, and so many removals, in one answer; `revision` then is where
   * it ended, so calling again with it goes on. Where both are fewer, there were no more.
   */
  changes(sinceRevision: number, limit: number): Promise<KeyChanges>;

  /**
   * Adds records in one atomic step. Those whose fingerprint or id exists are left out. Meant for up to 5,000 at a time.
   *
   * @returns ids that were added, in order
   */
  add(keys: readonly NewKey[]): Promise<string[]>;

  /**
   * Changes a record. With `onlyIf` (a text means the status), only while it still says that: two instances that judge
   * the same key at once do not undo each other. `duplicate`: the new fingerprint belongs to another record.
   */
  update(
    id: string,
    patch: KeyPatch,
    onlyIf?: StoredStatus | KeyCondition,
  ): Promise<'updated' | 'missing' | 'changed' | 'duplicate'>;

  /** Deletes records, some thousands in one atomic step. @returns ids that existed */
  remove(ids: readonly string[]): Promise<string[]>;

  /**
   * Deletes all records of a status, some thousands in one atomic step. A record whose status changes meanwhile stays.
   *
   * @returns how many went
   */
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
  /** All groups, in no particular order. `default` is always among them. */
  readAll(): Promise<PoolGroup[]>;
  /** Adds or replaces a group. */
  put(group: PoolGroup): Promise<void>;
  /** Sets the priorities of groups in one step; unknown ids are ignored. */
  reorder(priorities: ReadonlyMap<string, number>): Promise<void>;
  /**
   * Deletes a group and moves its keys to `default`, in one step.
   *
   * @returns how many keys were moved, or `undefined` when there is no such group or it is `default`, which stays
   */
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
  /** Notes a cool-down. An earlier end never replaces a later one; one that is not after `nowMs` is left out. */
  rest(rest: Rest, nowMs: number): Promise<void>;
  /** Takes all cool-downs of a key away (it was tested good, or an admin said so). */
  wake(keyId: string): Promise<void>;
  /** Those that end after `nowMs`. Cheap while nothing changes, so it may be asked every second. */
  readAll(nowMs: number): Promise<Rest[]>;
}

/** A right that one process of the installation has at a time: to refresh the OAuth token, to probe banned keys. */
export interface LeaseStore {
  /** Takes or extends a lease. False while another holder's ends after `nowMs`. */
  take(name: string, holder: string, options: { nowMs: number; forMs: number }): Promise<boolean>;
  /** Gives a lease back; nothing happens when another holds it. */
  release(name: string, holder: string): Promise<void>;
}

/** Small sealed values: the OAuth tokens. Their additional data is their name. */
export interface SealedStore {
  read(name: string): Promise<{ readonly sealed: string; readonly version: number } | undefined>;
  /**
   * Replaces a value whose version still is `expectedVersion` (0: there is none yet). False when it is not. The version
   * grows by 1.
   */
  replace(name: string, sealed: string, expectedVersion: number): Promise<boolean>;
  /** Names of all values (for rotation and backup). */
  names(): Promise<string[]>;
}

/** Small texts that all instances see, each until its time is over: how far a run of tests is, for example. */
export interface NoteStore {
  /** Writes a note, in place of the one of that name. */
  put(name: string, text: string, times: { nowMs: number; untilMs: number }): Promise<void>;
  /** The note; `undefined` when there is none or its time is over at `nowMs`. */
  read(name: string, nowMs: number): Promise<string | undefined>;
}

/** Objects that `OwnerStore` keeps at most. */
export const OWNERS_KEPT = 100_000;

/**
 * Which key made a stored object (a file, a batch, a response): later requests for it go to that key. Of more than
 * `OWNERS_KEPT`, those that were remembered first go.
 */
export interface OwnerStore {
  /** Notes the owner of an object, until `untilMs`; replaces what was known. */
  remember(objectId: string, keyId: string, untilMs: number): Promise<void>;
  /** The owner, or `undefined` when it is not known or its time is over at `nowMs`. */
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
  readonly notes: NoteStore;
}
