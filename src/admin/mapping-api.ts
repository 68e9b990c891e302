import { AppError, type ErrorCode } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Mapping, MappingTable } from '../domain/mappings.ts';

/** What the API needs of the mapping store; `stores/types.ts` says what each verb promises. */
export interface MappingRows {
  readAll(): Promise<ReadonlyMap<string, string>>;
  create(prefix: string, target: string): Promise<boolean>;
  replace(
    prefix: string,
    target: string,
    expectedTarget?: string,
  ): Promise<'replaced' | 'missing' | 'changed'>;
  remove(prefix: string, expectedTarget?: string): Promise<'removed' | 'missing' | 'changed'>;
  putAll(rows: ReadonlyMap<string, string>): Promise<void>;
}

/** The mappings as this process serves them. */
export interface LiveMappings {
  readonly table: MappingTable;
  /** Whether any table has been read, from the store or from its local copy. */
  readonly loaded: boolean;
  readonly state: 'ok' | 'degraded';
  /** Compares with the store and swaps the table where it differs. */
  refresh(): Promise<void>;
}

/** What one request to a target showed: its status, or the code of why there was none. */
export type TryResult =
  | { readonly status: number; readonly duration_ms: number }
  | { readonly error: ErrorCode; readonly duration_ms: number };

export interface MappingApi {
  readonly store: MappingRows;
  readonly live: LiveMappings;
  readonly basePath: string;
  readonly log: Log;
  /** Sends one request to the mapping's target, as the proxy would. */
  tryTarget(mapping: Mapping): Promise<TryResult>;
}

/**
 * The newest table there is: compared with the store, so that the answer includes what another process wrote a moment
 * ago. While the store is away it is the one being served, at once.
 *
 * @throws AppError `ERR_STORE_UNAVAILABLE` when nothing was ever read: an empty list would be a lie
 */
export async function newestTable(api: MappingApi): Promise<MappingTable> {
  if (api.live.state === 'ok') await refresh(api);
  if (!api.live.loaded)
    throw new AppError('ERR_STORE_UNAVAILABLE', 'The store has not answered yet; try again soon');
  return api.live.table;
}

/**
 * Makes a write live before it is answered. The write has happened, so a store that goes away now does not make it
 * fail: the comparison that runs anyway brings it in.
 */
export async function refresh(api: MappingApi): Promise<void> {
  try {
    await api.live.refresh();
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'ERR_STORE_UNAVAILABLE') throw error;
    api.log.warn({ code: error.code }, 'mappings not compared with the store');
  }
}

export interface StoredRow {
  /** Exactly as stored. */
  readonly name: string;
  readonly target: string;
}

/**
 * Finds a row by its prefix. Where the hash was written by hand the name may lack its first slash or have one at the
 * end; such a row can then still be changed and deleted.
 */
export function storedRow(rows: ReadonlyMap<string, string>, prefix: string): StoredRow | undefined {
  for (const name of [prefix, `${prefix}/`, prefix.slice(1)]) {
    const target = rows.get(name);
    if (target !== undefined) return { name, target };
  }
  return undefined;
}
