import test, { type ExecutionContext } from 'ava';
import { Redis } from 'ioredis';
import { openRedis } from '../../src/stores/redis/open-redis.ts';
import { RedisLink } from '../../src/stores/redis/redis-link.ts';
import { redisOwners } from '../../src/stores/redis/redis-pool.ts';
import type { Stores } from '../../src/stores/types.ts';
import { capturedLog } from '../support/captured-log.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { importAndKill } from './import-and-kill.ts';
import { poolContract } from './pool-contract.ts';
import { keyOf, keysOf, Reader, recordsOf } from './pool-keys.ts';
import { poolModelContract } from './pool-model.ts';
import { poolPartsContract } from './pool-parts-contract.ts';
import { rotationContract } from './rotation-contract.ts';

/** One server for the tests that leave it alone; each has a database number of its own. */
let shared: RedisServer;
let lastDatabase = -1;
test.before(async () => {
  shared = await startRedis();
});
test.after.always(() => shared?.stop());

function nextDatabase(): number {
  lastDatabase += 1;
  return lastDatabase;
}

async function opened(t: ExecutionContext, db: number, port = shared.port): Promise<Stores> {
  // The tests of a file run at once and keep the process busy: a reply that is read late is no outage here.
  const options = { log: capturedLog().log, commandTimeoutMs: 30_000 };
  const stores = await openRedis({ host: '127.0.0.1', port, db }, options);
  t.teardown(() => stores.close());
  return stores;
}

/** What an operator types into redis-cli. */
function shell(t: ExecutionContext, db: number): Redis {
  const client = new Redis({ host: '127.0.0.1', port: shared.port, db });
  t.teardown(() => client.disconnect());
  return client;
}

const prepare = async (t: ExecutionContext) => {
  const db = nextDatabase();
  return () => opened(t, db);
};
poolContract('redis', prepare);
poolPartsContract('redis', prepare);
poolModelContract('redis', prepare);
rotationContract('redis', prepare);

/** How far a killed import went; fails when a batch is there in part. */
async function wholeBatches(t: ExecutionContext, { pool }: Stores, batchSize: number): Promise<number> {
  const numbers = [...(await recordsOf(pool.keys)).keys()].map(id => Number(id.slice('key-'.length)));
  const whole = Math.max(...numbers) + 1;
  t.is(whole % batchSize, 0);
  t.is(numbers.length, whole);
  return whole / batchSize;
}

test('a killed import leaves each batch whole or absent, and none that was acknowledged is missing', async t => {
  const db = nextDatabase();
  const acknowledged = await importAndKill({
    module: new URL('../../src/stores/redis/open-redis.ts', import.meta.url),
    open: `openRedis({ host: '127.0.0.1', port: ${shared.port}, db: ${db} }, { log: undefined })`,
    batches: 200,
    batchSize: 500,
    killAfter: 3,
  });
  const whole = await wholeBatches(t, await opened(t, db), 500);
  t.true(whole >= acknowledged && whole < 200, `${whole}`);
});

test('a Redis that is killed in the middle of an import has each batch whole or absent', async t => {
  const server = await startRedis({ durable: true });
  t.teardown(() => server.stop());
  const stores = await opened(t, 0, server.port);
  let acknowledged = 0;
  let killed: Promise<void> | undefined;
  await t.throwsAsync(
    async () => {
      for (let batch = 0; batch < 1_000; batch += 1) {
        await stores.pool.keys.add(keysOf(batch * 500, (batch + 1) * 500));
        acknowledged += 1;
        if (acknowledged === 3) killed = server.kill();
      }
    },
    { code: 'ERR_STORE_UNAVAILABLE' },
  );
  await killed;
  await server.start();
  t.true((await wholeBatches(t, await opened(t, 0, server.port), 500)) >= acknowledged);
});

test('all keys of the pool lie in one slot of a Redis Cluster', async t => {
  const db = nextDatabase();
  const { pool } = await opened(t, db);
  await pool.keys.add(keysOf(0, 3, { pool: '{x}' }));
  await pool.keys.remove(['key-1']);
  await pool.groups.put({ id: '{x}', name: '', priority: 1, description: '' });
  await pool.settings.write(new Map([['{x}', 1]]));
  await pool.rests.rest({ keyId: 'key-{x}', model: '{y}', untilMs: 9 }, 1);
  await pool.leases.take('{x}', 'y', { nowMs: 0, forMs: 9 });
  await pool.sealed.replace('{x}', 'y', 0);
  await pool.owners.remember('{x}', 'y', 9);
  const names = await shell(t, db).keys('*');
  t.true(names.length >= 14);
  for (const name of names) t.true(name.startsWith('apiproxy:{pool}:'), name);
});

test('a reader notices that Redis lost its data, even when as much was written since', async t => {
  const db = nextDatabase();
  const { pool } = await opened(t, db);
  await pool.keys.add(keysOf(0, 5));
  await pool.rests.rest({ keyId: 'key-1', model: '*', untilMs: 9 }, 1);
  await pool.rests.readAll(1);
  const [reader, late] = await Promise.all([0, 1].map(() => new Reader(pool.keys).follow()));
  await shell(t, db).flushdb();
  await reader!.follow();
  t.is(reader!.records.size, 0);
  t.deepEqual(await pool.rests.readAll(1), []);
  await pool.keys.add(keysOf(100, 150));
  await pool.rests.rest({ keyId: 'key-2', model: '*', untilMs: 9 }, 1);
  t.deepEqual(
    (await late!.follow()).ids,
    keysOf(100, 150)
      .map(({ id }) => id)
      .sort(),
  );
  t.deepEqual(await pool.rests.readAll(1), [{ keyId: 'key-2', model: '*', untilMs: 9 }]);
});

test('a page that loses records while it is read is filled up, so that a reader does not take it for the last', async t => {
  const db = nextDatabase();
  const { pool } = await opened(t, db);
  await pool.keys.add(keysOf(0, 40));
  // As a deletion between the two steps of a read would leave it.
  const gone = keysOf(0, 23).map(({ id }) => id);
  await shell(t, db).hdel('apiproxy:{pool}:keys:details', ...gone);
  const page = await pool.keys.changes(0, 10);
  t.deepEqual(
    page.changed.map(({ id }) => id),
    keysOf(23, 33).map(({ id }) => id),
  );
  t.deepEqual(
    (await new Reader(pool.keys).follow(10)).ids,
    keysOf(23, 40).map(({ id }) => id),
  );
  t.like(await pool.keys.changes(page.revision, 100), { removed: [], startOver: false });
});

test('a part of the pool under a key of another type is an error that says so, and nothing is half done', async t => {
  const db = nextDatabase();
  const { pool } = await opened(t, db);
  const cli = shell(t, db);
  async function fill(): Promise<string[]> {
    await cli.flushdb();
    await pool.keys.add([keyOf(1, { pool: 'a' }), keyOf(2)]);
    await pool.keys.remove(['key-2']);
    await pool.groups.put({ id: 'a', name: '', priority: 1, description: '' });
    await pool.rests.rest({ keyId: 'key-1', model: '*', untilMs: 9 }, 1);
    await pool.owners.remember('file-1', 'key-1', 9);
    return (await cli.keys('*')).sort();
  }
  const writes = {
    add: () => pool.keys.add([keyOf(3)]),
    update: () => pool.keys.update('key-1', { fingerprint: 'other', notes: 'x' }),
    remove: () => pool.keys.remove(['key-1']),
    'remove group': () => pool.groups.remove('a'),
    'put group': () => pool.groups.put({ id: 'b', name: '', priority: 1, description: '' }),
    rest: () => pool.rests.rest({ keyId: 'key-1', model: '*', untilMs: 20 }, 10),
    wake: () => pool.rests.wake('key-1'),
    remember: () => pool.owners.remember('file-2', 'key-1', 9),
  };
  const refused = new Map<string, number>();
  const names = await fill();
  for (const name of names) {
    for (const [verb, write] of Object.entries(writes)) {
      t.deepEqual(await fill(), names);
      await cli.set(name, 'oops');
      const contents = async () => Promise.all(names.map(each => cli.dumpBuffer(each)));
      const before = await contents();
      const error = await write().then(
        () => undefined,
        (reason: Error) => reason,
      );
      if (error === undefined) continue;
      refused.set(verb, (refused.get(verb) ?? 0) + 1);
      t.regex(error.message, /another type/, `${verb} with ${name}`);
      t.deepEqual(await contents(), before, `${verb} with ${name}`);
    }
  }
  t.deepEqual(Object.fromEntries(refused), {
    add: 6,
    update: 5,
    remove: 6,
    'remove group': 5,
    'put group': 2,
    rest: 3,
    wake: 3,
    remember: 3,
  });
});

test('of too many objects those remembered first are forgotten', async t => {
  const db = nextDatabase();
  const address = { host: '127.0.0.1', port: shared.port, db };
  const link = new RedisLink(address, { log: capturedLog().log, name: 'store', commandTimeoutMs: 30_000 });
  t.teardown(() => link.close());
  await link.firstAttempt();
  const owners = redisOwners(link, 3);
  for (const id of ['a', 'b', 'a', 'a', 'a', 'c', 'd']) await owners.remember(id, `key of ${id}`, 10);
  const found = await Promise.all(['a', 'b', 'c', 'd'].map(id => owners.find(id, 0)));
  t.deepEqual(found, [undefined, 'key of b', 'key of c', 'key of d']);
  t.is(await shell(t, db).hlen('apiproxy:{pool}:owners'), 3);
});

test('cool-downs that have ended leave Redis', async t => {
  const db = nextDatabase();
  const { pool } = await opened(t, db);
  for (let number = 0; number < 20; number += 1) {
    await pool.rests.rest({ keyId: `key-${number}`, model: '*', untilMs: 100 + number }, 50);
  }
  await pool.rests.rest({ keyId: 'last', model: '*', untilMs: 500 }, 110);
  const cli = shell(t, db);
  t.is(await cli.zcard('apiproxy:{pool}:rests'), 10);
  t.is(await cli.zcard('apiproxy:{pool}:rests-by-key'), 10);
});

test('a pool behind a Redis that is away says so, and works again when it is back', async t => {
  const server = await startRedis({ durable: true });
  t.teardown(() => server.stop());
  const captured = capturedLog();
  const stores = await openRedis({ host: '127.0.0.1', port: server.port, db: 0 }, { log: captured.log });
  t.teardown(() => stores.close());
  const { keys } = stores.pool;
  await keys.add([keyOf(1)]);
  const reader = await new Reader(keys).follow();
  await server.kill();
  await t.throwsAsync(keys.add([keyOf(2)]), { code: 'ERR_STORE_UNAVAILABLE' });
  await t.throwsAsync(reader.follow(), { code: 'ERR_STORE_UNAVAILABLE' });
  await server.start();
  await captured.line('Redis (store): connected again');
  await keys.add([keyOf(3)]);
  t.deepEqual((await reader.follow()).ids, ['key-1', 'key-3']);
  t.is(reader.startedOver, 0);
});
