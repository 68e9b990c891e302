import { AppError } from '../base/errors.ts';
import type { KeyView, StateCounts } from '../domain/pool/types.ts';
import { type KeyCounts as AllTimeCounts, withEarlierUse } from '../domain/tokens/key-counts.ts';
import type { KeyTest, StoredKey } from '../stores/pool-types.ts';

/** Where a key stands, as the API says it: what is at its limit of requests for a moment counts as active. */
export type KeyStatus = 'active' | 'resting' | 'disabled' | 'banned';

export const KEY_STATUSES: readonly KeyStatus[] = ['active', 'resting', 'disabled', 'banned'];

export interface KeyCounts {
  readonly total: number;
  readonly active: number;
  readonly resting: number;
  readonly disabled: number;
  readonly banned: number;
}

export function keyCounts(counts: StateCounts): KeyCounts {
  const { ready, busy, resting, disabled, banned } = counts;
  return {
    total: ready + busy + resting + disabled + banned,
    active: ready + busy,
    resting,
    disabled,
    banned,
  };
}

/** Counts of all stored keys: those that cannot be opened are in no pool, and count as what their records say. */
export function storedCounts(
  api: {
    readonly pool: { counts(nowMs: number, filter: { source: 'stored' }): StateCounts };
    readonly live: {
      readonly records: ReadonlyMap<string, StoredKey>;
      readonly damaged: ReadonlySet<string>;
    };
  },
  nowMs: number,
): KeyCounts {
  const counts: Record<keyof KeyCounts, number> = {
    ...keyCounts(api.pool.counts(nowMs, { source: 'stored' })),
  };
  for (const id of api.live.damaged) {
    const status = api.live.records.get(id)?.status;
    if (status === undefined) continue;
    counts[status] += 1;
    counts.total += 1;
  }
  return counts;
}

/** @param state of the key in the pool; `undefined` where the pool has not taken it over yet */
export function statusOf(stored: StoredKey['status'], state: KeyView['state'] | undefined): KeyStatus {
  if (stored !== 'active') return stored;
  return state === 'resting' ? 'resting' : 'active';
}

/** What a process knows of the work of a key since it started, tries of requests that another key answered among it. */
export interface KeyWork {
  readonly requests: number;
  readonly successes: number;
  readonly failures: number;
  readonly inFlight: number;
  readonly usedTokens: number;
  readonly lastUsedMs: number | null;
  readonly rests: KeyView['rests'];
}

/** A key as the API shows it: never its text. */
export interface KeyRow extends KeyWork {
  readonly id: string;
  readonly hint: string;
  readonly provider: string;
  readonly baseUrl: string | null;
  readonly poolGroup: string;
  readonly notes: string;
  readonly quotaTokens: number | null;
  readonly status: KeyStatus;
  readonly statusReason: string;
  readonly statusAtMs: number;
  readonly createdAtMs: number;
  readonly lastTest: KeyTest | null;
  /** Requests that it was asked, of all processes, and those counted before it came here; `null`: the store is away. */
  readonly allTime: AllTimeCounts | null;
  readonly strikes: number;
  /** It cannot be opened under the encryption key, so it is not used. */
  readonly damaged: boolean;
}

/** Where rows come from. */
export interface RowSource {
  readonly pool: { view(keyId: string, nowMs: number): KeyView | undefined };
  readonly live: { readonly state: 'ok' | 'degraded'; readonly damaged: ReadonlySet<string> };
  /** @throws AppError `ERR_STORE_UNAVAILABLE` */
  readonly readKeyCounts: (keyIds: readonly string[]) => Promise<ReadonlyMap<string, AllTimeCounts>>;
}

/** The row of a record as things stand. */
export async function rowOf(record: StoredKey, api: RowSource, nowMs: number): Promise<KeyRow> {
  return (await rowsOf([record], api, nowMs))[0]!;
}

/** The rows of some records as things stand. */
export async function rowsOf(
  records: readonly StoredKey[],
  api: RowSource,
  nowMs: number,
): Promise<KeyRow[]> {
  const ids = records.map(({ id }) => id);
  const counts = await allTimeCounts(ids, api);
  return records.map(record => keyRow(record, { api, nowMs, counts }));
}

/** All-time counts by key id; `undefined` while the store is away: keys are shown without them then. */
export async function allTimeCounts(
  keyIds: readonly string[],
  api: Pick<RowSource, 'live' | 'readKeyCounts'>,
): Promise<ReadonlyMap<string, AllTimeCounts> | undefined> {
  if (api.live.state !== 'ok') return undefined;
  try {
    return await api.readKeyCounts(keyIds);
  } catch (error) {
    if (error instanceof AppError && error.code === 'ERR_STORE_UNAVAILABLE') return undefined;
    throw error;
  }
}

function keyRow(
  record: StoredKey,
  {
    api,
    nowMs,
    counts,
  }: { api: RowSource; nowMs: number; counts: ReadonlyMap<string, AllTimeCounts> | undefined },
): KeyRow {
  const { id, earlier } = record;
  const view = api.pool.view(id, nowMs);
  const work = keyWork(view);
  return {
    id,
    hint: record.hint,
    provider: record.provider,
    baseUrl: record.baseUrl ?? null,
    poolGroup: record.pool,
    notes: record.notes,
    quotaTokens: record.quotaTokens ?? null,
    status: statusOf(record.status, view?.state),
    statusReason: record.status === 'active' ? '' : record.statusReason,
    statusAtMs: record.statusAtMs,
    createdAtMs: record.createdAtMs,
    lastTest: record.lastTest ?? null,
    allTime: counts === undefined ? null : withEarlierUse(counts.get(id), earlier),
    strikes: view?.strikes ?? 0,
    damaged: api.live.damaged.has(id),
    ...work,
    lastUsedMs: work.lastUsedMs ?? earlier?.lastUsedMs ?? null,
  };
}

export function keyWork(view: KeyView | undefined): KeyWork {
  return {
    requests: view?.picks ?? 0,
    successes: view?.successes ?? 0,
    failures: view?.failures ?? 0,
    inFlight: view?.inFlight ?? 0,
    usedTokens: view?.usedTokens ?? 0,
    lastUsedMs: view === undefined || view.lastUsedMs === 0 ? null : view.lastUsedMs,
    rests: view?.rests ?? [],
  };
}
