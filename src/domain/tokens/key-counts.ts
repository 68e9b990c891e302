import { setTimeout } from 'node:timers/promises';
import type { EarlierUse } from '../../stores/pool-types.ts';
import type { StatisticsStore } from '../../stores/types.ts';
import { KEY_SERIES } from '../statistics/pooled-counts.ts';

/**
 * How the requests ended that a key was asked, of all time; one that went on to another key was a failure of the first. One
 * whose client left is neither a success nor a failure.
 */
export interface KeyCounts {
  readonly requests: number;
  /** Answers below status 400. */
  readonly successes: number;
  /** Answers with status 400 and above, the client's own mistakes among them, and requests that another key answered. */
  readonly failures: number;
}

/** A page does not wait longer for counts of the last second, which a busy process may be writing for a while. */
const FLUSH_PATIENCE_MS = 20;

/**
 * What all processes of the installation ever counted for some keys, by id; keys that never answered are left out. Reads
 * these keys alone, however many there are.
 *
 * @param options.flush writes what waits in this process. Never rejects
 * @throws AppError `ERR_STORE_UNAVAILABLE`
 */
export async function readKeyCounts(
  keyIds: readonly string[],
  options: { readonly store: Pick<StatisticsStore, 'totalsOf'>; readonly flush: () => Promise<void> },
): Promise<Map<string, KeyCounts>> {
  if (keyIds.length === 0) return new Map();
  await Promise.race([options.flush(), setTimeout(FLUSH_PATIENCE_MS)]);
  const totals = await options.store.totalsOf(keyIds.map(id => KEY_SERIES + id));
  return new Map(
    Array.from(totals, ([series, { requests = 0, errors: failures = 0, aborted = 0 }]) => [
      series.slice(KEY_SERIES.length),
      { requests, successes: requests - failures - aborted, failures },
    ]),
  );
}

/** Adds what was counted of a key before it came here. */
export function withEarlierUse(counts: KeyCounts | undefined, earlier: EarlierUse | undefined): KeyCounts {
  const { requests, successes, failures } = counts ?? { requests: 0, successes: 0, failures: 0 };
  if (earlier === undefined) return { requests, successes, failures };
  return {
    requests: requests + earlier.requests,
    successes: successes + Math.max(0, earlier.requests - earlier.failures),
    failures: failures + earlier.failures,
  };
}
