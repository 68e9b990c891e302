import { AppError } from '../base/errors.ts';
import type { PoolConfig } from '../domain/pool/pool-config.ts';
import type { SourceBan } from '../domain/pool/source-bans.ts';
import type { LiveKey } from '../domain/pool/types.ts';
import { withEarlierUse } from '../domain/tokens/key-counts.ts';
import type { EndpointCounts } from '../domain/tokens/token-reports.ts';
import {
  allTimeCounts,
  type KeyCounts,
  type KeyRow,
  type KeyStatus,
  type KeyWork,
  keyCounts,
  keyWork,
  statusOf,
} from './key-row.ts';
import type { PoolApi } from './pool-api.ts';
import { groupRows } from './pool-groups.ts';
import { type SourceRow, sourceRows } from './pool-stats.ts';

/** Keys that a status names; of 100,000 nobody reads more. */
const MOST_KEYS = 200;

/** The pool as everybody who may see the panel sees it: no ids, no notes, no base URLs, keys as hints. */
export interface PoolStatus {
  readonly algorithm: PoolConfig['algorithm'];
  readonly autoBan: PoolConfig['autoBan'];
  readonly counts: KeyCounts;
  readonly runningDry: boolean;
  readonly stale: boolean;
  readonly sources: readonly SourceRow[];
  readonly pools: readonly { id: string; name: string; priority: number; counts: KeyCounts }[];
  /** Keys that are not retired, most requests first. */
  readonly keys: readonly StatusKey[];
  readonly keysLeftOut: number;
  /** Banned keys, the latest ban first. */
  readonly retired: readonly RetiredKey[];
  readonly retiredLeftOut: number;
  /** Most requests first; empty while the store is away. */
  readonly endpoints: readonly EndpointCounts[];
}

export interface StatusKey extends KeyWork {
  readonly hint: string;
  readonly source: LiveKey['source'];
  readonly provider: LiveKey['provider'];
  readonly poolGroup: string;
  readonly status: KeyStatus;
  readonly allTime: KeyRow['allTime'];
}

export interface RetiredKey {
  readonly hint: string;
  readonly provider: LiveKey['provider'];
  readonly poolGroup: string;
  readonly reason: string;
  /** Epoch ms; `null` where it is not known. */
  readonly sinceMs: number | null;
}

export async function poolStatus(api: PoolApi, nowMs: number): Promise<PoolStatus> {
  const counts = keyCounts(api.pool.counts(nowMs));
  const working = new Best<LiveKey>(MOST_KEYS);
  const retired = new Best<LiveKey>(MOST_KEYS);
  for (const key of api.pool.keys()) {
    if (key.status === 'banned') retired.offer(key, banOf(key, api)?.statusAtMs ?? 0);
    else working.offer(key, api.pool.glance(key.id)?.picks ?? 0);
  }
  const { algorithm, autoBan } = api.pool.config;
  return {
    algorithm,
    autoBan,
    counts,
    runningDry: api.pool.runningDry(nowMs),
    stale: api.live.state !== 'ok',
    sources: sourceRows(api, nowMs),
    pools: groupRows(api, nowMs).map(({ id, name, priority, counts }) => ({ id, name, priority, counts })),
    keys: await statusKeys(working.items, api, nowMs),
    keysLeftOut: working.leftOut,
    retired: retired.items.map(key => retiredKey(key, api)),
    retiredLeftOut: retired.leftOut,
    endpoints: await endpointsOf(api),
  };
}

async function endpointsOf(api: PoolApi): Promise<readonly EndpointCounts[]> {
  try {
    return await api.readEndpoints();
  } catch (error) {
    if (error instanceof AppError && error.code === 'ERR_STORE_UNAVAILABLE') return [];
    throw error;
  }
}

/** Most requests first. */
async function statusKeys(keys: readonly LiveKey[], api: PoolApi, nowMs: number): Promise<StatusKey[]> {
  const ids = keys.map(({ id }) => id);
  const counts = await allTimeCounts(ids, api);
  const shown = keys.map((key): StatusKey => {
    const view = api.pool.view(key.id, nowMs);
    const earlier = api.live.records.get(key.id)?.earlier;
    return {
      hint: key.hint,
      source: key.source,
      provider: key.provider,
      poolGroup: key.pool,
      status: statusOf(key.status, view?.state),
      allTime: counts === undefined ? null : withEarlierUse(counts.get(key.id), earlier),
      ...keyWork(view),
    };
  });
  return shown.sort((left, right) => (right.allTime?.requests ?? 0) - (left.allTime?.requests ?? 0));
}

function retiredKey(key: LiveKey, api: PoolApi): RetiredKey {
  const ban = banOf(key, api);
  return {
    hint: key.hint,
    provider: key.provider,
    poolGroup: key.pool,
    reason: ban?.reason ?? '',
    sinceMs: ban?.statusAtMs ?? null,
  };
}

/** `undefined` for a ban that is this process's own for a moment yet: its record still says otherwise. */
function banOf(
  { id }: LiveKey,
  api: Pick<PoolApi, 'live' | 'sourceBanOf'>,
): Pick<SourceBan, 'reason' | 'statusAtMs'> | undefined {
  const record = api.live.records.get(id);
  if (record === undefined) return api.sourceBanOf(id);
  const { statusReason: reason, statusAtMs } = record;
  return { reason, statusAtMs };
}

/** Keeps the items of the highest value, highest first, out of any number of them. */
class Best<T> {
  readonly #most: number;
  readonly #ranked: { readonly item: T; readonly value: number }[] = [];
  #offered = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get items(): T[] {
    return this.#ranked.map(({ item }) => item);
  }

  get leftOut(): number {
    return this.#offered - this.#ranked.length;
  }

  offer(item: T, value: number): void {
    this.#offered += 1;
    const full = this.#ranked.length === this.#most;
    if (full && value <= this.#ranked.at(-1)!.value) return;
    let place = this.#ranked.length;
    while (place > 0 && this.#ranked[place - 1]!.value < value) place -= 1;
    this.#ranked.splice(place, 0, { item, value });
    if (full) this.#ranked.pop();
  }
}
