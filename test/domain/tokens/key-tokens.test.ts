import test from 'ava';
import { Calendar } from '../../../src/domain/statistics/calendar.ts';
import { Recorder } from '../../../src/domain/statistics/recorder.ts';
import { KeyTokensFeed, readKeyTokens } from '../../../src/domain/tokens/key-tokens.ts';
import { capturedLog } from '../../support/captured-log.ts';
import { MemoryStatistics } from '../../support/memory-statistics.ts';
import { NOON_MS, recordAll } from '../statistics/exchange.ts';

function bench() {
  const store = new MemoryStatistics();
  const recorder = new Recorder({ calendar: new Calendar('UTC'), limits: { keys: 1 } });
  const flush = async () => {
    const sequence = store.received.length + 1;
    await store.add({ writer: 'w', sequence, rows: recorder.take() });
  };
  const use = (keyId: string, tokens: number, ageMs = 0) =>
    recordAll(recorder, [
      {
        prefix: '/v1',
        path: '/responses',
        keyId,
        model: 'x y',
        usage: { input: tokens - 1, output: 1, cached: 3, reasoning: 1 },
        endedAtMs: NOON_MS - ageMs,
      },
    ]);
  return { store, flush, use };
}

test('the tokens of every key are known for all time, also of keys that have no hours', async t => {
  const { store, flush, use } = bench();
  use('a', 10, 1e11);
  use('a', 5);
  use('b', 7);
  await flush();
  t.deepEqual(
    await readKeyTokens(store),
    new Map([
      ['a', 15],
      ['b', 7],
    ]),
  );
});

test('the pool is told at the start and every minute, with what waits in this process', async t => {
  const { store, flush, use } = bench();
  const told: (number | undefined)[] = [];
  const delays: number[] = [];
  let task = () => {};
  let clockMs = 0;
  const slowStore = {
    read: async (query: Parameters<typeof store.read>[0]) => {
      clockMs += told.length === 0 ? 1 : 100;
      return store.read(query);
    },
  };
  const again = () => {
    const read = Promise.withResolvers<void>();
    onTold = read.resolve;
    task();
    return read.promise;
  };
  let onTold = () => {};
  const feed = new KeyTokensFeed({
    store: slowStore,
    flush,
    pool: {
      setUsage: tokens => {
        told.push(tokens.get('a'));
        onTold();
      },
    },
    log: capturedLog().log,
    schedule: (next, delayMs) => {
      task = next;
      delays.push(delayMs);
      return () => {
        task = () => t.fail('stopped');
      };
    },
    elapsedMs: () => clockMs,
  });
  use('a', 10);
  await feed.start();
  use('a', 5);
  await again();
  t.deepEqual(told, [10, 15]);
  t.deepEqual(delays, [60_000], 'the next time is set when this one is over');
  use('b', 1);
  t.is(await feed.refresh(), 2);
  t.deepEqual(delays, [60_000, 100_000], 'a slow reading is done less often');
  feed.stop();
});

test('a store that is away is warned of once and asked again', async t => {
  const { store } = bench();
  const captured = capturedLog();
  let task = async () => {};
  let tellings = 0;
  const feed = new KeyTokensFeed({
    store,
    flush: async () => {},
    pool: {
      setUsage: () => {
        tellings += 1;
      },
    },
    log: captured.log,
    schedule: () => () => {},
  });
  task = () => feed.start();
  store.outage = 'before';
  await task();
  await task();
  t.is(captured.lines.length, 1);
  await t.throwsAsync(feed.refresh(), { code: 'ERR_STORE_UNAVAILABLE' });
  store.outage = 'none';
  await task();
  t.is(tellings, 1);
  feed.stop();
});
