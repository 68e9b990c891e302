import type { Log } from '../../base/log.ts';
import type { StoreState } from '../../stores/types.ts';
import { rounded, timesOf } from './figures.ts';
import type { Flusher } from './flusher.ts';
import type { ProcessFigures } from './performance.ts';
import type { RecentCounts } from './recent.ts';
import { WINDOW_NAMES, type WindowName } from './window-plan.ts';
import type { Window, WindowReader } from './windows.ts';

/** The answer of `GET /stats`. */
export interface StatsReport {
  /** ISO 8601, UTC. */
  generated_at: string;
  generated_at_ms: number;
  started_at: string;
  version: string;
  /** IANA name of the zone whose days the statistics follow. */
  time_zone: string;
  store: {
    kind: string;
    /** `degraded` while counts wait for the store, or while it cannot be read. */
    state: StoreState;
    queued_rows: number;
    dropped_rows: number;
  };
  mappings: number;
  /** All mapped prefixes, sorted; those without traffic are in no window. */
  prefixes: readonly string[];
  performance: Performance;
  /** The window that was asked for, or all four; none while the store cannot be read. */
  windows: Partial<Record<WindowName, Window>>;
}

/** Times and rates of the requests of the last 60 s (`requests_per_sec`: 10 s); `null` where there were none. */
export interface Performance {
  requests_per_sec: number;
  avg_response_time_ms: number | null;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
  /** Errors in percent of requests, two decimals. */
  error_rate: number;
  /** Resident memory in MiB, two decimals. */
  memory_usage_mb: number;
  /** 99th percentile over 10 s. */
  event_loop_delay_ms: number;
  workers: number;
  open_streams: number;
  uptime_seconds: number;
}

export interface StatsReportOptions {
  readonly nowMs: number;
  readonly startedAtMs: number;
  readonly version: string;
  readonly timeZone: string;
  readonly storeKind: string;
  /** All mapped prefixes, sorted. */
  readonly prefixes: readonly string[];
  readonly workers: number;
  /** Of this process, or summed up over the workers with `sumRecent`. */
  readonly recent: RecentCounts;
  readonly openStreams: number;
  readonly process: ProcessFigures;
  readonly flusher: Pick<Flusher, 'state' | 'queuedRows' | 'droppedRows' | 'flush'>;
  readonly windows: WindowReader;
  readonly log: Log;
  /** Only this window, with the endpoints of each prefix. All four without endpoints when left out. */
  readonly window?: WindowName;
  /** With `window`: only this prefix's endpoints. */
  readonly prefix?: string;
  /** How long the store may take before the answer goes without windows. */
  readonly patienceMs?: number;
}

/** Puts together the answer of `GET /stats`. Never rejects: what the store does not give is left out. */
export async function buildStatsReport(options: StatsReportOptions): Promise<StatsReport> {
  const { nowMs, startedAtMs, flusher } = options;
  const windows = await readWindows(options);
  return {
    generated_at: new Date(nowMs).toISOString(),
    generated_at_ms: nowMs,
    started_at: new Date(startedAtMs).toISOString(),
    version: options.version,
    time_zone: options.timeZone,
    store: {
      kind: options.storeKind,
      state: windows === undefined ? 'degraded' : flusher.state,
      queued_rows: flusher.queuedRows,
      dropped_rows: flusher.droppedRows,
    },
    mappings: options.prefixes.length,
    prefixes: options.prefixes,
    performance: performanceOf(options),
    windows: windows ?? {},
  };
}

function performanceOf(options: StatsReportOptions): Performance {
  const { recent, process } = options;
  const times = timesOf(recent.durationSumMs, recent.durations);
  return {
    requests_per_sec: rounded(recent.requestsPerSecond, 2),
    avg_response_time_ms: times.avg_ms,
    p50_ms: times.p50_ms,
    p95_ms: times.p95_ms,
    p99_ms: times.p99_ms,
    error_rate: recent.requests === 0 ? 0 : rounded((100 * recent.errors) / recent.requests, 2),
    memory_usage_mb: rounded(process.residentBytes / 2 ** 20, 2),
    event_loop_delay_ms: rounded(process.eventLoopDelayMs, 2),
    workers: options.workers,
    open_streams: options.openStreams,
    uptime_seconds: Math.max(0, Math.floor((options.nowMs - options.startedAtMs) / 1000)),
  };
}

async function readWindows(options: StatsReportOptions): Promise<StatsReport['windows'] | undefined> {
  const { nowMs, window, prefix, flusher } = options;
  // Counts that already wait for a store in trouble would only make the page wait too.
  const flush = async () => (flusher.state === 'ok' ? flusher.flush() : undefined);
  const requests =
    window === undefined
      ? WINDOW_NAMES.map(name => ({ window: name, nowMs }))
      : [{ window, nowMs, withEndpoints: prefix === undefined ? true : { prefix } }];
  const reads = Promise.all(requests.map(request => options.windows.read(request, flush)));
  const impatience = Promise.withResolvers<undefined>();
  const timer = setTimeout(impatience.resolve, options.patienceMs ?? 2000, undefined);
  try {
    const answers = await Promise.race([reads, impatience.promise]);
    if (answers === undefined) {
      options.log.warn('statistics store does not answer, the report goes without windows');
      reads.catch(error => options.log.warn({ err: error }, 'late failure to read statistics'));
      return undefined;
    }
    return Object.fromEntries(answers.map(answer => [answer.window, answer]));
  } catch (error) {
    options.log.warn({ err: error }, 'statistics cannot be read, the report goes without windows');
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
