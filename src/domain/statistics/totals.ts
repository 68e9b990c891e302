import type { Log } from '../../base/log.ts';
import type { Bucket, StatisticsStore } from '../../stores/types.ts';
import * as field from './fields.ts';
import { MODEL_SERIES, OTHER_MODEL } from './pooled-counts.ts';

/** All that was ever counted for one prefix, by every process of the installation. */
export interface PrefixTotals {
  readonly prefix: string;
  readonly counts: field.Counts;
}

/** All that was ever counted for one model on `/v1`. */
export interface ModelTotals {
  readonly model: string;
  readonly counts: field.Counts;
}

export interface Totals {
  /** Sorted by prefix. */
  readonly totals: readonly PrefixTotals[];
  /** Sorted by model, at most `MOST_MODELS`: those with the fewest requests count under `:other`. */
  readonly models: readonly ModelTotals[];
  /** False where the store could not be read. */
  readonly isCurrent: boolean;
}

/** Over the years there may be more names than a monitor can take. */
export const MOST_MODELS = 500;

/**
 * Reads totals per prefix and per model at most once within `cacheMs`. While the store cannot be read it keeps
 * answering what it last read, so that counters never go back.
 */
export class TotalsReader {
  readonly #options: { store: StatisticsStore; log: Log; cacheMs?: number };
  #totals: Totals = { totals: [], models: [], isCurrent: true };
  #readAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(options: { store: StatisticsStore; log: Log; cacheMs?: number }) {
    this.#options = options;
  }

  /** Never rejects. */
  async read(nowMs: number): Promise<Totals> {
    if (this.#reading === undefined && Math.abs(nowMs - this.#readAtMs) >= (this.#options.cacheMs ?? 1000)) {
      this.#readAtMs = nowMs;
      this.#reading = this.#refresh().finally(() => {
        this.#reading = undefined;
      });
    }
    await this.#reading;
    return this.#totals;
  }

  async #refresh(): Promise<void> {
    const { store, log } = this.#options;
    try {
      const seriesPrefixes = [PREFIX_SERIES, MODEL_SERIES];
      const rows = await store.read({ tier: 'total', fromMs: 0, toMs: 1, seriesPrefixes });
      this.#totals = {
        totals: countsOf(rows, PREFIX_SERIES).map(([prefix, counts]) => ({ prefix, counts })),
        models: bounded(countsOf(rows, MODEL_SERIES)).map(([model, counts]) => ({ model, counts })),
        isCurrent: true,
      };
    } catch (error) {
      if (this.#totals.isCurrent)
        log.warn({ err: error }, 'totals cannot be read, metrics repeat the last ones');
      this.#totals = { ...this.#totals, isCurrent: false };
    }
  }
}

const PREFIX_SERIES = 'p ';

type Named = readonly [name: string, counts: field.Counts];

/** Counts of the series that begin with `seriesPrefix`, by the rest of their names, sorted. */
function countsOf(rows: readonly Bucket[], seriesPrefix: string): Named[] {
  return rows
    .filter(({ series }) => series.startsWith(seriesPrefix))
    .map(({ series, values }): Named => {
      const counts = field.emptyCounts();
      field.addValues(counts, values);
      return [series.slice(seriesPrefix.length), counts];
    })
    .sort(byName);
}

function bounded(models: readonly Named[]): readonly Named[] {
  if (models.length <= MOST_MODELS) return models;
  const rest = field.emptyCounts();
  const named = models.filter(([model]) => model !== OTHER_MODEL);
  named.sort(([, a], [, b]) => b[field.REQUESTS]! - a[field.REQUESTS]!);
  const shown = named.slice(0, MOST_MODELS - 1);
  const others = [...named.slice(shown.length), ...models.filter(([model]) => model === OTHER_MODEL)];
  for (const [, counts] of others) field.addCounts(rest, counts);
  return [...shown, [OTHER_MODEL, rest] as const].sort(byName);
}

function byName([a]: Named, [b]: Named): number {
  return a < b ? -1 : 1;
}
