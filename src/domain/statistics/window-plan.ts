import type { Tier } from '../../stores/types.ts';
import { type Calendar, DAY_MS, HOUR_MS, MINUTE_MS } from './calendar.ts';

export const WINDOW_NAMES = ['24h', '7d', '30d', 'total'] as const;
export type WindowName = (typeof WINDOW_NAMES)[number];

/** Buckets of one tier whose starts lie in [`fromMs`, `toMs`). */
export interface BucketRange {
  readonly tier: Tier;
  readonly fromMs: number;
  readonly toMs: number;
}

/** How a window is put together from buckets. */
export interface WindowPlan {
  readonly name: WindowName;
  /** Border of the window: its first ms, and the first ms after it; `null` where all that ever was counts. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
  /** The window's borders are multiples of this; `null` where it has none. */
  readonly resolutionMs: number | null;
  /** Ranges that change only when counts arrive late: each time of the window before `running` is in exactly one. */
  readonly closed: readonly BucketRange[];
  /** The bucket that still grows. */
  readonly running: BucketRange;
  readonly chart: ChartPlan;
}

export interface ChartPlan {
  readonly tier: Tier;
  /** First ms of each point, ascending, of the local days or hours or of quarters of an hour; the last still runs. */
  readonly startsMs: readonly number[];
}

const QUARTER_MS = 15 * MINUTE_MS;

/** Wide buckets inside, narrow ones at the older edge; at the newer edge the running bucket holds just what is there. */
export function planWindow(name: WindowName, nowMs: number, calendar: Calendar): WindowPlan {
  switch (name) {
    case '24h':
      return planDay(nowMs, calendar);
    case '7d':
      return { ...planDays(7, nowMs, calendar), name };
    case '30d':
      return { ...planDays(30, nowMs, calendar), name };
    case 'total':
      return {
        name,
        fromMs: null,
        toMs: null,
        resolutionMs: null,
        closed: [],
        running: { tier: 'total', fromMs: 0, toMs: 1 },
        chart: { tier: 'day', startsMs: lastDays(366, nowMs, calendar) },
      };
  }
}

function planDay(nowMs: number, calendar: Calendar): WindowPlan {
  const toMs = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS + MINUTE_MS;
  const fromMs = toMs - DAY_MS;
  const firstHourMs = firstStart(fromMs, calendar.startOfHourMs(fromMs), calendar.nextHourMs(fromMs));
  const runningHourMs = calendar.startOfHourMs(nowMs);
  const lastQuarterMs = Math.floor(nowMs / QUARTER_MS) * QUARTER_MS;
  return {
    name: '24h',
    fromMs,
    toMs,
    resolutionMs: MINUTE_MS,
    closed: filled([
      { tier: 'minute', fromMs, toMs: firstHourMs },
      { tier: 'hour', fromMs: firstHourMs, toMs: runningHourMs },
    ]),
    running: { tier: 'hour', fromMs: runningHourMs, toMs: calendar.nextHourMs(nowMs) },
    chart: {
      tier: 'minute',
      startsMs: Array.from({ length: 96 }, (_, point) => lastQuarterMs - (95 - point) * QUARTER_MS),
    },
  };
}

function planDays(days: 7 | 30, nowMs: number, calendar: Calendar): Omit<WindowPlan, 'name'> {
  const span = planHours(days, nowMs, calendar);
  const { fromMs } = span;
  return {
    ...span,
    resolutionMs: HOUR_MS,
    chart:
      days === 7
        ? { tier: 'hour', startsMs: hours(fromMs, nowMs, calendar) }
        : { tier: 'day', startsMs: lastDays(30, nowMs, calendar) },
  };
}

/** The last days, exact to the hour: the running hour is the last of `days` times 24. */
export function planHours(
  days: number,
  nowMs: number,
  calendar: Calendar,
): { fromMs: number; toMs: number } & Pick<WindowPlan, 'closed' | 'running'> {
  const toMs = calendar.nextHourMs(nowMs);
  const fromMs = calendar.startOfHourMs(toMs - days * DAY_MS);
  const firstDayMs = firstStart(fromMs, calendar.startOfDayMs(fromMs), calendar.nextDayMs(fromMs));
  const todayMs = calendar.startOfDayMs(nowMs);
  return {
    fromMs,
    toMs,
    closed: filled([
      { tier: 'hour', fromMs, toMs: firstDayMs },
      { tier: 'day', fromMs: firstDayMs, toMs: todayMs },
    ]),
    running: { tier: 'day', fromMs: todayMs, toMs: calendar.nextDayMs(nowMs) },
  };
}

/** First start at or after `epochMs`, which lies in the bucket that starts at `ownMs` and before the one at `nextMs`. */
function firstStart(epochMs: number, ownMs: number, nextMs: number): number {
  return epochMs === ownMs ? ownMs : nextMs;
}

function filled(ranges: readonly BucketRange[]): BucketRange[] {
  return ranges.filter(({ fromMs, toMs }) => fromMs < toMs);
}

function hours(fromMs: number, nowMs: number, calendar: Calendar): number[] {
  const starts: number[] = [];
  for (let start = fromMs; start <= nowMs; start = calendar.nextHourMs(start)) starts.push(start);
  return starts;
}

/** Starts of the last local days, ascending; the last one is today's. */
export function lastDays(count: number, nowMs: number, calendar: Calendar): number[] {
  const starts = [calendar.startOfDayMs(nowMs)];
  while (starts.length < count) starts.unshift(calendar.startOfDayMs(starts[0]! - 1));
  return starts;
}
