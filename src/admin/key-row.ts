import type { KeyView, StateCounts } from '../domain/pool/types.ts';
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

/** @param state of the key in the pool; `undefined` where the pool has not taken it over yet */
export function statusOf(stored: StoredKey['status'], state: KeyView['state'] | undefined): KeyStatus {
  if (stored !== 'active') return stored;
  return state === 'resting' ? 'resting' : 'active';
}

/** What a process knows of the work of a key. */
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
  readonly strikes: number;
  /** It cannot be opened under the encryption key, so it is not used. */
  readonly damaged: boolean;
}

export function keyRow(
  record: StoredKey,
  { view, damaged }: { view: KeyView | undefined; damaged: boolean },
): KeyRow {
  return {
    id: record.id,
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
    strikes: view?.strikes ?? 0,
    damaged,
    ...keyWork(view),
  };
}

/** The row of a record as things stand. */
export function rowOf(
  record: StoredKey,
  api: {
    readonly pool: { view(keyId: string, nowMs: number): KeyView | undefined };
    readonly live: { readonly damaged: ReadonlySet<string> };
  },
  nowMs: number,
): KeyRow {
  const view = api.pool.view(record.id, nowMs);
  return keyRow(record, { view, damaged: api.live.damaged.has(record.id) });
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
