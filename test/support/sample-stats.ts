import type { Figures } from '../../src/domain/statistics/figures.ts';
import type { StatsReport } from '../../src/domain/statistics/statistics-report.ts';
import type { WindowName } from '../../src/domain/statistics/window-plan.ts';
import type { PrefixFigures, Window } from '../../src/domain/statistics/windows.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const ZONE_OFFSET_MS = 8 * HOUR_MS;

/** Prefix, share of all requests, part of errors, median in ms, age of the latest request. */
const BUSY: readonly (readonly [string, number, number, number, number])[] = [
  ['/openai', 0.425, 0.006, 820, 400],
  ['/claude', 0.289, 0.011, 1430, 2300],
  ['/gemini', 0.143, 0.021, 640, 14_000],
  ['/deepseek', 0.071, 0.004, 1120, 61_000],
  ['/groq', 0.046, 0.001, 190, 250_000],
  ['/xai', 0.019, 0.074, 990, 3_700_000],
  ['/mistral', 0.007, 0, 410, 9 * HOUR_MS],
];
const QUIET = ['/cohere', '/moonshot', '/openrouter', '/perplexity', '/team/openai', '/together'];

const PLANS: Readonly<Record<WindowName, { points: number; stepMs: number; requests: number }>> = {
  '24h': { points: 96, stepMs: 15 * MINUTE_MS, requests: 42_901 },
  '7d': { points: 168, stepMs: HOUR_MS, requests: 271_400 },
  '30d': { points: 30, stepMs: DAY_MS, requests: 1_030_200 },
  total: { points: 75, stepMs: DAY_MS, requests: 2_188_000 },
};

/** `/stats` of a gateway that a team uses: what the pictures of the documentation show. */
export function busyReport(window: WindowName, nowMs: number): StatsReport {
  const beat = (mean: number) => mean * (0.84 + 0.32 * drift(nowMs, mean));
  return {
    generated_at: new Date(nowMs).toISOString(),
    generated_at_ms: nowMs,
    started_at: new Date(nowMs - 312_345_000).toISOString(),
    version: '0.1.0',
    time_zone: 'Asia/Shanghai',
    store: { kind: 'redis', state: 'ok', queued_rows: 0, dropped_rows: 0 },
    mappings: BUSY.length + QUIET.length,
    prefixes: [...BUSY.map(([prefix]) => prefix), ...QUIET].sort(),
    performance: {
      requests_per_sec: beat(14.3),
      avg_response_time_ms: beat(1100),
      p50_ms: beat(870),
      p95_ms: beat(2950),
      p99_ms: beat(6100),
      error_rate: Math.round(beat(0.84) * 100) / 100,
      memory_usage_mb: 78 + ((nowMs / 2000) % 23) + 4 * drift(nowMs, 1),
      event_loop_delay_ms: 11.2,
      workers: 1,
      open_streams: Math.round(beat(37)),
      uptime_seconds: 312_345,
    },
    windows: { [window]: busyWindow(window, nowMs) },
  };
}

function busyWindow(name: WindowName, nowMs: number): Window {
  const { points, stepMs, requests: total } = PLANS[name];
  const last = Math.floor((nowMs + ZONE_OFFSET_MS) / stepMs) * stepMs - ZONE_OFFSET_MS;
  const starts = Array.from({ length: points }, (_, point) => last - (points - 1 - point) * stepMs);
  const random = sequence(7);
  const weights = starts.map(start => weight(start, stepMs) * (0.82 + 0.36 * random()));
  weights[points - 1]! *= (nowMs - last) / stepMs;
  const sum = weights.reduce((whole, part) => whole + part, 0);
  const requests = weights.map(part => Math.round((part / sum) * total));
  const incident = (point: number) => point > points * 0.62 && point < points * 0.67;
  const p50 = requests.map(() => Math.round(820 + 160 * random()));
  return {
    window: name,
    from_ms: name === 'total' ? null : starts[0]!,
    to_ms: name === 'total' ? null : nowMs,
    resolution_ms: null,
    totals: figures(total, 0.0108, 905),
    prefixes: BUSY.map(([prefix, share, errors, median, ageMs]) =>
      prefixFigures({ prefix, share, errors, median, total, seenMs: nowMs - ageMs }),
    ),
    chart: {
      start_ms: starts,
      requests,
      errors: requests.map((count, point) =>
        Math.round(count * (0.008 + 0.006 * random() + (incident(point) ? 0.16 : 0))),
      ),
      p50_ms: p50,
      p95_ms: p50.map((median, point) =>
        Math.round(median * (2.8 + 0.7 * random()) + (incident(point) ? 2100 : 0)),
      ),
    },
  };
}

/** A figure's course, from 0 to 1: slow waves with some noise, another course for each `phase`. */
function drift(nowMs: number, phase: number): number {
  const noise = sequence((Math.floor(nowMs / 2500) * 7919 + Math.floor(phase * 100)) % 2_147_483_647);
  noise();
  const wave = Math.sin(nowMs / (23_000 + 1300 * (phase % 17)) + phase);
  return 0.5 + 0.3 * wave + 0.4 * (noise() - 0.5);
}

/** Office hours with an evening peak; weekends are quiet. */
function weight(startMs: number, stepMs: number): number {
  const local = startMs + ZONE_OFFSET_MS;
  const weekend = [0, 6].includes(new Date(local).getUTCDay()) ? 0.45 : 1;
  if (stepMs >= DAY_MS) return weekend;
  const hour = (local / HOUR_MS) % 24;
  const office = Math.max(0, Math.sin(((hour - 7) / 24) * 2 * Math.PI)) ** 1.2;
  return weekend * (0.22 + office + 0.4 * Math.exp(-(((hour - 21) / 2.2) ** 2)));
}

function prefixFigures(options: {
  prefix: string;
  share: number;
  errors: number;
  median: number;
  total: number;
  seenMs: number;
}): PrefixFigures {
  const requests = Math.round(options.total * options.share);
  const part = (fraction: number, errors: number, median: number) =>
    figures(Math.round(requests * fraction), errors, median);
  return {
    prefix: options.prefix,
    share: options.share,
    last_seen_ms: options.seenMs,
    ...figures(requests, options.errors, options.median),
    endpoints: [
      { endpoint: 'POST /v1/chat/completions', ...part(0.8, options.errors, options.median) },
      { endpoint: 'POST /v1/embeddings', ...part(0.15, options.errors / 2, options.median / 6) },
      { endpoint: 'GET /v1/models', ...part(0.05, 0, 90) },
    ],
  };
}

function figures(requests: number, errorRate: number, median: number): Figures {
  const errors = Math.round(requests * errorRate);
  const refused = Math.round(errors * 0.7);
  const times = (ms: number) => ({ avg_ms: ms * 1.3, p50_ms: ms, p95_ms: ms * 3.4, p99_ms: ms * 6.1 });
  return {
    requests,
    errors,
    aborted: Math.round(requests * 0.004),
    error_rate: requests === 0 ? 0 : errors / requests,
    status: { '1xx': 0, '2xx': requests - errors, '3xx': 0, '4xx': refused, '5xx': errors - refused },
    bytes_in: requests * 2140,
    bytes_out: requests * 9350,
    duration: times(median),
    first_byte: times(median * 0.28),
  };
}

/** The same numbers from 0 to 1 each time: pictures change only with the page. */
function sequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 16_807) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
