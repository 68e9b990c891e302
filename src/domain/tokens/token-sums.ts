import type { Bucket, StatisticsStore } from '../../stores/types.ts';
import * as field from '../statistics/fields.ts';
import { RangeSums } from '../statistics/range-sums.ts';
import { ALL_SERIES } from '../statistics/recorder.ts';
import type { BucketRange } from '../statistics/window-plan.ts';
import type { TokenWindow } from './token-window.ts';

/**
 * Sums per series over windows. Sums of closed ranges are kept while the range stays what it is, an hour at most: so
 * that counts which another process deleted are not shown for longer.
 */
export class TokenSums {
  readonly #store: StatisticsStore;
  #ranges: RangeSums;

  constructor(store: StatisticsStore) {
    this.#store = store;
    this.#ranges = new RangeSums(store);
  }

  /** @param seriesPrefix what the series begin with */
  async over(window: TokenWindow, seriesPrefix: string): Promise<Map<string, field.Counts>> {
    const ranges = this.#ranges;
    const seriesPrefixes = [seriesPrefix];
    const [rows, ...stamps] = await Promise.all([
      this.#store.read({ ...window.running, seriesPrefixes }),
      ...window.closed.map(range => this.#requestsWithin(range)),
    ]);
    const sums = sumRows(rows);
    for (const [index, range] of window.closed.entries()) {
      const key = `${seriesPrefix}${range.tier} ${range.fromMs} ${range.toMs}`;
      const part = await ranges.read(key, range, { seriesPrefixes, stamp: stamps[index]! });
      for (const [series, counts] of part) field.addCounts(countsOf(sums, series), counts);
    }
    return sums;
  }

  /** Forgets what is kept. */
  clear(): void {
    this.#ranges = new RangeSums(this.#store);
  }

  /** Late counts change it. */
  async #requestsWithin({ tier, fromMs, toMs }: BucketRange): Promise<number> {
    const rows = await this.#store.read({ tier, fromMs, toMs, seriesPrefixes: [ALL_SERIES] });
    return rows.reduce((sum, { values }) => sum + (values.requests ?? 0), 0);
  }
}

export function sumRows(rows: readonly Bucket[]): Map<string, field.Counts> {
  const sums = new Map<string, field.Counts>();
  for (const { series, values } of rows) field.addValues(countsOf(sums, series), values);
  return sums;
}

function countsOf(sums: Map<string, field.Counts>, series: string): field.Counts {
  let counts = sums.get(series);
  if (counts === undefined) {
    counts = field.emptyCounts();
    sums.set(series, counts);
  }
  return counts;
}
