import type { CounterRow } from '../../stores/types.ts';
import { ALL_SERIES } from './recorder.ts';

interface PendingRow extends CounterRow {
  readonly values: Record<string, number>;
  lastSeenMs: number;
}

/** How finely waiting rows tell times apart; it gets coarser where there is no room, so that no count is lost. */
const GRAINS = ['minute', 'hour', 'day'] as const;

/**
 * Rows that wait to be stored, one for each series and minute. Above `maxRows`, minutes are merged into the first
 * minute of their hour, then of their day; only then are further rows dropped, and counted in `droppedRows`.
 */
export class PendingRows {
  readonly #maxRows: number;
  #rows = new Map<string, PendingRow>();
  #grain = 0;
  #droppedRows = 0;

  constructor(maxRows: number) {
    this.#maxRows = maxRows;
  }

  get size(): number {
    return this.#rows.size;
  }

  /** Rows lost so far because even days had no room. */
  get droppedRows(): number {
    return this.#droppedRows;
  }

  add(rows: Iterable<CounterRow>): void {
    for (const row of rows) {
      let hasPlace = this.#merge(row);
      while (!hasPlace && this.#grain < GRAINS.length - 1) {
        this.#coarsen();
        hasPlace = this.#merge(row);
      }
      if (!hasPlace) this.#droppedRows += 1;
    }
  }

  /**
   * Takes up to `most` rows out. Rows of the series `all` go with or after the rows they sum up, never before: a reader
   * who finds `all` unchanged may rely on it that nothing else changed.
   */
  take(most: number): CounterRow[] {
    const taken: CounterRow[] = [];
    for (const [key, row] of this.#rows) {
      if (taken.length >= most) return taken;
      if (row.series === ALL_SERIES) continue;
      taken.push(row);
      this.#rows.delete(key);
    }
    taken.push(...this.#rows.values());
    this.#rows.clear();
    this.#grain = 0;
    return taken;
  }

  /** A copy of the rows that later changes leave alone. */
  snapshot(): CounterRow[] {
    return Array.from(this.#rows.values(), row => ({ ...row, values: { ...row.values } }));
  }

  /** False when the row is new and there is no room. */
  #merge(row: CounterRow): boolean {
    const placed = this.#place(row);
    const key = `${placed.minuteMs} ${row.series}`;
    const known = this.#rows.get(key);
    if (known === undefined) {
      if (this.#rows.size >= this.#maxRows) return false;
      this.#rows.set(key, { ...row, ...placed, values: { ...row.values } });
      return true;
    }
    for (const name in row.values) known.values[name] = (known.values[name] ?? 0) + row.values[name]!;
    known.lastSeenMs = Math.max(known.lastSeenMs, row.lastSeenMs);
    return true;
  }

  #place({ minuteMs, hourMs, dayMs }: CounterRow): Pick<CounterRow, 'minuteMs' | 'hourMs'> {
    switch (GRAINS[this.#grain]) {
      case 'day':
        return { minuteMs: dayMs, hourMs: dayMs };
      case 'hour':
        return { minuteMs: hourMs, hourMs };
      default:
        return { minuteMs, hourMs };
    }
  }

  #coarsen(): void {
    this.#grain += 1;
    const finer = this.#rows;
    this.#rows = new Map();
    for (const row of finer.values()) this.#merge(row);
  }
}
