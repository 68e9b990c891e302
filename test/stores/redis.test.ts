import { inspect } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { Redis } from 'ioredis';
import { openRedis } from '../../src/stores/redis/open-redis.ts';
import type { Stores } from '../../src/stores/types.ts';
import { capturedLog } from '../support/captured-log.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { everything, rowAt, storeContract, totalOf } from './contract.ts';

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

async function opened(t: ExecutionContext, db: number): Promise<Stores> {
  const stores = await openRedis({ host: '127.0.0.1', port: shared.port, db }, { log: capturedLog().log });
  t.teardown(() => stores.close());
  return stores;
}

/** What an operator types into redis-cli. */
function shell(t: ExecutionContext, db: number): Redis {
  const client = new Redis({ host: '127.0.0.1', port: shared.port, db });
  t.teardown(() => client.disconnect());
  return client;
}

storeContract('redis', async t => {
  const db = nextDatabase();
  return () => opened(t, db);
});

test('mappings are the hash apiproxy:mappings, prefix to target, and need no other key', async t => {
  const db = nextDatabase();
  const { mappings } = await opened(t, db);
  const cli = shell(t, db);
  await cli.hset('apiproxy:mappings', '/openai', 'https://api.openai.com');
  t.deepEqual([...(await mappings.readAll())], [['/openai', 'https://api.openai.com']]);
  await mappings.create('/xai', 'https://api.x.ai');
  await mappings.putAll(new Map([['/groq', 'https://api.groq.com']]));
  t.deepEqual(
    { ...(await cli.hgetall('apiproxy:mappings')) },
    { '/openai': 'https://api.openai.com', '/xai': 'https://api.x.ai', '/groq': 'https://api.groq.com' },
  );
});

test('HSET, HDEL of the last field, DEL and FLUSHDB change the fingerprint', async t => {
  const db = nextDatabase();
  const { mappings } = await opened(t, db);
  const cli = shell(t, db);
  const empty = await mappings.fingerprint();
  await cli.hset('apiproxy:mappings', '/a', 'https://a.example');
  const one = await mappings.fingerprint();
  await cli.hset('apiproxy:mappings', '/a', 'https://b.example');
  const other = await mappings.fingerprint();
  await cli.hdel('apiproxy:mappings', '/a');
  t.is(await mappings.fingerprint(), empty);
  await cli.hset('apiproxy:mappings', '/a', 'https://a.example');
  t.is(await mappings.fingerprint(), one);
  await cli.del('apiproxy:mappings');
  t.is(await mappings.fingerprint(), empty);
  await cli.hset('apiproxy:mappings', '/a', 'https://a.example');
  await cli.flushdb();
  t.is(await mappings.fingerprint(), empty);
  t.is(new Set([empty, one, other]).size, 3);
});

test('processes share the fingerprint of a large hash for a quarter of a second at most', async t => {
  const db = nextDatabase();
  const [one, two] = [await opened(t, db), await opened(t, db)];
  const cli = shell(t, db);
  await one.mappings.putAll(
    new Map(Array.from({ length: 10_000 }, (_, number) => [`/v-${number}`, `https://api-${number}.example`])),
  );
  const before = await one.mappings.fingerprint();
  const cached = '{apiproxy:mappings}:fingerprint';
  t.true((await cli.pttl(cached)) <= 250);
  await cli.set(cached, 'shared', 'PX', 60_000);
  t.is(await two.mappings.fingerprint(), 'shared');
  t.is(await two.mappings.fingerprint({ fresh: true }), before);
  await cli.set(cached, 'shared', 'PX', 60_000);
  await cli.hset('apiproxy:mappings', '/v-9999', 'https://other.example');
  t.not(await two.mappings.fingerprint({ fresh: true }), before);
  await cli.set(cached, 'shared', 'PX', 60_000);
  await two.mappings.create('/new', 'https://new.example');
  t.not(await one.mappings.fingerprint(), 'shared');
});

test('a small hash is never answered from the shared fingerprint', async t => {
  const db = nextDatabase();
  const { mappings } = await opened(t, db);
  await mappings.create('/a', 'https://a.example');
  await mappings.fingerprint();
  t.deepEqual(await shell(t, db).keys('*:fingerprint'), []);
});

test('mappings under a key of another type are an error that says so, and are not overwritten', async t => {
  const db = nextDatabase();
  const { mappings } = await opened(t, db);
  const cli = shell(t, db);
  await cli.set('apiproxy:mappings', 'oops');
  const calls = [
    () => mappings.readAll(),
    () => mappings.fingerprint(),
    () => mappings.create('/a', 'https://a.example'),
    () => mappings.replace('/a', 'https://a.example'),
    () => mappings.remove('/a'),
    () => mappings.putAll(new Map([['/a', 'https://a.example']])),
    () => mappings.seed(new Map([['/a', 'https://a.example']]), { force: true }),
  ];
  for (const call of calls) {
    const error = await t.throwsAsync(call, { code: 'ERR_STORE_UNAVAILABLE' });
    t.regex(error.message, /another type/);
  }
  t.is(await cli.get('apiproxy:mappings'), 'oops');
  t.is(await cli.dbsize(), 1);
});

test('a batch that meets a key of another type changes nothing, and is applied once that is mended', async t => {
  const db = nextDatabase();
  const { statistics } = await opened(t, db);
  const cli = shell(t, db);
  await statistics.add({ writer: 'w', sequence: 1, rows: [rowAt('p /a', 0, { requests: 1 })] });
  const hourKey = 'apiproxy:{stats}:hour:3600000:p';
  await cli.set(hourKey, 'oops');
  const batch = { writer: 'w', sequence: 2, rows: [rowAt('p /a', 3_600_000, { requests: 1 })] };
  await t.throwsAsync(statistics.add(batch), { code: 'ERR_STORE_UNAVAILABLE' });
  t.is((await everything(statistics, 'minute')).length, 1);
  t.is(await totalOf(statistics, 'p /a', 'requests'), 1);
  await cli.del(hourKey);
  await statistics.add(batch);
  t.is(await totalOf(statistics, 'p /a', 'requests'), 2);
});

test('all keys of the statistics lie in one slot of a Redis Cluster, those of the mappings in another', async t => {
  const db = nextDatabase();
  const { mappings, statistics } = await opened(t, db);
  await mappings.create('/a', 'https://a.example');
  await statistics.add({ writer: 'w', sequence: 1, rows: [rowAt('e /{x} GET /{y}', 0, { requests: 1 })] });
  const keys = await shell(t, db).keys('*');
  t.true(keys.length > 5);
  for (const key of keys) {
    const tag = /\{([^}]+)\}/.exec(key)?.[1] ?? key;
    t.true(tag === 'stats' || tag === 'apiproxy:mappings', key);
  }
});

test('scripts that Redis forgot are sent again', async t => {
  const db = nextDatabase();
  const { mappings } = await opened(t, db);
  await mappings.create('/a', 'https://a.example');
  await shell(t, db).script('FLUSH');
  t.true(await mappings.create('/b', 'https://b.example'));
});

test('a database number that Redis does not have is an error, never another database', async t => {
  const captured = capturedLog();
  const stores = await openRedis({ host: '127.0.0.1', port: shared.port, db: 64 }, { log: captured.log });
  t.teardown(() => stores.close());
  const error = await t.throwsAsync(stores.mappings.create('/wrong', 'https://x.example'), {
    code: 'ERR_STORE_UNAVAILABLE',
  });
  t.regex(error.message, /no database of this number/);
  t.is(await stores.ping(), 'degraded');
});

test('a password with any characters works; a wrong one is told as such and printed nowhere', async t => {
  const password = 'p:a@s%s/w#rd?&';
  const server = await startRedis({ password });
  t.teardown(() => server.stop());
  const address = { host: '127.0.0.1', port: server.port, db: 0 };
  const right = await openRedis({ ...address, password }, { log: capturedLog().log });
  t.teardown(() => right.close());
  t.is(await right.ping(), 'ok');

  for (const wrong of [
    { password: 'hunter2-secret' },
    { username: 'nobody', password: 'hunter2-secret' },
    {},
  ]) {
    const captured = capturedLog();
    const stores = await openRedis({ ...address, ...wrong }, { log: captured.log });
    t.teardown(() => stores.close());
    t.is(await stores.ping(), 'degraded');
    const end = stores.mappings.watch(() => {});
    const error = await t.throwsAsync(stores.mappings.readAll(), { code: 'ERR_STORE_UNAVAILABLE' });
    t.is(error.message, 'The shared store (Redis) refused the credentials');
    const line = await captured.line('refused the credentials');
    t.notRegex(captured.lines.join('') + line + inspect(error, { depth: 9 }), /hunter2/);
    end();
  }
});
