import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { AppError } from '../../../src/base/errors.ts';
import { type PoolCopy, poolCopyText } from '../../../src/domain/pool/pool-copy.ts';
import { jsonFile } from '../../../src/stores/json-file.ts';
import type { PoolStores } from '../../../src/stores/pool-types.ts';
import { openRedis } from '../../../src/stores/redis/open-redis.ts';
import { openSqlite } from '../../../src/stores/sqlite/open-sqlite.ts';
import { capturedLog } from '../../support/captured-log.ts';
import { type RedisServer, startRedis } from '../../support/redis.ts';
import { manualSchedule, recordOf, startProcess, storedKey } from './replica-support.ts';
import { BAN, liveKey, NOW_MS, refusal, rest, SUCCESS, take, usable, use } from './support.ts';

/** For so long hints are gathered. */
const HINT_DELAY_MS = 50;

let redis: RedisServer;
let databases = 0;
test.before(async () => {
  redis = await startRedis();
});
test.after.always(() => redis?.stop());

/** Opens the same stores as often as it is called, as several processes do. */
type Open = () => Promise<PoolStores>;

async function folderOf(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-pool-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

const backends: readonly [name: string, prepare: (t: ExecutionContext) => Promise<Open>][] = [
  [
    'sqlite',
    async t => {
      const folder = await folderOf(t);
      return async () => {
        const stores = await openSqlite(folder);
        t.teardown(() => stores.close());
        return stores.pool;
      };
    },
  ],
  [
    'redis',
    async t => {
      const db = databases++;
      return async () => {
        const stores = await openRedis(
          { host: '127.0.0.1', port: redis.port, db },
          { log: capturedLog().log },
        );
        t.teardown(() => stores.close());
        return stores.pool;
      };
    },
  ],
];

/** One store, for what does not depend on the backend. */
async function openOne(t: ExecutionContext): Promise<PoolStores> {
  return (await backends[0]![1](t))();
}

for (const [name, prepare] of backends) {
  test(`${name}: a process has the keys, groups, settings and cool-downs of the store, and follows them`, async t => {
    const stores = await (await prepare(t))();
    await stores.keys.add([
      storedKey('a'),
      storedKey('b', { pool: 'x', quotaTokens: 7, baseUrl: 'https://b.example' }),
    ]);
    await stores.groups.put({ id: 'x', name: 'X', priority: 1, description: '' });
    await stores.groups.put({ id: 'default', name: 'Default', priority: 2, description: '' });
    await stores.settings.write(new Map([['pool.algorithm', 'random']]));
    await stores.rests.rest({ keyId: 'a', model: 'gpt-4o', untilMs: NOW_MS + 1000 }, NOW_MS);
    const settings: ReadonlyMap<string, unknown>[] = [];
    const { pool, replica } = await startProcess(t, stores, { onSettings: saved => settings.push(saved) });
    t.true(replica.loaded);
    t.is(replica.state, 'ok');
    t.is(replica.records.size, 2);
    t.is(pool.get('a')!.secret.reveal(), 'sk-a');
    t.like(pool.get('b')!, { source: 'stored', pool: 'x', quotaTokens: 7, baseUrl: 'https://b.example' });
    t.is(use(pool), 'b', 'its group comes first');
    t.is(refusal(pool, NOW_MS, { tried: new Set(['b']) }).kind, 'resting');
    t.is(settings.length, 1);
    t.is(settings[0]!.get('pool.algorithm'), 'random');

    await stores.keys.remove(['b']);
    await stores.keys.update('a', { status: 'disabled' });
    await stores.keys.add([storedKey('c')]);
    await stores.settings.write(new Map([['pool.algorithm', null]]));
    await replica.refresh();
    t.deepEqual([...replica.records.keys()].sort(), ['a', 'c']);
    t.deepEqual(usable(pool), ['c']);
    t.is(settings.length, 2);
    await replica.refresh();
    t.is(settings.length, 2, 'what did not change is not told again');
  });

  test(`${name}: bans and cool-downs of one process hold in the other`, async t => {
    const open = await prepare(t);
    const stores = await open();
    await stores.keys.add([storedKey('a'), storedKey('b'), storedKey('c')]);
    const one = await startProcess(t, stores);
    const two = await startProcess(t, await open());
    const banned = use(one.pool, BAN);
    const resting = use(one.pool, rest(NOW_MS + 5000));
    await one.replica.refresh();
    t.is(one.replica.pendingEffects, 0);
    await two.replica.refresh();
    t.is(two.pool.view(banned, NOW_MS)!.state, 'banned');
    t.like(await recordOf(stores, banned), {
      status: 'banned',
      statusReason: '402 payment required',
      statusAtMs: NOW_MS,
    });
    t.deepEqual(
      usable(two.pool),
      ['a', 'b', 'c'].filter(id => id !== banned && id !== resting),
    );
    t.deepEqual(
      usable(two.pool, NOW_MS + 5000),
      ['a', 'b', 'c'].filter(id => id !== banned),
    );

    // An admin takes both back.
    await stores.keys.update(banned, { status: 'active', statusAtMs: NOW_MS + 1 });
    await stores.rests.wake(resting);
    await one.replica.refresh();
    await two.replica.refresh();
    t.deepEqual(usable(one.pool), ['a', 'b', 'c']);
    t.deepEqual(usable(two.pool), ['a', 'b', 'c']);
  });

  test(`${name}: two processes that ban a key at once, while it is revived, agree in the end`, async t => {
    const open = await prepare(t);
    const stores = await open();
    const ids = Array.from({ length: 30 }, (_, index) => `k${index}`);
    await stores.keys.add(ids.map(id => storedKey(id)));
    const one = await startProcess(t, stores);
    const two = await startProcess(t, await open());
    const third = await open();
    await Promise.all(
      ids.map(async (id, index) => {
        one.pool.release(take(one.pool, NOW_MS, { onlyKeyId: id }), BAN, NOW_MS);
        two.pool.release(take(two.pool, NOW_MS, { onlyKeyId: id }), BAN, NOW_MS);
        if (index % 2 === 0)
          await third.keys.update(id, { status: 'active', statusAtMs: NOW_MS + 1 }, 'banned');
      }),
    );
    for (const { replica } of [one, two]) await replica.refresh();
    for (const { replica } of [one, two]) await replica.refresh();
    for (const id of ids) {
      const status = (await recordOf(stores, id))!.status;
      const expected = status === 'active' ? 'ready' : status;
      t.is(one.pool.view(id, NOW_MS)!.state, expected, id);
      t.is(two.pool.view(id, NOW_MS)!.state, expected, id);
    }
  });

  test(`${name}: a hint brings a change without waiting for the next comparison`, async t => {
    const open = await prepare(t);
    const timers = manualSchedule();
    // Only hints run: the comparison waits for ever.
    const schedule: typeof timers.schedule = (task, delayMs) => {
      if (delayMs !== HINT_DELAY_MS) return timers.schedule(task, delayMs);
      const soon = setImmediate(task);
      return () => clearImmediate(soon);
    };
    const { pool } = await startProcess(t, await open(), { schedule });
    const arrived = new Promise<void>(resolve => {
      const apply = pool.apply.bind(pool);
      pool.apply = changes => {
        apply(changes);
        if (changes.changed.some(key => key.id === 'a')) resolve();
      };
    });
    const other = await open();
    await other.keys.add([storedKey('a')]);
    // A watch that has only begun may miss the first change: there are more until one is told of.
    const writes: Promise<unknown>[] = [];
    const writer = setInterval(() => {
      writes.push(other.keys.update('a', { notes: String(writes.length) }));
    }, 20);
    await arrived;
    clearInterval(writer);
    await Promise.all(writes);
    t.is(use(pool), 'a');
  });
}

test('more keys than one read gives are all there, and those that were removed are gone', async t => {
  const stores = await openOne(t);
  const ids = Array.from({ length: 4500 }, (_, index) => `k${index}`);
  await stores.keys.add(ids.map(id => storedKey(id)));
  const { pool, replica } = await startProcess(t, stores);
  t.is(pool.size, 4500);
  await stores.keys.remove(ids.slice(0, 4400));
  await replica.refresh();
  t.is(pool.size, 100);
  t.is(replica.records.size, 100);
});

test('while the store is away decisions hold here, and are written when it is back', async t => {
  const stores = await openOne(t);
  await stores.keys.add([storedKey('a'), storedKey('b'), storedKey('c')]);
  const { pool, replica, gate, clock, log } = await startProcess(t, stores);
  gate.away = true;
  const banned = use(pool, BAN);
  const short = use(pool, rest(NOW_MS + 1000));
  const long = use(pool, rest(NOW_MS + 90_000));
  await replica.refresh();
  t.is(replica.state, 'degraded');
  t.is(replica.pendingEffects, 3);
  t.is(refusal(pool).kind, 'resting');
  clock.nowMs += 2000;
  gate.away = false;
  await replica.refresh();
  t.is(replica.state, 'ok');
  t.is(replica.pendingEffects, 0);
  t.is((await recordOf(stores, banned))!.status, 'banned');
  t.deepEqual(await stores.rests.readAll(0), [{ keyId: long, model: 'gpt-4o', untilMs: NOW_MS + 90_000 }]);
  t.deepEqual(usable(pool, clock.nowMs), [short]);
  t.is(log.filter(line => line.includes('does not answer')).length, 1);
  t.is(log.filter(line => line.includes('is back')).length, 1);
});

test('a read that began before a decision does not undo it', async t => {
  const stores = await openOne(t);
  await stores.keys.add([storedKey('a'), storedKey('b')]);
  const { pool, replica, gate } = await startProcess(t, stores);
  await stores.keys.update('a', { notes: 'changed' });
  await stores.rests.rest({ keyId: 'b', model: 'other', untilMs: NOW_MS + 9000 }, NOW_MS);
  let resume = () => {};
  let reached = () => {};
  const holding = new Promise<void>(resolve => {
    reached = resolve;
  });
  gate.hold = verb =>
    verb === 'keys.changes'
      ? new Promise(resolve => {
          resume = resolve;
          reached();
        })
      : Promise.resolve();
  const reading = replica.refresh();
  await holding;
  pool.release(take(pool, NOW_MS, { onlyKeyId: 'a' }), BAN, NOW_MS);
  pool.release(take(pool, NOW_MS, { onlyKeyId: 'b' }), rest(NOW_MS + 5000), NOW_MS);
  gate.hold = async () => {};
  resume();
  await reading;
  t.is(replica.records.get('a')!.notes, 'changed');
  t.is(pool.view('a', NOW_MS)!.state, 'banned');
  t.is(refusal(pool).kind, 'resting');
  await replica.refresh();
  t.is(pool.view('a', NOW_MS)!.state, 'banned');
  t.is(refusal(pool).kind, 'resting');
  await stores.keys.update('a', { status: 'active' }, 'banned');
  await stores.rests.wake('b');
  await replica.refresh();
  t.deepEqual(usable(pool), ['a', 'b']);
});

test('a cool-down that is taken away before it was ever read here ends all the same', async t => {
  const stores = await openOne(t);
  await stores.keys.add([storedKey('a')]);
  const { pool, replica, gate } = await startProcess(t, stores);
  let resume = () => {};
  let reached = () => {};
  const holding = new Promise<void>(resolve => {
    reached = resolve;
  });
  gate.hold = verb =>
    verb === 'rests.rest'
      ? new Promise(resolve => {
          resume = resolve;
          reached();
        })
      : Promise.resolve();
  use(pool, rest(NOW_MS + 60_000));
  await holding;
  await stores.rests.wake('a');
  resume();
  await replica.refresh();
  t.deepEqual(usable(pool), ['a']);
});

test('a cool-down that began during a read outlives the end of an older one which that read tells of', async t => {
  const stores = await openOne(t);
  await stores.keys.add([storedKey('a')]);
  await stores.rests.rest({ keyId: 'a', model: 'gpt-4o', untilMs: NOW_MS + 5000 }, NOW_MS);
  const { pool, replica, gate } = await startProcess(t, stores);
  const lease = pool.leaseForTest('a', 'gpt-4o')!;
  await stores.rests.wake('a');
  let resume = () => {};
  let reached = () => {};
  const holding = new Promise<void>(resolve => {
    reached = resolve;
  });
  gate.hold = verb =>
    verb === 'rests.readAll'
      ? new Promise(resolve => {
          resume = resolve;
          reached();
        })
      : Promise.resolve();
  const reading = replica.refresh();
  await holding;
  pool.release(lease, rest(NOW_MS + 9000), NOW_MS);
  gate.hold = async () => {};
  resume();
  await reading;
  t.deepEqual(refusal(pool), { kind: 'resting', retryAfterMs: 9000 });
  await replica.refresh();
  t.deepEqual(refusal(pool), { kind: 'resting', retryAfterMs: 9000 });
});

test('a ban concerns the secret that was judged, not one that an admin put in its place', async t => {
  const stores = await openOne(t);
  await stores.keys.add([storedKey('a')]);
  const { pool, replica } = await startProcess(t, stores);
  const lease = take(pool);
  await stores.keys.update('a', { sealed: 'sealed:sk-new', fingerprint: 'other' });
  pool.release(lease, BAN, NOW_MS);
  t.is(pool.view('a', NOW_MS)!.state, 'banned');
  await replica.refresh();
  await replica.refresh();
  t.is((await recordOf(stores, 'a'))!.status, 'active');
  t.is(pool.get('a')!.secret.reveal(), 'sk-new');
  t.is(pool.view('a', NOW_MS)!.state, 'ready');
});

test('sealing a key anew changes nothing of what is known of it', async t => {
  const stores = await openOne(t);
  await stores.keys.add([storedKey('a')]);
  const { pool, replica } = await startProcess(t, stores);
  use(pool, { key: { kind: 'strike', reason: 'x' }, upstream: 'none', then: 'another-key' });
  const lease = take(pool);
  await stores.keys.update('a', { sealed: 'sealed:sk-a#again' });
  await replica.refresh();
  t.is(pool.view('a', NOW_MS)!.strikes, 1);
  t.is(pool.view('a', NOW_MS)!.inFlight, 1);
  pool.release(lease, SUCCESS, NOW_MS);
  t.is(pool.view('a', NOW_MS)!.strikes, 0);
});

test('a record that cannot be opened is left out and told of, without its content, until it is mended', async t => {
  const stores = await openOne(t);
  const broken = Array.from({ length: 20 }, (_, index) =>
    storedKey(`x${index}`, { sealed: `broken-${index}` }),
  );
  await stores.keys.add([storedKey('a'), ...broken]);
  const { pool, replica, log } = await startProcess(t, stores);
  t.deepEqual(usable(pool), ['a']);
  t.is(replica.damaged.size, 20);
  t.is(replica.records.size, 21);
  t.is(log.filter(line => line.includes('cannot be opened')).length, 6);
  t.false(log.some(line => line.includes('broken-')));
  await stores.keys.update('x3', { sealed: 'sealed:sk-x3' });
  await replica.refresh();
  t.deepEqual(usable(pool), ['a', 'x3']);
  t.is(replica.damaged.size, 19);
  await stores.keys.update('x3', { sealed: 'broken-again' });
  await stores.keys.remove(['x4']);
  await replica.refresh();
  t.deepEqual(usable(pool), ['a']);
  t.is(replica.damaged.size, 19);
});

test('no key is opened before it is needed, and then once', async t => {
  const stores = await openOne(t);
  await stores.keys.add([storedKey('a'), storedKey('b'), storedKey('c')]);
  const opened: string[] = [];
  const opener = {
    knows: () => true,
    open: (id: string, sealed: string) => {
      opened.push(id);
      return sealed;
    },
  };
  const { pool, replica } = await startProcess(t, stores, { opener });
  await stores.keys.update('c', { notes: 'changed' });
  await replica.refresh();
  t.is(pool.counts(NOW_MS).ready, 3);
  t.deepEqual(opened, []);
  const lease = take(pool);
  t.deepEqual(opened, [lease.key.id]);
  pool.release(lease, SUCCESS, NOW_MS);
  pool.get(lease.key.id)!.secret.reveal();
  t.is(opened.length, 1);
});

test('a key that turns out to be damaged when it is needed leaves the pool, and another one serves', async t => {
  const stores = await openOne(t);
  await stores.keys.add([storedKey('x', { sealed: 'sealed:damaged' }), storedKey('a')]);
  const { pool, replica, log } = await startProcess(t, stores);
  t.is(pool.size, 2);
  t.is(pool.leaseForTest('x', '*'), undefined);
  await replica.refresh();
  t.deepEqual([...replica.damaged], ['x']);
  t.deepEqual(usable(pool), ['a']);
  t.is(log.filter(line => line.includes('cannot be opened')).length, 1);

  await stores.keys.add([storedKey('y', { sealed: 'sealed:damaged-too' })]);
  await replica.refresh();
  for (let turn = 0; turn < 10; turn += 1) t.is(use(pool, SUCCESS), 'a');
  t.deepEqual([...replica.damaged].sort(), ['x', 'y']);
  // What is changed of it does not bring it back; what mends it does.
  await stores.keys.update('y', { notes: 'damaged?' });
  await replica.refresh();
  t.deepEqual(usable(pool), ['a']);
  await stores.keys.update('y', { sealed: 'sealed:sk-y' });
  await replica.refresh();
  t.deepEqual(usable(pool), ['a', 'y']);
  t.deepEqual([...replica.damaged], ['x']);
});

test('a key that is sealed under a key not known yet is there as soon as that is learned', async t => {
  const stores = await openOne(t);
  await stores.keys.add([storedKey('a'), storedKey('b', { sealed: 'next:sk-b' })]);
  const known = new Set(['sealed']);
  let news: string | undefined;
  const opener = {
    knows: (sealed: string) => known.has(sealed.split(':')[0]!),
    open: (_id: string, sealed: string) => {
      if (!opener.knows(sealed)) throw new AppError('ERR_ENCRYPTION_KEY', 'another key');
      return sealed.split(':')[1]!;
    },
  };
  const learnKeys = async () => {
    if (news === undefined || known.has(news)) return false;
    known.add(news);
    return true;
  };
  const { pool, replica } = await startProcess(t, stores, { opener, learnKeys });
  t.deepEqual(usable(pool), ['a']);
  t.deepEqual([...replica.damaged], ['b']);
  news = 'next';
  await replica.refresh();
  t.deepEqual(usable(pool), ['a', 'b']);
  t.is(replica.damaged.size, 0);
  t.is(pool.get('b')!.secret.reveal(), 'sk-b');

  // Learned between the look of the comparison and the record: no moment without the key.
  const lease = take(pool);
  news = undefined;
  const seen: number[] = [];
  const reading = stores.keys.changes;
  stores.keys.changes = async (since, limit) => {
    news = 'third';
    return await reading(since, limit);
  };
  await stores.keys.update('a', { sealed: 'third:sk-a' });
  const apply = pool.apply.bind(pool);
  pool.apply = changes => {
    apply(changes);
    seen.push(pool.size);
  };
  await replica.refresh();
  t.deepEqual(usable(pool), ['a', 'b']);
  t.true(seen.length > 0 && seen.every(size => size === 2));
  pool.release(lease, SUCCESS, NOW_MS);
});

test('where every key turns out to be damaged, however many, there is none', async t => {
  const stores = await openOne(t);
  const ids = Array.from({ length: 5_000 }, (_, index) => `x${index}`);
  await stores.keys.add(ids.map(id => storedKey(id, { sealed: 'sealed:damaged' })));
  const { pool, log } = await startProcess(t, stores);
  t.is(refusal(pool).kind, 'none');
  t.is(pool.size, 0);
  t.is(log.filter(line => line.includes('cannot be opened')).length, 6);
});

test('a key whose new text turns out to be damaged goes, though the old one is in use', async t => {
  const stores = await openOne(t);
  await stores.keys.add([storedKey('a'), storedKey('b')]);
  const { pool, replica } = await startProcess(t, stores);
  const leases = [take(pool), take(pool)];
  await stores.keys.update('a', { sealed: 'sealed:damaged' });
  await replica.refresh();
  await replica.refresh();
  t.deepEqual(usable(pool), ['b']);
  t.is(pool.size, 1);
  t.is(pool.counts(NOW_MS).ready, 1);
  for (const lease of leases) pool.release(lease, SUCCESS, NOW_MS);
  t.is(pool.view('b', NOW_MS)!.inFlight, 0);
});

test('a store that lost its data is read from the beginning, keys that are the same stay as they are', async t => {
  const first = await openOne(t);
  const second = await openOne(t);
  await first.keys.add([storedKey('a'), storedKey('b'), storedKey('c'), storedKey('d')]);
  await second.keys.add([storedKey('b'), storedKey('e')]);
  let stores = first;
  const changing = {
    ...first,
    keys: { ...first.keys, changes: (since: number, limit: number) => stores.keys.changes(since, limit) },
  };
  const { pool, replica } = await startProcess(t, changing);
  const lease = take(pool, NOW_MS, { onlyKeyId: 'b' });
  stores = second;
  await replica.refresh();
  t.deepEqual([...replica.records.keys()].sort(), ['b', 'e']);
  t.deepEqual(usable(pool), ['b', 'e']);
  t.is(pool.view('b', NOW_MS)!.inFlight, 1);
  pool.abandon(lease);
});

test('a start without the store serves from the local copy, and what the store has counts when it is there', async t => {
  const stores = await openOne(t);
  await stores.keys.add([storedKey('a'), storedKey('b'), storedKey('gone')]);
  await stores.settings.write(new Map([['pool.retry.max', 1]]));
  const { log } = capturedLog();
  const localCopy = jsonFile<PoolCopy>(join(await folderOf(t), 'pool.json'), log, poolCopyText);
  const before = await startProcess(t, stores, { localCopy });
  before.timers.run(5000);
  await before.replica.stop();
  t.false(JSON.stringify(await localCopy.load()).includes('"sk-a"'), 'no clear key lies in the copy');

  const settings: ReadonlyMap<string, unknown>[] = [];
  const away = { ...stores, keys: { ...stores.keys }, groups: { ...stores.groups } };
  const fails = () => Promise.reject(new Error('away'));
  away.groups.readAll = fails;
  const { pool, replica } = await startProcess(t, away, {
    localCopy,
    onSettings: saved => settings.push(saved),
  });
  t.is(replica.state, 'degraded');
  t.true(replica.loaded);
  t.is(settings.at(-1)!.get('pool.retry.max'), 1);
  t.deepEqual(usable(pool), ['a', 'b', 'gone']);
  await stores.keys.remove(['gone']);
  away.groups.readAll = stores.groups.readAll;
  await replica.refresh();
  t.is(replica.state, 'ok');
  t.deepEqual(usable(pool), ['a', 'b']);
});

test('a local copy that is damaged is not served from', async t => {
  const stores = await openOne(t);
  stores.groups.readAll = () => Promise.reject(new Error('away'));
  const copies = [
    null,
    7,
    [],
    {},
    { records: [{}], groups: [], settings: [] },
    { records: [], groups: [], settings: [1] },
  ];
  for (const copy of copies) {
    const localCopy = { load: async () => copy as never, save: async () => {}, clear: async () => {} };
    const { replica, log } = await startProcess(t, stores, { localCopy });
    t.false(replica.loaded);
    t.true(
      log.some(line => line.includes('not usable')),
      JSON.stringify(copy),
    );
  }
});

test('what a process decided last is written before it ends', async t => {
  const stores = await openOne(t);
  await stores.keys.add([storedKey('a')]);
  const { pool, replica } = await startProcess(t, stores);
  use(pool, BAN);
  await replica.stop();
  t.is((await recordOf(stores, 'a'))!.status, 'banned');
});

test("bans of keys that no store holds stay here, the client's own key is nobody's business", async t => {
  const stores = await openOne(t);
  const { replica, gate } = await startProcess(t, stores);
  const { calls } = gate;
  calls.length = 0;
  const rested = { kind: 'rest', keyId: 'env-1', model: '*', untilMs: NOW_MS + 1000 } as const;
  replica.record({ kind: 'ban', keyId: 'env-1', source: 'environment', reason: 'x', atMs: NOW_MS });
  replica.record({ ...rested, keyId: 'client', source: 'client' });
  t.is(replica.pendingEffects, 0);
  replica.record({ ...rested, source: 'environment' });
  await replica.refresh();
  t.is((await stores.rests.readAll(NOW_MS)).length, 1);
  t.false(calls.includes('keys.update'));
});

test('a cool-down in the store holds for a key of another source that comes later', async t => {
  const stores = await openOne(t);
  await stores.rests.rest({ keyId: 'env-1', model: '*', untilMs: NOW_MS + 1000 }, NOW_MS);
  const { pool, replica } = await startProcess(t, stores);
  pool.replaceAll('environment', [liveKey('env-1', { source: 'environment' })]);
  await replica.refresh();
  t.deepEqual(refusal(pool), { kind: 'resting', retryAfterMs: 1000 });
});

test('a record that was removed and added again under its id is there, with what is new of it', async t => {
  const stores = await openOne(t);
  await stores.keys.add([storedKey('a'), storedKey('b')]);
  const { pool, replica } = await startProcess(t, stores);
  await stores.keys.remove(['a']);
  await stores.keys.add([storedKey('a', { sealed: 'sealed:sk-second' })]);
  await replica.refresh();
  t.is(pool.get('a')!.secret.reveal(), 'sk-second');
  t.is(replica.records.size, 2);
  // A store may tell of both.
  const both = { revision: 99, changed: [storedKey('b', { notes: 'x' })], removed: ['b'], startOver: false };
  const telling = { ...stores, keys: { ...stores.keys, changes: async () => both } };
  const other = await startProcess(t, telling);
  t.is(other.replica.records.get('b')!.notes, 'x');
  t.is(other.pool.get('b')!.secret.reveal(), 'sk-b');
});

test('the stores are compared every second, and hints are gathered', async t => {
  const stores = await openOne(t);
  const { timers, pool, replica } = await startProcess(t, stores);
  t.is(timers.delays().filter(delayMs => delayMs === 1000).length, 1);
  await stores.keys.add([storedKey('a')]);
  await stores.keys.add([storedKey('b')]);
  t.is(timers.delays().filter(delayMs => delayMs === HINT_DELAY_MS).length, 1);
  timers.run(1000);
  await replica.refresh();
  t.deepEqual(usable(pool), ['a', 'b']);
  t.true(timers.delays().includes(1000));
});
