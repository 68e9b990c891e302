import type { Bucket, BucketQuery, StatisticsStore } from '../../stores/types.ts';
import type { Calendar } from './calendar.ts';
import * as field from './fields.ts';
import { durationsOf, type Figures, figuresOf, percentileMs, ratio } from './figures.ts';
import { POOL_PREFIX } from './pooled-counts.ts';
import { RangeSums, type Sums } from './range-sums.ts';
import { ALL_SERIES } from './recorder.ts';
import { type BucketRange, planWindow, type WindowName, type WindowPlan } from './window-plan.ts';

/** One window of `/stats`. All times are epoch ms. */
export interface Window {
  window: WindowName;
  /** First ms that counts, and the first that no longer does; `null` where all that ever was counts. */
  from_ms: number | null;
  to_ms: number | null;
  /** The borders are exact to this; `null` where there are none. */
  resolution_ms: number | null;
  totals: Figures;
  /** Most requests first. */
  prefixes: PrefixFigures[];
  chart: Chart;
}

export interface PrefixFigures extends Figures {
  prefix: string;
  /** Part of all requests, from 0 to 1 with four decimals. */
  share: number;
  /** The latest exchange ever; `null` when it is not known. */
  last_seen_ms: number | null;
  /** Most requests first; where they were asked for. */
  endpoints?: EndpointFigures[];
}

export interface EndpointFigures extends Figures {
  /** Method and name: `POST /v1/chat/completions`. */
  endpoint: string;
}

/**
 * Whole points, the last one still running: 96 quarters of an hour (24h), 168 hours (7d), 30 local days (30d), the local
 * days of the last year since the first count (total). The oldest point may begin a little before or after the window.
 */
export interface Chart {
  start_ms: number[];
  requests: number[];
  errors: number[];
  p50_ms: (number | null)[];
  p95_ms: (number | null)[];
}

export interface WindowRequest {
  readonly window: WindowName;
  readonly nowMs: number;
  /** Whether each prefix lists its endpoints; a prefix here lists those of that one only. */
  readonly withEndpoints?: boolean | { readonly prefix: string };
}

/**
 * Reads windows from the store: exact to the minute (24h) or to the hour (7d, 30d), counts that arrive late included.
 * A window that is asked for again within `cacheMs`, or while it is still being read, is read once. Days that were
 * counted under another time zone keep their borders, so after a change of `TZ` the oldest hours of 7d and 30d are off
 * by the difference until those days are out; instances that share a store need the same zone.
 */
export class WindowReader {
  readonly #store: StatisticsStore;
  readonly #calendar: Calendar;
  readonly #cacheMs: number;
  readonly #sums: RangeSums;
  readonly #answers = new Map<string, { atMs: number; isOpen: boolean; answer: Promise<Window> }>();

  constructor(options: { store: StatisticsStore; calendar: Calendar; cacheMs?: number }) {
    this.#store = options.store;
    this.#calendar = options.calendar;
    this.#cacheMs = options.cacheMs ?? 1000;
    this.#sums = new RangeSums(options.store);
  }

  /**
   * @param flush writes what waits in this process, so that the window holds it; only called when the store is read
   * @throws AppError `ERR_STORE_UNAVAILABLE`
   */
  read(request: WindowRequest, flush: () => Promise<void> = async () => {}): Promise<Window> {
    const { nowMs } = request;
    for (const [key, { atMs, isOpen }] of this.#answers) {
      if (!isOpen && Math.abs(nowMs - atMs) >= this.#cacheMs) this.#answers.delete(key);
    }
    const scope = scopeOf(request);
    const key = `${request.window} ${scope.join(' ')}`;
    const cached = this.#answers.get(key);
    if (cached !== undefined) return cached.answer;
    const entry = {
      atMs: nowMs,
      isOpen: true,
      answer: flush()
        .then(() => this.#readNow(key, planWindow(request.window, nowMs, this.#calendar), scope))
        .finally(() => {
          entry.isOpen = false;
        }),
    };
    this.#answers.set(key, entry);
    return entry.answer;
  }

  async #readNow(key: string, plan: WindowPlan, scope: readonly string[]): Promise<Window> {
    const all = new Map<string, Promise<Bucket[]>>();
    for (const query of allQueries(plan)) all.set(query.tier, this.#store.read(query));
    const running = this.#store.read({ ...plan.running, seriesPrefixes: scope });
    const lastSeen = this.#store.lastSeen();
    // All are awaited together, so that a rejection of one leaves none of the others unhandled.
    const [chartRows, runningRows, lastSeenMs] = await Promise.all([
      all.get(plan.chart.tier)!,
      running,
      lastSeen,
      ...all.values(),
    ]);
    const sums = new Map<string, field.Counts>();
    addRows(sums, runningRows);
    for (const [index, range] of plan.closed.entries()) {
      const stamp = requestsWithin(range, await all.get(range.tier)!);
      const part = await this.#sums.read(`${key} ${index}`, range, { seriesPrefixes: scope, stamp });
      addSums(sums, part);
    }
    const { prefixes, totals } = prefixFigures(sums, lastSeenMs, scope[2]);
    return {
      window: plan.name,
      from_ms: plan.fromMs,
      to_ms: plan.toMs,
      resolution_ms: plan.resolutionMs,
      totals,
      prefixes,
      chart: chartOf(plan, chartRows),
    };
  }
}

/** Beginnings of the series that a request needs. */
function scopeOf({ withEndpoints = false }: WindowRequest): string[] {
  if (withEndpoints === false) return [ALL_SERIES, 'p '];
  return [ALL_SERIES, 'p ', withEndpoints === true ? 'e ' : `e ${withEndpoints.prefix} `];
}

/** What to read of the series `all`: one query a tier, for the chart and for the stamps of the closed ranges. */
function allQueries({ closed, chart, running }: WindowPlan): BucketQuery[] {
  const chartRange = { tier: chart.tier, fromMs: chart.startsMs[0]!, toMs: Number.MAX_SAFE_INTEGER };
  const byTier = new Map<string, BucketQuery>();
  for (const { tier, fromMs, toMs } of [chartRange, ...closed]) {
    const known = byTier.get(tier);
    byTier.set(tier, {
      tier,
      fromMs: Math.min(fromMs, known?.fromMs ?? fromMs),
      toMs: Math.max(toMs, known?.toMs ?? running.fromMs),
      seriesPrefixes: [ALL_SERIES],
    });
  }
  return [...byTier.values()];
}

function requestsWithin({ fromMs, toMs }: BucketRange, rows: readonly Bucket[]): number {
  let requests = 0;
  for (const { startMs, values } of rows) {
    if (startMs >= fromMs && startMs < toMs) requests += values.requests ?? 0;
  }
  return requests;
}

function countsFor(sums: Map<string, field.Counts>, series: string): field.Counts {
  let counts = sums.get(series);
  if (counts === undefined) {
    counts = field.emptyCounts();
    sums.set(series, counts);
  }
  return counts;
}

function addRows(sums: Map<string, field.Counts>, rows: readonly Bucket[]): void {
  for (const { series, values } of rows) field.addValues(countsFor(sums, series), values);
}

function addSums(sums: Map<string, field.Counts>, part: Sums): void {
  for (const [series, counts] of part) field.addCounts(countsFor(sums, series), counts);
}

function prefixFigures(
  sums: Sums,
  lastSeenMs: ReadonlyMap<string, number>,
  endpointScope: string | undefined,
): { prefixes: PrefixFigures[]; totals: Figures } {
  const totalCounts = field.emptyCounts();
  const endpoints = new Map<string, EndpointFigures[]>();
  for (const [series, counts] of sums) {
    if (series.startsWith('p ')) field.addCounts(totalCounts, counts);
    if (!series.startsWith('e ') || counts[field.REQUESTS] === 0) continue;
    const border = series.indexOf(' ', 2);
    const prefix = series.slice(2, border);
    const list = endpoints.get(prefix) ?? [];
    endpoints.set(prefix, list);
    list.push({ endpoint: series.slice(border + 1), ...figuresOf(counts, prefix === POOL_PREFIX) });
  }
  const prefixes: PrefixFigures[] = [];
  for (const [series, counts] of sums) {
    if (!series.startsWith('p ') || counts[field.REQUESTS] === 0) continue;
    const prefix = series.slice(2);
    const withEndpoints = endpointScope !== undefined && `e ${prefix} `.startsWith(endpointScope);
    prefixes.push({
      prefix,
      share: ratio(counts[field.REQUESTS]!, totalCounts[field.REQUESTS]!),
      last_seen_ms: lastSeenMs.get(series) ?? null,
      ...figuresOf(counts, prefix === POOL_PREFIX),
      ...(withEndpoints ? { endpoints: (endpoints.get(prefix) ?? []).sort(byRequests('endpoint')) } : {}),
    });
  }
  return { prefixes: prefixes.sort(byRequests('prefix')), totals: figuresOf(totalCounts) };
}

function byRequests<Name extends string>(name: Name) {
  return (a: Figures & Record<Name, string>, b: Figures & Record<Name, string>): number =>
    b.requests - a.requests || (a[name] < b[name] ? -1 : 1);
}

function chartOf({ name, chart }: WindowPlan, rows: readonly Bucket[]): Chart {
  let startsMs = chart.startsMs;
  if (name === 'total') {
    const firstMs = rows.reduce((first, row) => Math.min(first, row.startMs), Number.POSITIVE_INFINITY);
    const firstPoint = startsMs.findLastIndex(startMs => startMs <= firstMs);
    startsMs = startsMs.slice(Math.max(0, firstPoint));
  }
  const points = startsMs.map(() => field.emptyCounts());
  for (const { startMs, values } of rows) {
    const point = lastAtOrBefore(startsMs, startMs);
    if (point !== -1) field.addValues(points[point]!, values);
  }
  return {
    start_ms: [...startsMs],
    requests: points.map(counts => counts[field.REQUESTS]!),
    errors: points.map(counts => counts[field.ERRORS]!),
    p50_ms: points.map(counts => percentileMs(durationsOf(counts), 0.5)),
    p95_ms: points.map(counts => percentileMs(durationsOf(counts), 0.95)),
  };
}

/** Index of the last of the ascending `startsMs` that is not after `epochMs`; -1 when there is none. */
function lastAtOrBefore(startsMs: readonly number[], epochMs: number): number {
  let low = 0;
  let high = startsMs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (startsMs[middle]! <= epochMs) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
