import test from 'ava';
import fc from 'fast-check';
import { Calendar, DAY_MS, HOUR_MS } from '../../../src/domain/statistics/calendar.ts';
import { Flusher, type SpooledCounters } from '../../../src/domain/statistics/flusher.ts';
import {
  type ProxiedExchange,
  Recorder,
  type RecorderLimits,
} from '../../../src/domain/statistics/recorder.ts';
import { WINDOW_NAMES } from '../../../src/domain/statistics/window-plan.ts';
import { TokenReports, type TokenReportsOptions } from '../../../src/domain/tokens/token-reports.ts';
import { capturedLog } from '../../support/captured-log.ts';
import { MemoryFile, MemoryStatistics } from '../../support/memory-statistics.ts';
import { NOON_MS, recordAll } from '../statistics/exchange.ts';

type Pooled = Partial<ProxiedExchange> & { ageMs?: number };

const USAGE = { input: 100, output: 20, cached: 30, reasoning: 5 };

function bench(
  options: Partial<TokenReportsOptions> & {
    timeZone?: string;
    nowMs?: number;
    limits?: Partial<RecorderLimits>;
  } = {},
) {
  const { timeZone = 'Asia/Shanghai', nowMs = NOON_MS, limits = {}, ...rest } = options;
  const store = new MemoryStatistics();
  const calendar = new Calendar(timeZone);
  const recorder = new Recorder({ calendar, limits });
  const flusher = new Flusher({
    recorder,
    store,
    spool: new MemoryFile<SpooledCounters>(),
    log: capturedLog().log,
    nowMs: () => nowMs,
  });
  const reports = new TokenReports({
    store,
    calendar,
    flush: () => flusher.flush(),
    syncKeys: async () => 0,
    cacheMs: 0,
    ...rest,
  });
  const record = (...exchanges: Pooled[]) =>
    recordAll(
      recorder,
      exchanges.map(({ ageMs = 0, ...parts }) => ({
        prefix: '/v1',
        path: '/chat/completions',
        keyId: 'key-1',
        model: 'gpt-4o',
        usage: USAGE,
        endedAtMs: nowMs - ageMs,
        ...parts,
      })),
    );
  return { store, reports, record, flusher, calendar };
}

test('usage is told by key, by model and by endpoint, most tokens first', async t => {
  const { reports, record } = bench({
    labelOf: id => (id === 'key-1' ? { hint: 'sk-…a1b2', notes: 'team A' } : undefined),
  });
  record(
    {},
    { status: 500, usage: undefined },
    { keyId: 'key-2', usage: { input: 1000, output: 1, cached: 0, reasoning: 0 } },
    { keyId: 'key-2', model: 'o3', usage: undefined },
    { keyId: 'key-2', model: 'o3', status: 499, path: '/responses' },
  );
  const read = (by: 'key' | 'model' | 'endpoint') => reports.readUsage({ window: '24h', by, nowMs: NOON_MS });
  const keys = await read('key');
  t.deepEqual(keys.rows[1], {
    name: 'key-1',
    hint: 'sk-…a1b2',
    notes: 'team A',
    requests: 2,
    successes: 1,
    failures: 1,
    successRate: 0.5,
    inputTokens: 100,
    outputTokens: 20,
    cachedTokens: 30,
    reasoningTokens: 5,
    totalTokens: 120,
    unknownUsage: 0,
  });
  t.like(keys.rows[0], {
    name: 'key-2',
    requests: 3,
    successes: 2,
    successRate: 1,
    totalTokens: 1121,
    unknownUsage: 1,
  });
  t.false('hint' in keys.rows[0]!);
  const models = await read('model');
  t.deepEqual(
    models.rows.map(({ name, totalTokens, unknownUsage }) => [name, totalTokens, unknownUsage]),
    [
      ['gpt-4o', 1121, 0],
      ['o3', 120, 1],
    ],
  );
  const endpoints = await read('endpoint');
  t.deepEqual(
    endpoints.rows.map(({ name, totalTokens }) => [name, totalTokens]),
    [
      ['POST /chat/completions', 1121],
      ['POST :other', 120],
    ],
  );
  for (const { totals, fromMs, toMs } of [keys, models, endpoints]) {
    t.like(totals, {
      requests: 5,
      successes: 3,
      failures: 1,
      successRate: 0.75,
      totalTokens: 1241,
      unknownUsage: 1,
    });
    t.deepEqual([fromMs, toMs], [NOON_MS + HOUR_MS - DAY_MS, NOON_MS + HOUR_MS]);
  }
});

test('without requests there is no success rate', async t => {
  const { reports, record } = bench();
  const empty = await reports.readUsage({ window: 'total', by: 'key', nowMs: NOON_MS });
  t.deepEqual(empty.rows, []);
  t.like(empty, { fromMs: null, toMs: null });
  t.is(empty.totals.successRate, null);
  record({ status: 499 });
  const left = await reports.readUsage({ window: 'total', by: 'key', nowMs: NOON_MS });
  t.like(left.totals, { requests: 1, successes: 0, successRate: null });
});

const ZONES = ['UTC', 'Asia/Shanghai', 'Asia/Kolkata', 'America/New_York', 'Australia/Lord_Howe'];

const drawn = fc.record({
  ageMs: fc.oneof(
    fc.integer({ min: 0, max: 40 * DAY_MS }),
    fc
      .tuple(
        fc.constantFrom(DAY_MS, 7 * DAY_MS, 30 * DAY_MS),
        fc.integer({ min: -2 * HOUR_MS, max: 2 * HOUR_MS }),
      )
      .map(([spanMs, off]) => spanMs + off),
  ),
  keyId: fc.constantFrom('a', 'b', 'c'),
  model: fc.constantFrom('x', 'y', undefined),
  path: fc.constantFrom('/chat/completions', '/responses'),
  usage: fc.record({ input: fc.nat(50), output: fc.nat(50), cached: fc.nat(9), reasoning: fc.nat(9) }),
});

test('every window equals a recount, in every zone, also while time passes and counts come late', async t => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...ZONES),
      fc.integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2027, 0, 1) }),
      fc.array(fc.record({ passedMs: fc.nat(3 * HOUR_MS), exchanges: fc.array(drawn, { maxLength: 8 }) }), {
        minLength: 1,
        maxLength: 5,
      }),
      async (timeZone, startMs, steps) => {
        const { reports, record } = bench({ timeZone, nowMs: startMs });
        const all: { endedAtMs: number; tokens: number; key: string; model: string; endpoint: string }[] = [];
        let nowMs = startMs;
        for (const { passedMs, exchanges } of steps) {
          nowMs += passedMs;
          for (const { ageMs, ...exchange } of exchanges) {
            const endedAtMs = nowMs - ageMs;
            record({ ...exchange, endedAtMs });
            all.push({
              endedAtMs,
              tokens: exchange.usage.input + exchange.usage.output,
              key: exchange.keyId,
              model: exchange.model ?? ':none',
              endpoint: `POST ${exchange.path}`,
            });
          }
          for (const window of WINDOW_NAMES) {
            for (const by of ['key', 'model', 'endpoint'] as const) {
              const usage = await reports.readUsage({ window, by, nowMs });
              const from = usage.fromMs ?? 0;
              const to = usage.toMs ?? Number.POSITIVE_INFINITY;
              const held = all.filter(({ endedAtMs }) => endedAtMs >= from && endedAtMs < to);
              t.is(usage.totals.requests, held.length);
              const sums = new Map<string, number>();
              for (const exchange of held)
                sums.set(exchange[by], (sums.get(exchange[by]) ?? 0) + exchange.tokens);
              const shown = usage.rows.map(({ name, totalTokens }) => [name, totalTokens] as const);
              t.deepEqual(shown.toSorted(), [...sums].sort());
            }
          }
        }
      },
    ),
    { numRuns: 25 },
  );
});

test('24h is 24 hours on the day that has 25', async t => {
  const nowMs = Date.UTC(2026, 10, 2, 4, 30);
  const { reports, record } = bench({ timeZone: 'America/New_York', nowMs });
  record({ ageMs: 23 * HOUR_MS }, { ageMs: 24 * HOUR_MS }, {});
  const { totals, fromMs, toMs } = await reports.readUsage({ window: '24h', by: 'key', nowMs });
  t.is(toMs! - fromMs!, DAY_MS);
  t.is(totals.requests, 2);
});

test('the summary has today, all time, a heat map of local hours, days and rankings', async t => {
  const { reports, record } = bench();
  const local = (day: number, hour: number) => ({ endedAtMs: Date.UTC(2026, 0, day, hour - 8) });
  record(
    {},
    { ...local(15, 0), keyId: 'key-2' },
    { ...local(14, 23), status: 502, usage: undefined },
    { ...local(14, 23), model: 'o3' },
    { endedAtMs: NOON_MS - 200 * DAY_MS, keyId: 'old' },
    { prefix: '/v1beta', keyId: undefined, model: undefined, usage: undefined },
  );
  const summary = await reports.readSummary(NOON_MS);
  t.is(summary.timeZone, 'Asia/Shanghai');
  t.like(summary.today, { requests: 2, totalTokens: 240, successRate: 1 });
  t.false('day' in summary.today);
  t.like(summary.totals, { requests: 5, totalTokens: 480, failures: 1 });
  t.is(summary.heatMap.days.length, 30);
  t.is(summary.heatMap.days[0], '2025-12-17');
  t.is(summary.heatMap.days.at(-1), '2026-01-15');
  t.true(summary.heatMap.tokens.every(hours => hours.length === 24));
  t.deepEqual(
    summary.heatMap.tokens
      .slice(-2)
      .map(hours => hours.flatMap((tokens, hour) => (tokens > 0 ? [[hour, tokens]] : []))),
    [
      [[23, 120]],
      [
        [0, 120],
        [20, 120],
      ],
    ],
  );
  t.deepEqual(
    summary.days.slice(-2).map(({ day, requests, totalTokens }) => [day, requests, totalTokens]),
    [
      ['2026-01-14', 2, 120],
      ['2026-01-15', 2, 240],
    ],
  );
  t.deepEqual(
    summary.keys.map(({ name, totalTokens }) => [name, totalTokens]),
    [
      ['key-1', 240],
      ['key-2', 120],
    ],
  );
  t.deepEqual(
    summary.models.map(({ name, totalTokens }) => [name, totalTokens]),
    [
      ['gpt-4o', 240],
      ['o3', 120],
    ],
  );
});

test('keys that have no hours of their own are in all time, and in the totals of every window', async t => {
  const { reports, record } = bench({ limits: { keys: 1 } });
  record({}, { keyId: 'key-2' });
  const names = async (window: '7d' | 'total') => {
    const { rows, totals } = await reports.readUsage({ window, by: 'key', nowMs: NOON_MS });
    return [totals.requests, ...rows.map(({ name }) => name)];
  };
  t.deepEqual(await names('total'), [2, 'key-1', 'key-2']);
  t.deepEqual(await names('7d'), [2, 'key-1']);
});

test('the endpoints of the pool are counted since the first start', async t => {
  const { reports, record } = bench();
  record({}, { path: '/responses?x=1' }, {}, { ageMs: 100 * DAY_MS, status: 500 });
  record({ prefix: '/openai', keyId: undefined, model: undefined });
  t.deepEqual(await reports.readEndpoints(NOON_MS), [
    { endpoint: 'POST /chat/completions', requests: 3, errors: 1 },
    { endpoint: 'POST /responses', requests: 1, errors: 0 },
  ]);
});

test('questions at the same time, and within two seconds, are answered once', async t => {
  const { store, reports, record } = bench({ cacheMs: 2000 });
  record({});
  const ask = (nowMs: number) => reports.readUsage({ window: '7d', by: 'key', nowMs });
  const [one, two] = await Promise.all([ask(NOON_MS), ask(NOON_MS)]);
  t.is(one, two);
  const { length } = store.queries;
  t.is(await ask(NOON_MS + 1999), one);
  t.is(store.queries.length, length);
  t.not(await ask(NOON_MS + 2000), one);
});

test('days that were added up are not read again within the hour', async t => {
  const { store, reports, record } = bench();
  record({ ageMs: 10 * DAY_MS }, { ageMs: 20 * DAY_MS });
  const ask = async (nowMs: number) => {
    const before = store.queries.length;
    const { totals } = await reports.readUsage({ window: '30d', by: 'key', nowMs });
    const days = store.queries
      .slice(before)
      .filter(({ tier, seriesPrefixes }) => tier === 'day' && seriesPrefixes!.includes('k '));
    return {
      requests: totals.requests,
      spanDays: days.reduce((sum, { fromMs, toMs }) => sum + (toMs - fromMs), 0) / DAY_MS,
    };
  };
  t.deepEqual(await ask(NOON_MS), { requests: 2, spanDays: 30 });
  t.deepEqual(await ask(NOON_MS + 60_000), { requests: 2, spanDays: 1 });
  record({ ageMs: 5 * DAY_MS });
  t.deepEqual(await ask(NOON_MS + 120_000), { requests: 3, spanDays: 30 });
});

test('a store that is away is said', async t => {
  const { store, reports } = bench();
  store.outage = 'before';
  const code = 'ERR_STORE_UNAVAILABLE';
  await t.throwsAsync(reports.readUsage({ window: '24h', by: 'model', nowMs: NOON_MS }), { code });
  await t.throwsAsync(reports.readSummary(NOON_MS), { code });
  await t.throwsAsync(reports.cleanUp(NOON_MS), { code });
});

test('cleaning up deletes times of keys and models, and nothing else', async t => {
  const { store, reports } = bench();
  await reports.cleanUp(NOON_MS);
  t.deepEqual(store.pruned, [
    {
      minuteBeforeMs: NOON_MS,
      hourBeforeMs: NOON_MS,
      dayBeforeMs: NOON_MS,
      writerBeforeMs: 0,
      families: ['k', 'm', 'km'],
    },
  ]);
});

test('a sync tells of how many keys usage is known, and what was kept is read anew', async t => {
  const { store, reports, record } = bench({ cacheMs: 60_000, syncKeys: async () => 7 });
  record({});
  await reports.readUsage({ window: '7d', by: 'key', nowMs: NOON_MS });
  const { length } = store.queries;
  t.is(await reports.sync(), 7);
  await reports.readUsage({ window: '7d', by: 'key', nowMs: NOON_MS });
  t.is(store.queries.length, 2 * length);
});
