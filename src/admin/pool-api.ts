import { AppError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { KeyPool } from '../domain/pool/key-pool.ts';
import type { SharedTestRun } from '../domain/pool/shared-test-run.ts';
import type { SourceBan } from '../domain/pool/source-bans.ts';
import type { SourceReport } from '../domain/pool/sources/types.ts';
import type { KeySourceName } from '../domain/pool/types.ts';
import type { KeyCounts } from '../domain/tokens/key-counts.ts';
import type { EndpointCounts } from '../domain/tokens/token-reports.ts';
import type { KeySealer } from '../domain/transfer/key-record.ts';
import type { KeyTest, PoolGroup, PoolStores, ProviderName, StoredKey } from '../stores/pool-types.ts';
import type { TokenSource } from './tokens.ts';

/** The stored part of the pool as this process serves it; `domain/pool/pool-replica.ts` has it. */
export interface LivePool {
  readonly loaded: boolean;
  readonly state: 'ok' | 'degraded';
  /** By id. */
  readonly records: ReadonlyMap<string, StoredKey>;
  /** Grows whenever a record is added or removed. */
  readonly membership: number;
  readonly groups: readonly PoolGroup[];
  /** What the console saved, by dotted name. */
  readonly settings: ReadonlyMap<string, unknown>;
  /** Ids of records that cannot be opened and are not in the pool. */
  readonly damaged: ReadonlySet<string>;
  /** Takes over what the store holds now. Never rejects. */
  refresh(): Promise<void>;
}

/** How a source of keys does. */
export interface KeySourceReport extends Pick<SourceReport, 'state' | 'detail'> {
  readonly name: KeySourceName;
}

/** What is known of vendors; `openai/providers.ts` has it. */
export interface ProviderWords {
  /** The provider that a key's format names, `openai` where it names none. */
  detect(key: string): ProviderName;
  /** @throws AppError `ERR_VALIDATION` (field `baseUrl`) */
  checkBaseUrl(provider: ProviderName, baseUrl: string): void;
}

export interface PoolApi {
  readonly stores: Pick<PoolStores, 'keys' | 'groups' | 'settings' | 'rests' | 'sealed'>;
  readonly live: LivePool;
  readonly pool: Pick<
    KeyPool,
    'counts' | 'view' | 'glance' | 'get' | 'wake' | 'runningDry' | 'keys' | 'config'
  >;
  readonly encryption: {
    readonly sealer: KeySealer;
    /**
     * Awaited before anything is sealed.
     *
     * @throws AppError `ERR_ENCRYPTION_KEY`, `ERR_STORE_UNAVAILABLE`
     */
    verify(): Promise<void>;
  };
  readonly providers: ProviderWords;
  /** The pool's settings that the environment gives, by dotted name. */
  readonly environment: ReadonlyMap<string, unknown>;
  /** Tests a key as a request would use it, and stores the result. Never rejects for what the upstream does. */
  readonly testKey: (keyId: string) => Promise<KeyTest>;
  readonly testRun: Pick<SharedTestRun, 'start' | 'cancel' | 'progress'>;
  readonly tokens: TokenSource;
  /** Why and since when a key without a record is banned. */
  readonly sourceBanOf: (keyId: string) => Pick<SourceBan, 'reason' | 'statusAtMs'> | undefined;
  /** In the order in which they are asked. */
  readonly sources: () => readonly KeySourceReport[];
  /** Requests to the endpoints under `/v1`, most first. */
  readonly readEndpoints: () => Promise<readonly EndpointCounts[]>;
  /** All-time counts of some keys, by id. */
  readonly readKeyCounts: (keyIds: readonly string[]) => Promise<ReadonlyMap<string, KeyCounts>>;
  readonly basePath: string;
  readonly log: Log;
}

/**
 * Brings the copy up to date before it is shown, so that the answer includes what another process wrote a moment ago.
 * While the store is away it is the one being served, at once.
 *
 * @throws AppError `ERR_STORE_UNAVAILABLE` when nothing was ever read: an empty list would be a lie
 */
export async function newestPool({ live }: Pick<PoolApi, 'live'>): Promise<LivePool> {
  if (live.state === 'ok') await live.refresh();
  if (!live.loaded) {
    throw new AppError('ERR_STORE_UNAVAILABLE', 'The store has not answered yet; try again soon');
  }
  return live;
}

/** @throws AppError `ERR_NOT_FOUND` */
export async function existingKey(api: PoolApi, id: string): Promise<StoredKey> {
  const record = (await newestPool(api)).records.get(id);
  if (record === undefined) throw unknownKey();
  return record;
}

/** Without the id: somebody may have put a key in its place. */
export function unknownKey(): AppError {
  return new AppError('ERR_NOT_FOUND', 'Expected the id of a key that exists, got another one', {
    field: 'id',
  });
}
