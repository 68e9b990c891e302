import test from 'ava';
import { pino } from 'pino';
import { Calendar } from '../../../src/domain/statistics/calendar.ts';
import * as field from '../../../src/domain/statistics/fields.ts';
import { Flusher, type SpooledCounters } from '../../../src/domain/statistics/flusher.ts';
import { sumRecent } from '../../../src/domain/statistics/recent.ts';
import { Recorder } from '../../../src/domain/statistics/recorder.ts';
import {
  buildStatsReport,
  type StatsReportOptions,
} from '../../../src/domain/statistics/statistics-report.ts';
import { MOST_MODELS, TotalsReader } from '../../../src/domain/statistics/totals.ts';
import { WindowReader } from '../../../src/domain/statistics/windows.ts';
import type { StatisticsStore } from '../../../src/stores/types.ts';
import { MemoryFile, MemoryStatistics } from '../../support/memory-statistics.ts';
import { NOON_MS, recordAll } from './exchange.ts';

const log = pino({ level: 'silent' });

function benchWith(store: StatisticsStore) {
  const calendar = new Calendar('Asia/Shanghai');
  const recorder = new Recorder({ calendar });
  const spool = new MemoryFile<SpooledCounters>();
  const flusher = new Flusher({ recorder, store, spool, log, nowMs: () => NOON_MS });
  const windows = new WindowReader({ store, calendar });
  const report = (parts: Partial<StatsReportOptions> = {}) =>
    buildStatsReport({
      nowMs: NOON_MS,
      startedAtMs: NOON_MS - 90_500,
      version: '1.2.3',
      timeZone: calendar.timeZone,
      storeKind: 'sqlite',
      prefixes: ['/claude', '/openai'],
      workers: 2,
      recent: recorder.recent(NOON_MS),
      openStreams: recorder.openStreams,
      process: { residentBytes: 100_000_000, eventLoopDelayMs: 1.2345 },
      flusher,
      windows,
      log,
      ...parts,
    });
  return { recorder, flusher, report };
}

test('the report holds what was counted up to now in all four windows', async t => {
  const { recorder, report } = benchWith(new MemoryStatistics());
  recordAll(recorder, [{ durationMs: 30 }, { durationMs: 50, status: 502 }, { durationMs: 40 }]);
  recorder.opened();
  const stats = await report();
  t.like(stats, {
    generated_at: '2026-01-15T12:00:00.000Z',
    generated_at_ms: NOON_MS,
    started_at: '2026-01-15T11:58:29.500Z',
    version: '1.2.3',
    time_zone: 'Asia/Shanghai',
    store: { kind: 'sqlite', state: 'ok', queued_rows: 0, dropped_rows: 0 },
    mappings: 2,
    prefixes: ['/claude', '/openai'],
  });
  t.deepEqual(stats.performance, {
    requests_per_sec: 0.33,
    avg_response_time_ms: 40,
    p50_ms: 35,
    p95_ms: 48.5,
    p99_ms: 49.7,
    error_rate: 33.33,
    memory_usage_mb: 95.37,
    event_loop_delay_ms: 1.23,
    workers: 2,
    open_streams: 1,
    uptime_seconds: 90,
  });
  t.deepEqual(Object.keys(stats.windows), ['24h', '7d', '30d', 'total']);
  for (const window of Object.values(stats.windows)) {
    t.like(window.totals, { requests: 3, errors: 1, error_rate: 0.3333 });
    t.is(window.prefixes[0]!.endpoints, undefined);
  }
  t.deepEqual(JSON.parse(JSON.stringify(stats)), stats);
});

test('one window comes alone, with the endpoints of all prefixes or of one', async t => {
  const { recorder, report } = benchWith(new MemoryStatistics());
  recordAll(recorder, [{}, {}, { prefix: '/claude' }]);
  const all = await report({ window: '7d' });
  t.deepEqual(Object.keys(all.windows), ['7d']);
  t.deepEqual(
    all.windows['7d']!.prefixes.map(({ prefix, endpoints }) => [prefix, endpoints?.length]),
    [
      ['/openai', 1],
      ['/claude', 1],
    ],
  );
  const one = await report({ window: '7d', prefix: '/claude' });
  t.deepEqual(
    one.windows['7d']!.prefixes.map(({ endpoints }) => endpoints?.length),
    [undefined, 1],
  );
});

test('a store that is away leaves performance, and says so', async t => {
  const store = new MemoryStatistics();
  const { recorder, report } = benchWith(store);
  store.outage = 'before';
  recordAll(recorder, [{}]);
  const stats = await report();
  t.deepEqual(stats.windows, {});
  t.deepEqual(stats.store, { kind: 'sqlite', state: 'degraded', queued_rows: 3, dropped_rows: 0 });
  t.is(stats.performance.avg_response_time_ms, 20);
});

test('a store that does not answer does not hold the report up', async t => {
  const silent: StatisticsStore = {
    add: () => new Promise(() => {}),
    read: () => new Promise(() => {}),
    totalsOf: () => new Promise(() => {}),
    lastSeen: () => new Promise(() => {}),
    prune: () => new Promise(() => {}),
  };
  const { recorder, report } = benchWith(silent);
  recordAll(recorder, [{}]);
  const stats = await report({ patienceMs: 1 });
  t.deepEqual(stats.windows, {});
  t.is(stats.store.state, 'degraded');
});

test('while counts wait the windows are still read, as they are in the store', async t => {
  const store = new MemoryStatistics();
  const { recorder, flusher, report } = benchWith(store);
  recordAll(recorder, [{}]);
  await flusher.flush();
  store.outage = 'before';
  recordAll(recorder, [{}]);
  await flusher.flush();
  store.outage = 'none';
  const stats = await report();
  t.is(stats.store.state, 'degraded');
  t.is(stats.windows.total!.totals.requests, 1);
});

test('what workers did lately adds up', t => {
  const recorders = [200, 500].map(status => {
    const recorder = new Recorder({ calendar: new Calendar('UTC') });
    recordAll(recorder, [{ status }]);
    return recorder.recent(NOON_MS);
  });
  const sum = sumRecent(recorders);
  t.like(sum, { requests: 2, errors: 1, durationSumMs: 40, requestsPerSecond: 2 / 9 });
  t.is(
    sum.durations.reduce((total, count) => total + count),
    2,
  );
});

test('totals of models come with those of prefixes, the rarest under :other where there are too many', async t => {
  const store = new MemoryStatistics();
  const { recorder, flusher } = benchWith(store);
  const usage = { input: 2, output: 1, cached: 0, reasoning: 0 };
  const use = (...models: string[]) =>
    recordAll(
      recorder,
      models.map(model => ({ prefix: '/v1', keyId: 'k', model, usage })),
    );
  use('b', 'a', 'a');
  await flusher.flush();
  const totals = new TotalsReader({ store, log, cacheMs: 0 });
  const inputs = async () =>
    (await totals.read(NOON_MS)).models.map(({ model, counts }) => [model, counts[field.TOKENS_INPUT]]);
  t.deepEqual(await inputs(), [
    ['a', 4],
    ['b', 2],
  ]);
  t.deepEqual(
    (await totals.read(NOON_MS)).totals.map(({ prefix }) => prefix),
    ['/v1'],
  );
  const rows = Array.from({ length: MOST_MODELS }, (_, number) => ({
    series: `m model-${number}`,
    minuteMs: -1,
    hourMs: -1,
    dayMs: -1,
    values: { requests: 2, tokens_input: 10 },
    lastSeenMs: NOON_MS,
  }));
  await store.add({ writer: 'other', sequence: 1, rows });
  const many = await inputs();
  t.is(many.length, MOST_MODELS);
  t.deepEqual(many.slice(0, 2), [
    [':other', 22],
    ['a', 4],
  ]);
});

test('totals are read once a second and stay when the store goes away', async t => {
  const store = new MemoryStatistics();
  const { recorder, flusher } = benchWith(store);
  recordAll(recorder, [{ prefix: '/b' }, { prefix: '/a' }]);
  await flusher.flush();
  const totals = new TotalsReader({ store, log });
  const [one, two] = await Promise.all([totals.read(NOON_MS), totals.read(NOON_MS)]);
  t.deepEqual(one, two);
  t.deepEqual(
    one.totals.map(({ prefix }) => prefix),
    ['/a', '/b'],
  );
  await totals.read(NOON_MS + 999);
  t.is(store.queries.length, 1);
  store.outage = 'before';
  const away = await totals.read(NOON_MS + 1000);
  t.false(away.isCurrent);
  t.deepEqual(away.totals, one.totals);
  store.outage = 'none';
  t.true((await totals.read(NOON_MS + 2000)).isCurrent);
});
