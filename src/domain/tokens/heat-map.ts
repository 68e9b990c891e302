import type { Bucket } from '../../stores/types.ts';
import type { Calendar } from '../statistics/calendar.ts';
import * as field from '../statistics/fields.ts';
import { tokensIn } from './token-figures.ts';

/** Tokens by local day and by the hour on the clock there. */
export interface HeatMap {
  /** `2026-01-31`, oldest first. */
  readonly days: readonly string[];
  /** For each day 24 numbers. Where clocks go back, the hour that comes twice has both; the one they skip has 0. */
  readonly tokens: readonly (readonly number[])[];
}

/** Names local days and tells the hour on the clock, in one time zone. */
export class LocalClock {
  readonly #formatter: Intl.DateTimeFormat;

  constructor({ timeZone }: Pick<Calendar, 'timeZone'>) {
    this.#formatter = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
    });
  }

  /** `day` as `2026-01-31`, `hour` from 0 to 23. */
  read(epochMs: number): { day: string; hour: number } {
    const parts = new Map(this.#formatter.formatToParts(epochMs).map(({ type, value }) => [type, value]));
    const day = `${parts.get('year')}-${parts.get('month')}-${parts.get('day')}`;
    return { day, hour: Number(parts.get('hour')) };
  }
}

/**
 * @param hours buckets of the tier `hour`
 * @param dayStartsMs first ms of each day of the map, ascending
 */
export function heatMapOf(
  hours: readonly Bucket[],
  dayStartsMs: readonly number[],
  clock: LocalClock,
): HeatMap {
  const byDay = new Map<string, number[]>();
  for (const startMs of dayStartsMs) byDay.set(clock.read(startMs).day, new Array<number>(24).fill(0));
  for (const { startMs, values } of hours) {
    const { day, hour } = clock.read(startMs);
    const row = byDay.get(day);
    if (row === undefined) continue;
    const counts = field.emptyCounts();
    field.addValues(counts, values);
    row[hour]! += tokensIn(counts);
  }
  return { days: [...byDay.keys()], tokens: [...byDay.values()] };
}
