import test from 'ava';
import fc from 'fast-check';
import { Calendar, DAY_MS, HOUR_MS } from '../../../src/domain/statistics/calendar.ts';
import {
  type ProxiedExchange,
  Recorder,
  type RecorderLimits,
} from '../../../src/domain/statistics/recorder.ts';
import { WindowReader } from '../../../src/domain/statistics/windows.ts';
import type { CounterRow } from '../../../src/stores/types.ts';
import { MemoryStatistics } from '../../support/memory-statistics.ts';
import { NOON_MS, recordAll } from './exchange.ts';

const USAGE = { input: 100, output: 20, cached: 30, reasoning: 5 };
const TOKENS = { tokens_input: 100, tokens_output: 20, tokens_cached: 30, tokens_reasoning: 5 };

function recorderWith(limits: Partial<RecorderLimits> = {}): Recorder {
  return new Recorder({ calendar: new Calendar('UTC'), limits });
}

function pooled(parts: Partial<ProxiedExchange> = {}): Partial<ProxiedExchange> {
  return {
    prefix: '/v1',
    path: '/chat/completions',
    keyId: 'key-1',
    model: 'gpt-4o',
    usage: USAGE,
    ...parts,
  };
}

/** Series → its values, of one take. */
function valuesOf(recorder: Recorder): Map<string, CounterRow['values']> {
  return new Map(recorder.take().map(row => [row.series, row.values]));
}

test('tokens count for the key, the model, both, the endpoint, the prefix and the whole', t => {
  const recorder = recorderWith();
  recordAll(recorder, [pooled({ endedAtMs: NOON_MS + 125_000 })]);
  const rows = recorder.take();
  t.deepEqual(
    rows.map(({ series }) => series),
    ['e /v1 POST /chat/completions', 'p /v1', 'km key-1 gpt-4o', 'k key-1', 'm gpt-4o', 'all'],
  );
  for (const { series, values } of rows) t.like(values, { requests: 1, ...TOKENS }, series);
  const ofKey = rows.find(({ series }) => series === 'k key-1')!;
  t.deepEqual(ofKey, {
    series: 'k key-1',
    minuteMs: NOON_MS,
    hourMs: NOON_MS,
    dayMs: NOON_MS - 12 * HOUR_MS,
    values: { requests: 1, ...TOKENS },
    lastSeenMs: NOON_MS + 125_000,
    keepsLastSeen: false,
  });
  t.deepEqual(recorder.take(), []);
});

test('a key that was asked in vain has a request and an error; the model, the pair and the whole do not', t => {
  const recorder = recorderWith();
  recordAll(recorder, [pooled({ keyId: 'key-3', failedKeyIds: ['key-1', 'key-2', 'key-1'] })]);
  const values = valuesOf(recorder);
  t.deepEqual(values.get('k key-1'), { requests: 2, errors: 2 });
  t.deepEqual(values.get('k key-2'), { requests: 1, errors: 1 });
  t.deepEqual(values.get('k key-3'), { requests: 1, ...TOKENS });
  t.false(values.has('km key-1 gpt-4o'));
  for (const series of ['m gpt-4o', 'p /v1', 'all']) t.like(values.get(series), { requests: 1 }, series);
  recordAll(recorder, [pooled({ keyId: 'key-3' })]);
  t.false(valuesOf(recorder).has('k key-1'), 'once');
});

test('keys and models add up over their exchanges', t => {
  const recorder = recorderWith();
  recordAll(recorder, [
    pooled(),
    pooled({ model: 'o3', status: 500, usage: undefined }),
    pooled({ keyId: 'key-2' }),
    pooled({ keyId: 'key-2', status: 499 }),
  ]);
  const values = valuesOf(recorder);
  t.deepEqual(values.get('k key-1'), { requests: 2, errors: 1, ...TOKENS });
  t.deepEqual(values.get('k key-2'), {
    requests: 2,
    aborted: 1,
    tokens_input: 200,
    tokens_output: 40,
    tokens_cached: 60,
    tokens_reasoning: 10,
  });
  t.like(values.get('m gpt-4o'), { requests: 3, tokens_input: 300 });
  t.like(values.get('km key-2 gpt-4o'), { requests: 2, tokens_input: 200 });
  t.like(values.get('all'), { requests: 4, tokens_output: 60 });
});

const withoutUsage: readonly [string, Partial<ProxiedExchange>, boolean][] = [
  ['a good answer', { status: 200 }, true],
  ['an answer that its client did not wait for', { status: 499, firstByteMs: 4 }, true],
  ['a client that left before any answer', { status: 499, firstByteMs: -1 }, false],
  ['a refused request', { status: 400 }, false],
  ['a failure', { status: 502 }, false],
  ['a redirect', { status: 302 }, false],
  ['a list', { method: 'GET' }, false],
  ['an answer of our own', { keyId: undefined }, false],
];

for (const [title, parts, isUnknown] of withoutUsage) {
  test(`without usage, ${title} ${isUnknown ? 'counts as unknown' : 'used nothing'}`, t => {
    const recorder = recorderWith();
    recordAll(recorder, [pooled({ ...parts, usage: undefined })]);
    for (const [series, values] of valuesOf(recorder)) {
      t.is(values.usage_unknown, isUnknown ? 1 : undefined, series);
    }
  });
}

test('a usage of nothing is known', t => {
  const recorder = recorderWith();
  recordAll(recorder, [pooled({ usage: { input: 0, output: 0, cached: 0, reasoning: 0 } })]);
  t.deepEqual(valuesOf(recorder).get('k key-1'), { requests: 1 });
});

test('what GET tells again is not counted again', t => {
  const recorder = recorderWith();
  recordAll(recorder, [pooled({ method: 'GET', path: '/responses/resp_1' })]);
  const values = valuesOf(recorder);
  t.deepEqual(values.get('k key-1'), { requests: 1 });
  t.is(values.get('all')!.tokens_input, undefined);
});

test('numbers that no count can be do no harm', t => {
  const recorder = recorderWith();
  recordAll(recorder, [
    pooled({ usage: { input: -5, output: Number.NaN, cached: 2.7, reasoning: Number.POSITIVE_INFINITY } }),
  ]);
  t.deepEqual(valuesOf(recorder).get('k key-1'), { requests: 1, tokens_cached: 2, tokens_reasoning: 1e9 });
});

test('a request that got no key counts for its model, and one without a model for its key', t => {
  const recorder = recorderWith();
  recordAll(recorder, [pooled()]);
  recorder.take();
  recordAll(recorder, [
    pooled({ keyId: undefined, status: 429, usage: undefined }),
    pooled({ model: undefined }),
    pooled({ model: '' }),
  ]);
  const values = valuesOf(recorder);
  t.deepEqual(values.get('m gpt-4o'), { requests: 1, errors: 1 });
  t.like(values.get('k key-1'), { requests: 2, tokens_input: 200 });
  t.deepEqual(
    [...values.keys()].filter(series => /^(k|m|km) /.test(series)),
    ['k key-1', 'm gpt-4o', 'm :none'],
  );
});

test('a model gets a name by an answer that is no error, as long as there is room', t => {
  const recorder = recorderWith({ models: 2 });
  recordAll(recorder, [
    pooled({ model: 'made-up', status: 404, usage: undefined }),
    pooled({ model: 'a' }),
    pooled({ model: 'b' }),
    pooled({ model: 'c' }),
    pooled({ model: 'a', status: 500, usage: undefined }),
  ]);
  const models = [...valuesOf(recorder)].filter(([series]) => series.startsWith('m '));
  t.deepEqual(
    models.map(([series, values]) => [series, values.requests]),
    [
      ['m :other', 2],
      ['m a', 2],
      ['m b', 1],
    ],
  );
});

test('a model may have any name, within bounds', t => {
  const recorder = recorderWith();
  const names = ['__proto__', 'a b  c', 'line\nbreak\u0000', 'x'.repeat(5000), '模型', '\ud800'];
  recordAll(
    recorder,
    names.map(model => pooled({ model })),
  );
  const models = [...valuesOf(recorder).keys()].filter(series => series.startsWith('m '));
  t.deepEqual(models, [
    'm __proto__',
    'm a b  c',
    'm line\u{fffd}break\u{fffd}',
    `m ${'x'.repeat(128)}…`,
    'm 模型',
    'm \u{fffd}',
  ]);
});

test('keys above the limit count in total alone, pairs above it only for key and model', t => {
  const recorder = recorderWith({ keys: 1, pairs: 1 });
  recordAll(recorder, [pooled(), pooled({ keyId: 'key-2' }), pooled({ keyId: 'key-2' })]);
  const rows = recorder.take();
  const hourOf = new Map(rows.map(({ series, hourMs }) => [series, hourMs]));
  t.is(hourOf.get('k key-1'), NOON_MS);
  t.is(hourOf.get('k key-2'), -1);
  t.true(hourOf.has('km key-1 gpt-4o'));
  t.false(hourOf.has('km key-2 gpt-4o'));
  t.is(rows.find(({ series }) => series === 'k key-2')!.values.requests, 2);
  t.is(rows.find(({ series }) => series === 'm gpt-4o')!.values.requests, 3);
});

test('a name that was not used for a day gives its place up', t => {
  const recorder = recorderWith({ keys: 1, models: 1 });
  const seriesAt = (endedAtMs: number, parts: Partial<ProxiedExchange>) => {
    recordAll(recorder, [pooled({ ...parts, endedAtMs })]);
    return recorder
      .take()
      .filter(({ series, hourMs }) => /^[km] /.test(series) && hourMs > 0)
      .map(({ series }) => series);
  };
  t.deepEqual(seriesAt(NOON_MS, {}), ['k key-1', 'm gpt-4o']);
  const other = { keyId: 'key-2', model: 'o3' };
  t.deepEqual(seriesAt(NOON_MS + DAY_MS, other), ['m :other']);
  t.deepEqual(seriesAt(NOON_MS + DAY_MS + HOUR_MS, other), ['k key-2', 'm o3']);
  t.deepEqual(seriesAt(NOON_MS + DAY_MS + HOUR_MS, {}), ['m :other']);
});

test('exchanges of the prefix proxy have no series of keys and models', t => {
  const recorder = recorderWith();
  recordAll(recorder, [{}, { prefix: '/v1/x' }]);
  t.false([...valuesOf(recorder).keys()].some(series => /^(k|m|km) /.test(series)));
});

test('tokens are shown where the pool is, and nowhere else', async t => {
  const calendar = new Calendar('UTC');
  const statistics = new MemoryStatistics();
  const recorder = new Recorder({ calendar });
  const reader = new WindowReader({ store: statistics, calendar, cacheMs: 0 });
  const request = { window: '24h', nowMs: NOON_MS, withEndpoints: true } as const;
  const store = async (exchanges: Partial<ProxiedExchange>[]) => {
    recordAll(recorder, exchanges);
    const sequence = statistics.received.length + 1;
    await statistics.add({ writer: 'w', sequence, rows: recorder.take() });
    return reader.read(request);
  };
  const none = { input: 0, output: 0, cached: 0, reasoning: 0, unknown: 0 };
  const before = await store([
    {},
    pooled({ keyId: undefined, model: undefined, usage: undefined, status: 401 }),
  ]);
  t.is(before.totals.tokens, undefined);
  t.deepEqual(
    before.prefixes.map(({ prefix, tokens }) => [prefix, tokens]),
    [
      ['/openai', undefined],
      ['/v1', none],
    ],
  );
  const after = await store([pooled(), pooled({ usage: undefined })]);
  t.deepEqual(after.totals.tokens, { ...USAGE, unknown: 1 });
  const pool = after.prefixes.find(({ prefix }) => prefix === '/v1')!;
  t.deepEqual(pool.tokens, { ...USAGE, unknown: 1 });
  t.deepEqual(
    pool.endpoints!.map(({ endpoint, tokens }) => [endpoint, tokens]),
    [
      ['POST /chat/completions', { ...USAGE, unknown: 1 }],
      ['POST :other', none],
    ],
  );
});

test('sums over keys and over models equal the sum of all, whatever the limits', t => {
  const drawn = fc.array(
    fc.record({
      keyId: fc.constantFrom('a', 'b', 'c'),
      model: fc.constantFrom('x', 'y', 'z'),
      status: fc.constantFrom(200, 200, 404, 499, 500),
      endedAtMs: fc.constantFrom(NOON_MS, NOON_MS + 60_000, NOON_MS + HOUR_MS),
      usage: fc.option(
        fc.record({ input: fc.nat(9), output: fc.nat(9), cached: fc.nat(9), reasoning: fc.nat(9) }),
        { nil: undefined },
      ),
    }),
    { maxLength: 30 },
  );
  const limits = fc.record({ keys: fc.nat(3), models: fc.nat(3), pairs: fc.nat(4) });
  fc.assert(
    fc.property(drawn, limits, (exchanges, bounds) => {
      const recorder = recorderWith(bounds);
      recordAll(
        recorder,
        exchanges.map(exchange => pooled(exchange)),
      );
      const sums = new Map<string, number>();
      for (const { series, values } of recorder.take()) {
        const [family] = series.split(' ');
        for (const name of [
          'requests',
          'errors',
          'aborted',
          'tokens_input',
          'tokens_cached',
          'usage_unknown',
        ]) {
          const key = `${family} ${name}`;
          sums.set(key, (sums.get(key) ?? 0) + (values[name] ?? 0));
        }
      }
      for (const [key, sum] of sums) {
        const [family, name] = key.split(' ');
        if (family === 'km') t.true(sum <= (sums.get(`all ${name}`) ?? 0));
        else t.is(sum, sums.get(`all ${name}`) ?? 0, key);
      }
    }),
  );
});
