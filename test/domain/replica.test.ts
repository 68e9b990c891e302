import test from 'ava';
import { AppError } from '../../src/base/errors.ts';
import type { MappingTable } from '../../src/domain/mappings.ts';
import { type MappingCopy, MappingReplica, type ReplicaOptions } from '../../src/domain/replica.ts';
import type { LocalFile } from '../../src/stores/types.ts';
import { capturedLog } from '../support/captured-log.ts';

/** A store in memory whose answers the test can hold back, refuse and count. */
function memoryStore(rows: readonly (readonly [string, string])[] = []) {
  const watchers = new Set<() => void>();
  const store = {
    rows: new Map(rows),
    fails: false,
    reads: 0,
    fingerprints: [] as boolean[],
    /** Overrides the fingerprint, which is the rows' text otherwise. */
    mark: undefined as string | undefined,
    /** While set, reads wait for it. */
    gate: undefined as Promise<void> | undefined,
    hint() {
      for (const watcher of watchers) watcher();
    },
    watching: () => watchers.size,
    async fingerprint(options: { fresh?: boolean } = {}) {
      store.fingerprints.push(options.fresh ?? false);
      if (store.fails) throw new AppError('ERR_STORE_UNAVAILABLE', 'The store is away');
      return store.mark ?? JSON.stringify([...store.rows]);
    },
    async readAll() {
      store.reads += 1;
      const held = new Map(store.rows);
      await store.gate;
      if (store.fails) throw new AppError('ERR_STORE_UNAVAILABLE', 'The store is away');
      return held;
    },
    watch(onHint: () => void) {
      watchers.add(onHint);
      return () => watchers.delete(onHint);
    },
  };
  return store;
}

/** A clock that stands still: `tick` runs the comparison that is due. */
function heldClock() {
  let due: (() => void) | undefined;
  const delays: number[] = [];
  return {
    delays,
    waiting: () => due !== undefined,
    schedule: (task: () => void, delayMs: number) => {
      due = task;
      delays.push(delayMs);
      return () => {
        due = undefined;
      };
    },
    tick() {
      const task = due;
      due = undefined;
      task?.();
    },
  };
}

function memoryFile(
  value?: unknown,
): LocalFile<MappingCopy> & { value: unknown; fails: boolean; saves: number } {
  const file = {
    value,
    fails: false,
    saves: 0,
    load: async () => file.value as MappingCopy | undefined,
    save: async (saved: MappingCopy) => {
      file.saves += 1;
      if (file.fails) throw new Error('disk full');
      file.value = saved;
    },
    clear: async () => {
      file.value = undefined;
    },
  };
  return file;
}

function setUp(
  rows: readonly (readonly [string, string])[] = [['/a', 'https://a.example']],
  options: Partial<ReplicaOptions> = {},
) {
  const store = memoryStore(rows);
  const clock = heldClock();
  const captured = capturedLog();
  const changes: MappingTable[] = [];
  const replica = new MappingReplica({
    store,
    log: captured.log,
    onChange: table => changes.push(table),
    schedule: clock.schedule,
    ...options,
  });
  /** Runs the comparison that is due and waits until it has ended. */
  const compare = async () => {
    clock.tick();
    while (!clock.waiting()) await new Promise(resolve => setImmediate(resolve));
  };
  return { store, clock, replica, changes, compare, lines: captured.lines };
}

test('after the start it serves what the store holds', async t => {
  const { replica, store } = setUp();
  t.false(replica.loaded);
  await replica.start();
  t.true(replica.loaded);
  t.is(replica.state, 'ok');
  t.is(replica.table.find('/a/x')?.target.url, 'https://a.example');
  t.is(store.reads, 1);
});

test('an empty store counts as loaded', async t => {
  const { replica } = setUp([]);
  await replica.start();
  t.true(replica.loaded);
  t.is(replica.table.size, 0);
});

test('a hint brings a change in at once, the removal of the last row too', async t => {
  const { replica, store, changes } = setUp();
  await replica.start();
  store.rows.set('/b', 'https://b.example');
  store.hint();
  await replica.refresh();
  t.is(replica.table.size, 2);
  store.rows.clear();
  store.hint();
  await replica.refresh();
  t.is(replica.table.size, 0);
  t.is(changes.at(-1), replica.table);
});

test('without a hint the comparison brings a change in, twice a second', async t => {
  const { replica, store, clock, compare } = setUp();
  await replica.start();
  store.rows.set('/a', 'https://other.example');
  await compare();
  t.is(replica.table.get('/a')?.target.url, 'https://other.example');
  t.true(clock.delays.length === 2 && clock.delays.every(delayMs => delayMs === 500));
});

test('a hint asks for a fresh fingerprint, a comparison may share one', async t => {
  const { replica, store, compare } = setUp();
  await replica.start();
  await compare();
  await replica.refresh();
  t.deepEqual(store.fingerprints, [true, false, true]);
});

test('while nothing changes a comparison reads no rows and keeps the table', async t => {
  const { replica, store, changes, compare } = setUp();
  await replica.start();
  const { table } = replica;
  for (let round = 0; round < 5; round += 1) await compare();
  t.is(store.reads, 1);
  t.is(replica.table, table);
  t.is(changes.length, 1);
});

test('another fingerprint over the same rows keeps the table', async t => {
  const { replica, store, changes, compare } = setUp();
  await replica.start();
  const { table } = replica;
  store.mark = 'rewritten';
  await compare();
  await compare();
  t.is(store.reads, 2);
  t.is(replica.table, table);
  t.is(changes.length, 1);
});

test('any number of calls during a read share one more read after it', async t => {
  const { replica, store } = setUp();
  await replica.start();
  let open = () => {};
  store.gate = new Promise(resolve => {
    open = resolve;
  });
  store.rows.set('/b', 'https://b.example');
  const first = replica.refresh();
  while (store.reads < 2) await new Promise(resolve => setImmediate(resolve));
  store.rows.set('/c', 'https://c.example');
  const later = [replica.refresh(), replica.refresh()];
  store.hint();
  open();
  await first;
  t.is(replica.table.size, 2);
  await Promise.all(later);
  t.is(replica.table.size, 3);
  t.is(store.reads, 3);
});

test('a bad row is left out and warned of once, the rest serves', async t => {
  const { replica, store, compare, lines } = setUp([
    ['/a', 'https://a.example'],
    ['/bad', 'not a url'],
    ['/admin', 'https://reserved.example'],
  ]);
  await replica.start();
  t.is(replica.table.size, 1);
  t.is(lines.length, 2);
  t.true(lines.some(line => line.includes('"/bad"')) && lines.some(line => line.includes('"/admin"')));
  for (let round = 0; round < 3; round += 1) {
    store.rows.set(`/more-${round}`, 'https://more.example');
    await compare();
  }
  t.is(replica.table.size, 4);
  t.is(lines.length, 2);
});

test('a row that was mended and goes bad again is warned of again', async t => {
  const { replica, store, lines } = setUp([['/bad', 'ftp://x.example']]);
  await replica.start();
  store.rows.set('/bad', 'https://x.example');
  await replica.refresh();
  t.is(replica.table.size, 1);
  store.rows.set('/bad', 'ftp://x.example');
  await replica.refresh();
  t.is(lines.length, 2);
});

test('credentials in a bad target stay out of the log', async t => {
  const { replica, lines } = setUp([
    ['/a', 'https://user:hunter2@a.example'],
    ['/b', 'ftp://user:hunter2@b.example'],
    ['/c', 'https://c.example/?key=hunter2'],
  ]);
  await replica.start();
  t.is(lines.length, 3);
  t.notRegex(lines.join(''), /hunter2/);
});

test('very many bad rows are named in part and counted', async t => {
  const { replica, lines } = setUp(Array.from({ length: 1_000 }, (_, number) => [`/v-${number}`, 'nothing']));
  await replica.start();
  t.is(lines.length, 51);
  t.true(lines.at(-1)?.includes('950 more'));
});

test('of two rows that name one prefix the one without a slash at the end wins, in any order', async t => {
  const rows = [
    ['/a', 'https://bare.example'],
    ['/a/', 'https://slash.example'],
  ] as const;
  for (const order of [rows, [...rows].reverse()]) {
    const { replica } = setUp(order);
    await replica.start();
    t.is(replica.table.get('/a')?.target.url, 'https://bare.example');
  }
});

test('a store that fails leaves the last table serving, with one line down and one up', async t => {
  const { replica, store, compare, lines } = setUp();
  await replica.start();
  const { table } = replica;
  store.fails = true;
  for (let round = 0; round < 3; round += 1) await compare();
  t.is(replica.state, 'degraded');
  t.is(replica.table, table);
  store.fails = false;
  store.rows.set('/b', 'https://b.example');
  for (let round = 0; round < 3; round += 1) await compare();
  t.is(replica.state, 'ok');
  t.is(replica.table.size, 2);
  t.is(lines.length, 2);
});

test('after an outage the rows are read even when the fingerprint is the one of before', async t => {
  const { replica, store, compare } = setUp();
  store.mark = 'always the same';
  await replica.start();
  store.fails = true;
  await compare();
  store.fails = false;
  store.rows.set('/b', 'https://b.example');
  await compare();
  t.is(replica.table.size, 2);
});

test('with the store away at start the local copy serves until it is back', async t => {
  const localCopy = memoryFile([['/copy', 'https://copy.example']]);
  const { replica, store, compare } = setUp([['/a', 'https://a.example']], { localCopy });
  store.fails = true;
  await replica.start();
  t.true(replica.loaded);
  t.is(replica.state, 'degraded');
  t.is(replica.table.get('/copy')?.target.url, 'https://copy.example');
  store.fails = false;
  await compare();
  t.is(replica.state, 'ok');
  t.deepEqual(
    [...replica.table.values()].map(({ prefix }) => prefix),
    ['/a'],
  );
  t.deepEqual(localCopy.value, [['/a', 'https://a.example']]);
});

test('with neither store nor a usable copy nothing is loaded, until the store is there', async t => {
  for (const copy of [undefined, 'text', [['/a']], [['/a', 1]], { '/a': 'https://a.example' }]) {
    const { replica, store, compare } = setUp([['/a', 'https://a.example']], { localCopy: memoryFile(copy) });
    store.fails = true;
    await replica.start();
    t.false(replica.loaded);
    t.is(replica.state, 'degraded');
    store.fails = false;
    await compare();
    t.true(replica.loaded);
  }
});

test('each change is saved to the local copy, and tried again when that failed', async t => {
  const localCopy = memoryFile();
  const { replica, store, compare, lines } = setUp([['/a', 'https://a.example']], { localCopy });
  await replica.start();
  t.deepEqual(localCopy.value, [['/a', 'https://a.example']]);
  localCopy.fails = true;
  store.rows.delete('/a');
  await compare();
  await compare();
  t.is(replica.state, 'ok');
  t.is(lines.length, 1);
  localCopy.fails = false;
  await compare();
  t.deepEqual(localCopy.value, []);
  const { saves } = localCopy;
  await compare();
  t.is(localCopy.saves, saves);
});

test('once stopped it reads no more', async t => {
  const { replica, store, clock } = setUp();
  await replica.start();
  let open = () => {};
  store.gate = new Promise(resolve => {
    open = resolve;
  });
  store.rows.set('/b', 'https://b.example');
  const reading = replica.refresh();
  const stopped = replica.stop();
  open();
  await Promise.all([reading, stopped]);
  t.is(store.watching(), 0);
  t.false(clock.waiting());
  const { reads } = store;
  await replica.refresh();
  t.is(store.reads, reads);
});

test('ten thousand rows load, and an unchanged comparison touches none of them', async t => {
  const { replica, store, compare } = setUp(
    Array.from({ length: 10_000 }, (_, number) => [`/v-${number}`, `https://api-${number}.example`] as const),
  );
  await replica.start();
  t.is(replica.table.size, 10_000);
  await compare();
  t.is(store.reads, 1);
});
