import test from 'ava';
import { readKeyCounts, withEarlierUse } from '../../../src/domain/tokens/key-counts.ts';
import { MemoryStatistics } from '../../support/memory-statistics.ts';

const TIMELESS = { minuteMs: -1, hourMs: -1, dayMs: -1, lastSeenMs: 1 };

test('of the keys asked for, and of no other, all that was ever counted is told', async t => {
  const store = new MemoryStatistics();
  const rows = [
    { series: 'k one', ...TIMELESS, values: { requests: 10, errors: 3, aborted: 2, tokens_input: 99 } },
    { series: 'k one-more', ...TIMELESS, values: { requests: 1 } },
    { series: 'km one gpt-4o', ...TIMELESS, values: { requests: 10 } },
  ];
  const flush = () => store.add({ writer: 'w', sequence: 1, rows });
  const counts = await readKeyCounts(['one', 'two'], { store, flush });
  t.deepEqual([...counts], [['one', { requests: 10, successes: 5, failures: 3 }]]);
  t.is(store.queries.length, 0, 'the other series are not read');
});

test('counts that are being written for long are not waited for', async t => {
  const store = new MemoryStatistics();
  await store.add({
    writer: 'w',
    sequence: 1,
    rows: [{ series: 'k one', ...TIMELESS, values: { requests: 1 } }],
  });
  const counts = await readKeyCounts(['one'], { store, flush: () => new Promise(() => {}) });
  t.is(counts.get('one')?.requests, 1);
});

test('a store that is away says so', async t => {
  const store = new MemoryStatistics();
  store.outage = 'before';
  await t.throwsAsync(readKeyCounts(['one'], { store, flush: async () => {} }), {
    code: 'ERR_STORE_UNAVAILABLE',
  });
  t.is((await readKeyCounts([], { store, flush: async () => {} })).size, 0, 'nothing asked, nothing read');
});

test('what was counted before a key came here is added', t => {
  const counted = { requests: 10, successes: 5, failures: 3 };
  t.deepEqual(withEarlierUse(counted, undefined), counted);
  t.deepEqual(withEarlierUse(undefined, undefined), { requests: 0, successes: 0, failures: 0 });
  t.deepEqual(withEarlierUse(counted, { requests: 100, failures: 1 }), {
    requests: 110,
    successes: 104,
    failures: 4,
  });
  // droid2api counts failed tests among the errors, but not among the requests.
  t.deepEqual(withEarlierUse(undefined, { requests: 1, failures: 4 }), {
    requests: 1,
    successes: 0,
    failures: 4,
  });
});
