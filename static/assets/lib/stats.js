// @ts-check
import { ApiError, request } from './api.js';
import { useEffect, useState } from './html.js';

/**
 * @typedef {'24h' | '7d' | '30d' | 'total'} WindowName
 * @typedef {{ avg_ms: number | null, p50_ms: number | null, p95_ms: number | null, p99_ms: number | null }} Timing
 * @typedef {object} Figures
 * @property {number} requests
 * @property {number} errors
 * @property {number} aborted
 * @property {number} error_rate 0 to 1
 * @property {Record<string, number>} status by class, `1xx` to `5xx`
 * @property {number} bytes_in
 * @property {number} bytes_out
 * @property {Timing} duration
 * @property {Timing} first_byte
 *
 * @typedef {Figures & { endpoint: string }} EndpointFigures
 * @typedef {Figures & { prefix: string, share: number, last_seen_ms: number | null, endpoints?: EndpointFigures[] }} PrefixFigures
 * @typedef {object} WindowReport
 * @property {WindowName} window
 * @property {number | null} from_ms `null`: all that ever was counts
 * @property {number | null} to_ms
 * @property {Figures} totals
 * @property {PrefixFigures[]} prefixes
 * @property {{ start_ms: number[], requests: number[], errors: number[], p50_ms: (number | null)[], p95_ms: (number | null)[] }} chart
 *
 * @typedef {object} Report
 * @property {number} generated_at_ms
 * @property {string} version
 * @property {string} time_zone
 * @property {{ kind: string, state: 'ok' | 'degraded', queued_rows: number, dropped_rows: number }} store
 * @property {string[]} prefixes every mapped one, with or without traffic
 * @property {{ requests_per_sec: number, p50_ms: number | null, p95_ms: number | null,
 *   error_rate: number, memory_usage_mb: number, event_loop_delay_ms: number, workers: number, open_streams: number,
 *   uptime_seconds: number }} performance `error_rate` in percent
 * @property {Partial<Record<WindowName, WindowReport>>} windows
 *
 * @typedef {object} Live
 * @property {Report | undefined} report the latest one
 * @property {WindowReport | undefined} window of the report: until another choice arrives, still the one before
 * @property {number} receivedAtMs when the report came, by this device's clock
 * @property {number} clockAheadMs how far this device's clock is ahead of the server's
 * @property {ApiError | undefined} failure of the latest attempt
 */

/** @type {readonly WindowName[]} */
export const windowNames = ['24h', '7d', '30d', 'total'];

const INTERVAL_MS = 2500;
const TIMEOUT_MS = 10_000;

/**
 * Figures that renew themselves while the page is visible. A slow server is asked less often: the pause is at least
 * four times as long as the last answer took.
 *
 * @param {WindowName} chosen
 * @returns {Live}
 */
export function useStats(chosen) {
  const [live, setLive] = useState(
    /** @type {Live} */ ({
      report: undefined,
      window: undefined,
      receivedAtMs: 0,
      clockAheadMs: 0,
      failure: undefined,
    }),
  );

  useEffect(() => {
    const leaving = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    let asking = false;

    async function ask() {
      if (asking || leaving.signal.aborted) return;
      clearTimeout(timer);
      asking = true;
      const askedAtMs = Date.now();
      const asked = performance.now();
      try {
        const report = await request('GET', `/stats?window=${chosen}`, {
          timeoutMs: TIMEOUT_MS,
          signal: leaving.signal,
        });
        if (!isReport(report)) throw new ApiError('UNREADABLE', { status: 200 });
        const halfwayMs = askedAtMs + (performance.now() - asked) / 2;
        setLive(before => ({
          report,
          window: report.windows[chosen] ?? before.window,
          receivedAtMs: Date.now(),
          clockAheadMs: halfwayMs - report.generated_at_ms,
          failure: undefined,
        }));
      } catch (error) {
        if (leaving.signal.aborted) return;
        const failure = error instanceof ApiError ? error : new ApiError('UNREADABLE', { cause: error });
        setLive(before => ({ ...before, failure }));
      } finally {
        asking = false;
      }
      if (!document.hidden && !leaving.signal.aborted) {
        timer = setTimeout(ask, Math.max(INTERVAL_MS, 4 * (performance.now() - asked)));
      }
    }

    const onVisibility = () => {
      clearTimeout(timer);
      if (!document.hidden) void ask();
    };
    document.addEventListener('visibilitychange', onVisibility);
    window.addEventListener('online', onVisibility);
    void ask();
    return () => {
      document.removeEventListener('visibilitychange', onVisibility);
      window.removeEventListener('online', onVisibility);
      clearTimeout(timer);
      leaving.abort();
    };
  }, [chosen]);

  return live;
}

/**
 * @param {any} answer
 * @returns {answer is Report}
 */
function isReport(answer) {
  return (
    typeof answer?.generated_at_ms === 'number' &&
    typeof answer.performance === 'object' &&
    typeof answer.windows === 'object'
  );
}
