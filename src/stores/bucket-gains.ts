import type { CounterRow, Tier } from './types.ts';

/** What the series of one family gain in one time bucket. */
export interface BucketGain {
  readonly tier: Tier;
  readonly startMs: number;
  readonly family: string;
  /** Series → field → amount to add. */
  readonly bySeries: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** The family of a series: the word before its first space. */
export function familyOf(series: string): string {
  const space = series.indexOf(' ');
  return space === -1 ? series : series.slice(0, space);
}

/**
 * Spreads rows over the buckets that they count in. Each series comes once for each bucket, however many minutes the
 * batch spans, because a store pays for each pair of bucket and series.
 */
export function bucketGains(rows: readonly CounterRow[]): BucketGain[] {
  const gains = new Map<string, BucketGain & { bySeries: Map<string, Map<string, number>> }>();
  for (const row of rows) {
    const family = familyOf(row.series);
    const starts = [
      ['minute', row.minuteMs],
      ['hour', row.hourMs],
      ['day', row.dayMs],
      ['total', 0],
    ] as const;
    for (const [tier, startMs] of starts) {
      if (startMs < 0) continue;
      const key = `${tier} ${startMs} ${family}`;
      let gain = gains.get(key);
      if (gain === undefined) {
        gain = { tier, startMs, family, bySeries: new Map() };
        gains.set(key, gain);
      }
      addValues(gain.bySeries, row);
    }
  }
  return [...gains.values()];
}

function addValues(bySeries: Map<string, Map<string, number>>, row: CounterRow): void {
  let values = bySeries.get(row.series);
  if (values === undefined) {
    values = new Map();
    bySeries.set(row.series, values);
  }
  for (const [field, amount] of Object.entries(row.values)) {
    values.set(field, (values.get(field) ?? 0) + amount);
  }
}

/** Epoch ms of the latest event of each series in the rows; 0 where nobody asks for it. */
export function latestPerSeries(rows: readonly CounterRow[]): Map<string, number> {
  const latest = new Map<string, number>();
  for (const { series, lastSeenMs, keepsLastSeen = true } of rows) {
    latest.set(series, Math.max(latest.get(series) ?? 0, keepsLastSeen ? lastSeenMs : 0));
  }
  return latest;
}

/** Epoch ms of the latest event in the rows. */
export function latestEvent(rows: readonly CounterRow[]): number {
  return rows.reduce((latest, { lastSeenMs }) => Math.max(latest, lastSeenMs), 0);
}

/** Whether a series is asked for: all are when no prefixes are given. */
export function wanted(series: string, seriesPrefixes: readonly string[] | undefined): boolean {
  return seriesPrefixes === undefined || seriesPrefixes.some(prefix => series.startsWith(prefix));
}

/** Whether a family can hold a series that is asked for, told before any of its buckets is read. */
export function wantedFamily(family: string, seriesPrefixes: readonly string[] | undefined): boolean {
  if (seriesPrefixes === undefined) return true;
  return seriesPrefixes.some(prefix =>
    prefix.includes(' ') ? familyOf(prefix) === family : family.startsWith(prefix),
  );
}
