import { type Calendar, DAY_MS } from '../statistics/calendar.ts';
import { type BucketRange, planHours, type WindowName } from '../statistics/window-plan.ts';

/** How a window of tokens is put together from buckets. Its borders are whole hours, the running one included. */
export interface TokenWindow {
  /** First ms, and the first after it; `null` where all that ever was counts. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
  /** Ranges that change only when counts arrive late. */
  readonly closed: readonly BucketRange[];
  /** The bucket that still grows. */
  readonly running: BucketRange;
}

/** Of keys and models no minutes are kept, so 24h is exact to the hour here. */
export function tokenWindow(name: WindowName, nowMs: number, calendar: Calendar): TokenWindow {
  switch (name) {
    case 'total':
      return { fromMs: null, toMs: null, closed: [], running: { tier: 'total', fromMs: 0, toMs: 1 } };
    case '24h': {
      // Hours alone: a local day may have 25, and the last 24 of them are no day.
      const toMs = calendar.nextHourMs(nowMs);
      const fromMs = calendar.startOfHourMs(toMs - DAY_MS);
      const runningMs = calendar.startOfHourMs(nowMs);
      return {
        fromMs,
        toMs,
        closed: [{ tier: 'hour', fromMs, toMs: runningMs }],
        running: { tier: 'hour', fromMs: runningMs, toMs },
      };
    }
    default:
      return planHours(name === '7d' ? 7 : 30, nowMs, calendar);
  }
}
