import type { Log } from '../../base/log.ts';
import type { StatisticsStore } from '../../stores/types.ts';
import * as field from './fields.ts';

/** All that was ever counted for one prefix, by every process of the installation. */
export interface PrefixTotals {
  readonly prefix: string;
  readonly counts: field.Counts;
}

/**
 * Reads totals per prefix, sorted by prefix, at most once within `cacheMs`. While the store cannot be read it keeps
 * answering what it last read, so that counters never go back.
 */
export class TotalsReader {
  readonly #options: { store: StatisticsStore; log: Log; cacheMs?: number };
  #totals: readonly PrefixTotals[] = [];
  #isCurrent = true;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(options: { store: StatisticsStore; log: Log; cacheMs?: number }) {
    this.#options = options;
  }

  /** `isCurrent` is false where the store could not be read. Never rejects. */
  async read(nowMs: number): Promise<{ totals: readonly PrefixTotals[]; isCurrent: boolean }> {
    if (this.#reading === undefined && Math.abs(nowMs - this.#readAtMs) >= (this.#options.cacheMs ?? 1000)) {
      this.#readAtMs = nowMs;
      this.#reading = this.#refresh().finally(() => {
        this.#reading = undefined;
      });
    }
    await this.#reading;
    return { totals: this.#totals, isCurrent: this.#isCurrent };
  }

  async #refresh(): Promise<void> {
    const { store, log } = this.#options;
    try {
      const rows = await store.read({ tier: 'total', fromMs: 0, toMs: 1, seriesPrefixes: ['p '] });
      this.#totals = rows
        .map(({ series, values }) => {
          const counts = field.emptyCounts();
          field.addValues(counts, values);
          return { prefix: series.slice(2), counts };
        })
        .sort((a, b) => (a.prefix < b.prefix ? -1 : 1));
      this.#isCurrent = true;
    } catch (error) {
      if (this.#isCurrent) log.warn({ err: error }, 'totals cannot be read, metrics repeat the last ones');
      this.#isCurrent = false;
    }
  }
}
