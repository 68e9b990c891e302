import test from 'ava';
import { Calendar } from '../../../src/domain/statistics/calendar.ts';
import { Recorder, type RecorderLimits } from '../../../src/domain/statistics/recorder.ts';
import type { CounterRow } from '../../../src/stores/types.ts';
import { exchangeOf, NOON_MS, recordAll } from './exchange.ts';

function recorderWith(limits: Partial<RecorderLimits> = {}, timeZone = 'UTC'): Recorder {
  return new Recorder({ calendar: new Calendar(timeZone), limits });
}

function seriesOf(rows: readonly CounterRow[]): string[] {
  return rows.map(row => row.series).sort();
}

test('one exchange counts for its endpoint, its prefix and the whole', t => {
  const recorder = recorderWith();
  recordAll(recorder, [{ durationMs: 42.6, firstByteMs: 7, endedAtMs: NOON_MS + 61_234 }]);
  const rows = recorder.take();
  t.deepEqual(seriesOf(rows), ['all', 'e /openai POST /v1/chat/completions', 'p /openai']);
  for (const row of rows) {
    t.deepEqual(
      { ...row, series: '' },
      {
        series: '',
        minuteMs: NOON_MS + 60_000,
        hourMs: NOON_MS,
        dayMs: NOON_MS - 12 * 3_600_000,
        lastSeenMs: NOON_MS + 61_234,
        values: {
          requests: 1,
          status_2xx: 1,
          bytes_in: 100,
          bytes_out: 1000,
          duration_sum_ms: 42,
          first_byte_sum_ms: 7,
          duration_le_50: 1,
          first_byte_le_7: 1,
        },
      },
    );
  }
  t.deepEqual(recorder.take(), []);
});

test('the row of all comes after the rows it sums up', t => {
  const recorder = recorderWith();
  recordAll(recorder, [{ prefix: '/a' }, { prefix: '/b' }]);
  t.is(recorder.take().at(-1)!.series, 'all');
});

test('each status counts once, and 499 is no error', t => {
  const recorder = recorderWith();
  const statuses = [101, 200, 204, 302, 400, 404, 499, 429, 500, 502, 999];
  recordAll(
    recorder,
    statuses.map(status => ({ status, firstByteMs: -1 })),
  );
  const { values } = recorder.take().at(-1)!;
  t.like(values, {
    requests: 11,
    errors: 6,
    aborted: 1,
    status_1xx: 1,
    status_2xx: 2,
    status_3xx: 1,
    status_4xx: 4,
    status_5xx: 3,
    duration_le_20: 11,
  });
  t.false(Object.keys(values).some(name => name.startsWith('first_byte')));
});

test('fractions of a millisecond add up over many takes', t => {
  const recorder = recorderWith();
  let sumMs = 0;
  for (let round = 0; round < 10; round += 1) {
    recordAll(recorder, [{ durationMs: 0.25 }]);
    sumMs += recorder.take().at(-1)!.values.duration_sum_ms ?? 0;
  }
  t.is(sumMs, 2);
});

test('minutes are told apart, days follow the time zone, and the clock may step back', t => {
  const recorder = recorderWith({}, 'Asia/Kolkata');
  const midnightMs = Date.UTC(2026, 0, 15, 18, 30);
  recordAll(recorder, [
    { endedAtMs: midnightMs - 1 },
    { endedAtMs: midnightMs },
    { endedAtMs: midnightMs - 1 },
    { endedAtMs: midnightMs + 3_600_000 },
  ]);
  const all = recorder.take().filter(row => row.series === 'all');
  const places = all.map(({ minuteMs, hourMs, dayMs }) =>
    [minuteMs, hourMs, dayMs].map(ms => ms - midnightMs),
  );
  const before = [-60_000, -3_600_000, -86_400_000];
  t.deepEqual(places, [before, [0, 0, 0], before, [3_600_000, 3_600_000, 0]]);
  t.is(all[2]!.values.requests, 1);
});

test('open streams are those that began and did not end', t => {
  const recorder = recorderWith();
  recorder.opened();
  recorder.opened();
  t.is(recorder.openStreams, 2);
  recorder.record(exchangeOf());
  t.is(recorder.openStreams, 1);
});

test('the query is no part of an endpoint and ids share one', t => {
  const recorder = recorderWith();
  recordAll(recorder, [
    { path: '/v1/files/file-abc123?x=1' },
    { path: '/v1/files/file-def456' },
    { path: '/v1/models?key=secret' },
    { path: '/v1/models' },
    { path: '' },
    { path: '?a' },
  ]);
  const endpoints = recorder.take().filter(row => row.series.startsWith('e '));
  t.deepEqual(
    endpoints.map(row => [row.series, row.values.requests]),
    [
      ['e /openai POST /v1/files/:id', 2],
      ['e /openai POST /v1/models', 2],
      ['e /openai POST /', 2],
    ],
  );
});

test('names that objects have themselves are names like others', t => {
  const recorder = recorderWith();
  recordAll(recorder, [{ prefix: '/__proto__', path: '/constructor', method: 'toString' }]);
  t.deepEqual(seriesOf(recorder.take()), ['all', 'e /__proto__ toString /constructor', 'p /__proto__']);
});

test('above the limit endpoints count under :other and the sums stay right', t => {
  const recorder = recorderWith({ endpointsPerPrefix: 2 });
  recordAll(
    recorder,
    ['/a', '/b', '/c', '/d', '/a'].map(path => ({ path })),
  );
  recordAll(recorder, [{ prefix: '/claude', path: '/c' }]);
  const requests = new Map(recorder.take().map(row => [row.series, row.values.requests]));
  t.deepEqual(
    requests,
    new Map([
      ['e /openai POST /a', 2],
      ['e /openai POST /b', 1],
      ['e /openai POST :other', 2],
      ['e /claude POST /c', 1],
      ['p /openai', 5],
      ['p /claude', 1],
      ['all', 6],
    ]),
  );
});

test('the limit over all prefixes holds too', t => {
  const recorder = recorderWith({ endpoints: 1 });
  recordAll(recorder, [
    { prefix: '/a', path: '/x' },
    { prefix: '/b', path: '/x' },
  ]);
  t.deepEqual(seriesOf(recorder.take()), ['all', 'e /a POST /x', 'e /b POST :other', 'p /a', 'p /b']);
});

test('a path gets a name by an answer that is not 4xx and keeps it then', t => {
  const recorder = recorderWith();
  recordAll(recorder, [
    { path: '/wp-login.php', status: 404 },
    { path: '/v1/models', status: 401 },
    { path: '/v1/models', status: 200 },
    { path: '/v1/models', status: 401 },
  ]);
  const requests = recorder.take().map(row => [row.series, row.values.requests]);
  t.deepEqual(requests.slice(0, 2), [
    ['e /openai POST :other', 2],
    ['e /openai POST /v1/models', 2],
  ]);
});

test('a name that was not seen for a day gives its place up', t => {
  const recorder = recorderWith({ endpointsPerPrefix: 1 });
  const dayMs = 24 * 3_600_000;
  recordAll(recorder, [
    { path: '/old', endedAtMs: NOON_MS },
    { path: '/new', endedAtMs: NOON_MS + dayMs },
    { path: '/new', endedAtMs: NOON_MS + dayMs + 3_600_000 },
    { path: '/old', endedAtMs: NOON_MS + dayMs + 3_600_000 },
  ]);
  const endpoints = recorder.take().filter(row => row.series.startsWith('e '));
  t.deepEqual(
    endpoints.map(row => row.series.slice('e /openai POST '.length)),
    ['/old', ':other', '/new', ':other'],
  );
});

test('recent figures cover 10 s of requests and 60 s of times, and forget', t => {
  const recorder = recorderWith();
  const ended = (secondsAgo: number, parts = {}) => ({ endedAtMs: NOON_MS - secondsAgo * 1000, ...parts });
  recordAll(recorder, [
    ended(61, { durationMs: 5000 }),
    ended(59, { status: 500, durationMs: 40 }),
    ended(10),
    ended(9),
    ended(1),
    ended(0),
  ]);
  const recent = recorder.recent(NOON_MS + 1000 - 1);
  t.like(recent, { requests: 5, errors: 1, durationSumMs: 120 });
  t.is(recent.requestsPerSecond, 3 / 9.999);
  t.is(
    recent.durations.reduce((sum, count) => sum + count),
    5,
  );
  t.is(recorder.recent(NOON_MS + 120_000).requests, 0);
});

test('a second of the ring is emptied before it is used again', t => {
  const recorder = recorderWith();
  recordAll(recorder, [{ endedAtMs: NOON_MS }, { endedAtMs: NOON_MS + 60_000 }]);
  t.is(recorder.recent(NOON_MS + 60_000).requests, 1);
});
