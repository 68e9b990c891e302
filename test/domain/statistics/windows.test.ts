import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { Calendar, DAY_MS, HOUR_MS, MINUTE_MS } from '../../../src/domain/statistics/calendar.ts';
import type { Figures } from '../../../src/domain/statistics/figures.ts';
import { type ProxiedExchange, Recorder } from '../../../src/domain/statistics/recorder.ts';
import { WINDOW_NAMES, type WindowName } from '../../../src/domain/statistics/window-plan.ts';
import { type Window, WindowReader } from '../../../src/domain/statistics/windows.ts';
import { MemoryStatistics } from '../../support/memory-statistics.ts';
import { exchangeOf, NOON_MS, recordAll } from './exchange.ts';

const ZONES = [
  'UTC',
  'Asia/Shanghai',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'America/New_York',
  'America/Santiago',
  'Australia/Lord_Howe',
];

/** Counts exchanges and stores them as one batch, as a process of its own would. */
async function store(
  statistics: MemoryStatistics,
  calendar: Calendar,
  exchanges: readonly Partial<ProxiedExchange>[],
) {
  const recorder = new Recorder({ calendar });
  recordAll(recorder, exchanges);
  await statistics.add({ writer: `w${statistics.received.length}`, sequence: 1, rows: recorder.take() });
}

function sum(exchanges: readonly ProxiedExchange[], of: (exchange: ProxiedExchange) => number): number {
  return exchanges.reduce((total, exchange) => total + of(exchange), 0);
}

/** Compares what a window says with a plain recount of the exchanges that it should hold. */
function sameFigures(t: ExecutionContext, figures: Figures, held: readonly ProxiedExchange[]): void {
  const count = (matches: (exchange: ProxiedExchange) => boolean) => held.filter(matches).length;
  const inClass = (low: number) => count(({ status }) => Math.floor(status / 100) === low);
  const rounded = (value: number) => Math.round(value * 10) / 10;
  const answered = held.filter(exchange => exchange.firstByteMs >= 0);
  t.like(figures, {
    requests: held.length,
    errors: count(({ status }) => status >= 400 && status !== 499),
    aborted: count(({ status }) => status === 499),
    status: { '1xx': inClass(1), '2xx': inClass(2), '3xx': inClass(3), '4xx': inClass(4), '5xx': inClass(5) },
    bytes_in: sum(held, exchange => exchange.bytesIn),
    bytes_out: sum(held, exchange => exchange.bytesOut),
  });
  t.is(
    figures.duration.avg_ms,
    held.length === 0 ? null : rounded(sum(held, exchange => exchange.durationMs) / held.length),
  );
  t.is(
    figures.first_byte.avg_ms,
    answered.length === 0 ? null : rounded(sum(answered, exchange => exchange.firstByteMs) / answered.length),
  );
}

function sameWindow(t: ExecutionContext, window: Window, exchanges: readonly ProxiedExchange[]): void {
  const { from_ms, to_ms } = window;
  const held = exchanges.filter(
    ({ endedAtMs }) => (from_ms === null || endedAtMs >= from_ms) && (to_ms === null || endedAtMs < to_ms),
  );
  sameFigures(t, window.totals, held);
  const byPrefix = Map.groupBy(held, exchange => exchange.prefix);
  t.deepEqual(window.prefixes.map(({ prefix }) => prefix).sort(), [...byPrefix.keys()].sort());
  for (const figures of window.prefixes) {
    const ofPrefix = byPrefix.get(figures.prefix)!;
    sameFigures(t, figures, ofPrefix);
    const ever = exchanges.filter(({ prefix }) => prefix === figures.prefix);
    t.is(figures.last_seen_ms, Math.max(...ever.map(({ endedAtMs }) => endedAtMs)));
    if (figures.endpoints === undefined) continue;
    const byEndpoint = Map.groupBy(ofPrefix, ({ method, path }) => `${method} ${path}`);
    t.deepEqual(figures.endpoints.map(({ endpoint }) => endpoint).sort(), [...byEndpoint.keys()].sort());
    for (const endpoint of figures.endpoints) sameFigures(t, endpoint, byEndpoint.get(endpoint.endpoint)!);
  }
  const requests = window.prefixes.map(figures => figures.requests);
  t.deepEqual(
    requests,
    requests.toSorted((a, b) => b - a),
  );
  sameChart(t, window, exchanges);
}

function sameChart(t: ExecutionContext, { chart }: Window, exchanges: readonly ProxiedExchange[]): void {
  for (const [point, startMs] of chart.start_ms.entries()) {
    const endMs = chart.start_ms[point + 1] ?? Number.POSITIVE_INFINITY;
    const held = exchanges.filter(({ endedAtMs }) => endedAtMs >= startMs && endedAtMs < endMs);
    t.is(chart.requests[point], held.length);
    t.is(chart.errors[point], held.filter(({ status }) => status >= 400 && status !== 499).length);
    t.is(chart.p50_ms[point] === null, held.length === 0);
    t.is(chart.p95_ms[point] === null, held.length === 0);
  }
}

const SPANS_MS = [HOUR_MS, DAY_MS, 7 * DAY_MS, 30 * DAY_MS, 300 * DAY_MS];

/** How long ago something was: anywhere in the windows, and often close to their borders. */
const ageMs = fc.oneof(
  ...SPANS_MS.map(spanMs => fc.integer({ min: 0, max: spanMs })),
  fc
    .tuple(fc.constantFrom(...SPANS_MS), fc.integer({ min: -2 * HOUR_MS, max: 2 * HOUR_MS }))
    .map(([spanMs, off]) => Math.max(0, spanMs + off)),
  fc
    .tuple(fc.constantFrom(...SPANS_MS), fc.integer({ min: -2 * MINUTE_MS, max: 2 * MINUTE_MS }))
    .map(([spanMs, off]) => Math.max(0, spanMs + off)),
);

/** What the client left early has a prefix of its own, whose paths never get a name. */
const oldExchange = fc
  .record({
    ageMs,
    prefix: fc.constantFrom('/openai', '/claude', '/a/b'),
    method: fc.constantFrom('GET', 'POST'),
    path: fc.constantFrom('/v1/chat/completions', '/v1/models'),
    status: fc.constantFrom(101, 200, 200, 302, 499, 500, 502),
    durationMs: fc.integer({ min: 0, max: 700_000 }),
    firstByteMs: fc.integer({ min: -1, max: 5000 }),
    bytesIn: fc.nat(1000),
    bytesOut: fc.nat(100_000),
  })
  .map(exchange => (exchange.status === 499 ? { ...exchange, prefix: '/left', path: ':other' } : exchange));

function ended(
  { ageMs, ...parts }: { ageMs: number } & Partial<ProxiedExchange>,
  nowMs: number,
): ProxiedExchange {
  return exchangeOf({ ...parts, endedAtMs: nowMs - ageMs });
}

const now = fc.integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2027, 0, 1) });

test('every window equals a recount of the exchanges, in every zone', async t => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...ZONES),
      now,
      fc.array(oldExchange, { maxLength: 60 }),
      async (timeZone, nowMs, drawn) => {
        const calendar = new Calendar(timeZone);
        const statistics = new MemoryStatistics();
        const exchanges = drawn.map(parts => ended(parts, nowMs));
        await store(statistics, calendar, exchanges);
        const reader = new WindowReader({ store: statistics, calendar });
        for (const window of WINDOW_NAMES) {
          sameWindow(t, await reader.read({ window, nowMs, withEndpoints: true }), exchanges);
        }
      },
    ),
    { numRuns: 120 },
  );
});

test('a reader that goes on reading stays right: time passes, counts come late', async t => {
  const step = fc.record({
    passedMs: fc.oneof(
      fc.integer({ min: 0, max: 3 * MINUTE_MS }),
      fc.integer({ min: 0, max: 3 * HOUR_MS }),
      fc.integer({ min: 0, max: 3 * DAY_MS }),
    ),
    drawn: fc.array(oldExchange, { maxLength: 5 }),
    window: fc.constantFrom(...WINDOW_NAMES),
    withEndpoints: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...ZONES),
      now,
      fc.array(oldExchange, { maxLength: 30 }),
      fc.array(step, { minLength: 3, maxLength: 25 }),
      async (timeZone, startMs, drawn, steps) => {
        const calendar = new Calendar(timeZone);
        const statistics = new MemoryStatistics();
        const exchanges = drawn.map(parts => ended(parts, startMs));
        await store(statistics, calendar, exchanges);
        const reader = new WindowReader({ store: statistics, calendar, cacheMs: 0 });
        let nowMs = startMs;
        for (const { passedMs, drawn: more, window, withEndpoints } of steps) {
          nowMs += passedMs;
          const late = more.map(parts => ended(parts, nowMs));
          exchanges.push(...late);
          await store(statistics, calendar, late);
          sameWindow(t, await reader.read({ window, nowMs, withEndpoints }), exchanges);
        }
      },
    ),
    { numRuns: 80 },
  );
});

const windowShape: readonly [WindowName, number, number, number][] = [
  ['24h', DAY_MS, MINUTE_MS, 96],
  ['7d', 7 * DAY_MS, HOUR_MS, 168],
  ['30d', 30 * DAY_MS, HOUR_MS, 30],
];

for (const [window, spanMs, resolutionMs, points] of windowShape) {
  test(`the window ${window} is exact to its resolution and ends with what still runs`, async t => {
    const calendar = new Calendar('Asia/Shanghai');
    const statistics = new MemoryStatistics();
    const nowMs = NOON_MS + 12 * MINUTE_MS + 34_567;
    const toMs = Math.ceil(nowMs / resolutionMs) * resolutionMs;
    await store(statistics, calendar, [
      { path: '/too-old', endedAtMs: toMs - spanMs - 1 },
      { path: '/first', endedAtMs: toMs - spanMs },
      { path: '/now', endedAtMs: nowMs },
    ]);
    const reader = new WindowReader({ store: statistics, calendar });
    const read = await reader.read({ window, nowMs, withEndpoints: true });
    t.like(read, { window, from_ms: toMs - spanMs, to_ms: toMs, resolution_ms: resolutionMs });
    t.deepEqual(
      read.prefixes[0]!.endpoints!.map(({ endpoint }) => endpoint),
      ['POST /first', 'POST /now'],
    );
    t.is(read.prefixes[0]!.share, 1);
    t.is(read.chart.start_ms.length, points);
    t.is(read.chart.requests.at(-1), 1);
  });
}

test('the chart of the total begins with the first day that has a count', async t => {
  const calendar = new Calendar('UTC');
  const statistics = new MemoryStatistics();
  const reader = new WindowReader({ store: statistics, calendar, cacheMs: 0 });
  const empty = await reader.read({ window: 'total', nowMs: NOON_MS });
  t.deepEqual(empty.chart, {
    start_ms: [NOON_MS - 12 * HOUR_MS],
    requests: [0],
    errors: [0],
    p50_ms: [null],
    p95_ms: [null],
  });
  t.deepEqual([empty.from_ms, empty.to_ms, empty.resolution_ms], [null, null, null]);
  await store(statistics, calendar, [
    { endedAtMs: NOON_MS - 2 * DAY_MS },
    { endedAtMs: NOON_MS - 900 * DAY_MS },
  ]);
  const year = await reader.read({ window: 'total', nowMs: NOON_MS });
  t.is(year.totals.requests, 2);
  t.deepEqual(year.chart.requests, [1, 0, 0]);
});

test('endpoints come where they are asked for', async t => {
  const calendar = new Calendar('UTC');
  const statistics = new MemoryStatistics();
  await store(statistics, calendar, [{}, { prefix: '/claude' }, { prefix: '/openai-eu' }]);
  const reader = new WindowReader({ store: statistics, calendar });
  const endpoints = async (withEndpoints?: boolean | { prefix: string }) => {
    const request = { window: '24h', nowMs: NOON_MS } as const;
    const { prefixes } = await reader.read(
      withEndpoints === undefined ? request : { ...request, withEndpoints },
    );
    return prefixes.filter(figures => figures.endpoints?.length === 1).map(({ prefix }) => prefix);
  };
  t.deepEqual(await endpoints(), []);
  t.deepEqual(await endpoints(true), ['/claude', '/openai', '/openai-eu']);
  t.deepEqual(await endpoints({ prefix: '/openai' }), ['/openai']);
});

test('readers at the same time, and within a second, share one reading', async t => {
  const calendar = new Calendar('UTC');
  const statistics = new MemoryStatistics();
  const reader = new WindowReader({ store: statistics, calendar });
  let flushes = 0;
  const flush = async () => {
    flushes += 1;
  };
  const read = (nowMs: number) => reader.read({ window: '24h', nowMs }, flush);
  const [one, two] = await Promise.all([read(NOON_MS), read(NOON_MS)]);
  t.is(one, two);
  const { length } = statistics.queries;
  t.is(await read(NOON_MS + 999), one);
  t.is(statistics.queries.length, length);
  t.is(flushes, 1);
  t.not(await read(NOON_MS + 1000), one);
  t.is(flushes, 2);
});

test('a reading that failed is tried again after the second', async t => {
  const calendar = new Calendar('UTC');
  const statistics = new MemoryStatistics();
  const reader = new WindowReader({ store: statistics, calendar });
  statistics.outage = 'before';
  await t.throwsAsync(reader.read({ window: '30d', nowMs: NOON_MS }), { code: 'ERR_STORE_UNAVAILABLE' });
  statistics.outage = 'none';
  t.is((await reader.read({ window: '30d', nowMs: NOON_MS + 1000 })).totals.requests, 0);
});

test('days that were added up are not read again until something in them changes', async t => {
  const calendar = new Calendar('UTC');
  const statistics = new MemoryStatistics();
  await store(
    statistics,
    calendar,
    Array.from({ length: 31 }, (_, day) => ({ endedAtMs: NOON_MS - day * DAY_MS })),
  );
  const reader = new WindowReader({ store: statistics, calendar, cacheMs: 0 });
  const bucketsRead = async (nowMs: number) => {
    const before = statistics.queries.length;
    const window = await reader.read({ window: '30d', nowMs, withEndpoints: true });
    const ofEndpoints = statistics.queries
      .slice(before)
      .filter(query => query.seriesPrefixes!.includes('e '));
    return {
      requests: window.totals.requests,
      closedDays:
        sumOf(ofEndpoints.filter(query => query.tier === 'day').map(query => query.toMs - query.fromMs)) /
          DAY_MS -
        1,
    };
  };
  t.deepEqual(await bucketsRead(NOON_MS), { requests: 30, closedDays: 29 });
  t.deepEqual(await bucketsRead(NOON_MS + 1000), { requests: 30, closedDays: 0 });
  await store(statistics, calendar, [{ endedAtMs: NOON_MS - 9 * DAY_MS }]);
  t.deepEqual(await bucketsRead(NOON_MS + 2000), { requests: 31, closedDays: 29 });
  t.deepEqual(await bucketsRead(NOON_MS + DAY_MS), { requests: 30, closedDays: 2 });
});

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
