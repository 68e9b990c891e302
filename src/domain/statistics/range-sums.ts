import { setImmediate } from 'node:timers/promises';
import type { StatisticsStore } from '../../stores/types.ts';
import * as field from './fields.ts';
import { ALL_SERIES } from './recorder.ts';
import type { BucketRange } from './window-plan.ts';

const MOST_ENTRIES = 24;
/** Rows that are read and added up without giving other work a turn. */
const ROWS_AT_ONCE = 1500;

export type Sums = ReadonlyMap<string, field.Counts>;

interface Entry {
  range: BucketRange;
  /** Requests of the series `all` in the range when it was read. */
  stamp: number;
  sums: Map<string, field.Counts>;
}

/**
 * Sums of closed bucket ranges, kept so that a page which polls does not add up the same days again. Every count is
 * also in the series `all`, so a sum holds as long as `all` has the same number of requests in its range: late counts
 * change that number. A range that moved on a little is mended by what left and what came.
 */
export class RangeSums {
  readonly #store: StatisticsStore;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();

  constructor(store: StatisticsStore) {
    this.#store = store;
  }

  /**
   * Sums per series over a range. The result belongs to the cache: read it at once, and do not change it.
   *
   * @param key names the place of the range in a window: one range is kept for each key
   */
  async read(
    key: string,
    range: BucketRange,
    wanted: { seriesPrefixes: readonly string[]; stamp: number },
  ): Promise<Sums> {
    const known = this.#entries.get(key);
    this.#entries.delete(key);
    const entry =
      known !== undefined && (await this.#movedTo(known, range, wanted))
        ? known
        : {
            range,
            stamp: wanted.stamp,
            sums: await this.#sum(range, {
              into: new Map(),
              factor: 1,
              seriesPrefixes: wanted.seriesPrefixes,
            }),
          };
    this.#entries.set(key, entry);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= MOST_ENTRIES) break;
      this.#entries.delete(oldest);
    }
    return entry.sums;
  }

  /** Moves an entry's sums to a range that overlaps by more than half. False when they cannot be trusted to fit it. */
  async #movedTo(
    entry: Entry,
    range: BucketRange,
    wanted: { seriesPrefixes: readonly string[]; stamp: number },
  ): Promise<boolean> {
    const { tier, fromMs, toMs } = range;
    const old = entry.range;
    const leftMs = fromMs - old.fromMs;
    const cameMs = toMs - old.toMs;
    if (leftMs < 0 || cameMs < 0 || leftMs + cameMs > (toMs - fromMs) / 2) return false;
    if (leftMs === 0 && cameMs === 0) return entry.stamp === wanted.stamp;
    const { seriesPrefixes } = wanted;
    const change = { into: entry.sums, seriesPrefixes };
    if (leftMs > 0) await this.#sum({ tier, fromMs: old.fromMs, toMs: fromMs }, { ...change, factor: -1 });
    if (cameMs > 0) await this.#sum({ tier, fromMs: old.toMs, toMs }, { ...change, factor: 1 });
    for (const [series, counts] of entry.sums) {
      if (counts[field.REQUESTS] === 0) entry.sums.delete(series);
    }
    entry.range = range;
    entry.stamp = entry.sums.get(ALL_SERIES)?.[field.REQUESTS] ?? 0;
    return entry.stamp === wanted.stamp;
  }

  async #sum(
    { tier, fromMs, toMs }: BucketRange,
    target: { into: Map<string, field.Counts>; factor: 1 | -1; seriesPrefixes: readonly string[] },
  ): Promise<Map<string, field.Counts>> {
    const { into, factor, seriesPrefixes } = target;
    const stepMs = { minute: 60_000, hour: 3_600_000, day: 86_400_000, total: toMs - fromMs }[tier];
    let buckets = 1;
    for (let partMs = fromMs; partMs < toMs; ) {
      const partEndMs = Math.min(toMs, partMs + buckets * stepMs);
      const rows = await this.#store.read({ tier, fromMs: partMs, toMs: partEndMs, seriesPrefixes });
      for (const { series, values } of rows) {
        let counts = into.get(series);
        if (counts === undefined) {
          counts = field.emptyCounts();
          into.set(series, counts);
        }
        field.addValues(counts, values, factor);
      }
      partMs = partEndMs;
      if (partMs < toMs) await setImmediate();
      const rowsPerBucket = Math.max(1, rows.length / buckets);
      buckets = Math.min(buckets * 8, Math.max(1, Math.floor(ROWS_AT_ONCE / rowsPerBucket)));
    }
    return into;
  }
}
