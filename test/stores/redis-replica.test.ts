import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Redis } from 'ioredis';
import { type MappingCopy, MappingReplica, type Schedule } from '../../src/domain/replica.ts';
import { jsonFile } from '../../src/stores/json-file.ts';
import { openRedis } from '../../src/stores/redis/open-redis.ts';
import type { LocalFile } from '../../src/stores/types.ts';
import { type CapturedLog, capturedLog } from '../support/captured-log.ts';
import { type RedisServer, type RedisServerOptions, startRedis } from '../support/redis.ts';

/** A schedule whose time never comes: what changes then, changes by a hint. */
const never: Schedule = () => () => {};

async function server(t: ExecutionContext, options?: RedisServerOptions): Promise<RedisServer> {
  const started = await startRedis(options);
  t.teardown(() => started.stop());
  return started;
}

/** What an operator types into redis-cli. */
function shell(t: ExecutionContext, { port }: RedisServer): Redis {
  const client = new Redis({ host: '127.0.0.1', port });
  client.on('error', () => {});
  t.teardown(() => client.disconnect());
  return client;
}

/** A process of ours: a store and the replica of its mappings. */
async function gateway(
  t: ExecutionContext,
  { port }: RedisServer,
  { schedule, localCopy }: { schedule?: Schedule; localCopy?: LocalFile<MappingCopy> } = {},
) {
  const captured: CapturedLog = capturedLog();
  const events = new EventEmitter();
  const stores = await openRedis({ host: '127.0.0.1', port, db: 0 }, { log: captured.log });
  const replica = new MappingReplica({
    store: stores.mappings,
    localCopy,
    log: captured.log,
    onChange: () => events.emit('change'),
    ...(schedule === undefined ? {} : { schedule }),
  });
  t.teardown(async () => {
    await replica.stop();
    await stores.close();
  });
  return {
    stores,
    replica,
    captured,
    /** Resolves once the table says so. */
    async until(holds: () => boolean) {
      while (!holds()) await once(events, 'change');
    },
  };
}

for (const [how, options, schedule] of [
  ['with keyspace notifications, by the hint alone', { notifyKeyspaceEvents: 'KA' }, never],
  ['without keyspace notifications, by comparison', {}, undefined],
] as const) {
  test(`HSET, HDEL of the last field and DEL go live in every process ${how}`, async t => {
    const redis = await server(t, options);
    const cli = shell(t, redis);
    const held = schedule === undefined ? {} : { schedule };
    const gateways = await Promise.all([gateway(t, redis, held), gateway(t, redis, held)]);
    await Promise.all(gateways.map(({ replica }) => replica.start()));
    const everywhere = (size: number) =>
      Promise.all(gateways.map(({ until, replica }) => until(() => replica.table.size === size)));

    await cli.hset('apiproxy:mappings', '/openai', 'https://api.openai.com');
    await everywhere(1);
    t.is(gateways[1].replica.table.find('/openai/v1')?.target.url, 'https://api.openai.com');
    await cli.hset('apiproxy:mappings', '/openai', 'https://other.example');
    await Promise.all(
      gateways.map(({ until, replica }) =>
        until(() => replica.table.get('/openai')?.target.url === 'https://other.example'),
      ),
    );
    await cli.hdel('apiproxy:mappings', '/openai');
    await everywhere(0);
    await cli.hset('apiproxy:mappings', '/a', 'https://a.example', '/b', 'https://b.example');
    await everywhere(2);
    await cli.del('apiproxy:mappings');
    await everywhere(0);
    t.true(gateways.every(({ replica }) => replica.state === 'ok'));
  });
}

test('a write by one process reaches another by its own hint, without keyspace notifications', async t => {
  const redis = await server(t);
  const [one, two] = [
    await gateway(t, redis, { schedule: never }),
    await gateway(t, redis, { schedule: never }),
  ];
  await Promise.all([one.replica.start(), two.replica.start()]);
  await one.stores.mappings.create('/a', 'https://a.example');
  await Promise.all([one, two].map(({ until, replica }) => until(() => replica.table.size === 1)));
  await two.stores.mappings.remove('/a');
  await Promise.all([one, two].map(({ until, replica }) => until(() => replica.table.size === 0)));
  t.pass();
});

test('hints come again after Redis was restarted', async t => {
  const redis = await server(t, { notifyKeyspaceEvents: 'KA', durable: true });
  const { replica, stores, captured, until } = await gateway(t, redis, { schedule: never });
  await stores.mappings.create('/a', 'https://a.example');
  await replica.start();
  await redis.restart();
  await Promise.all([
    captured.line('Redis (store): connected again'),
    captured.line('Redis (watch): connected again'),
  ]);
  await shell(t, redis).hset('apiproxy:mappings', '/b', 'https://b.example');
  await until(() => replica.table.size === 2);
  t.pass();
});

test('rows that cannot serve are warned of once and the rest loads', async t => {
  const redis = await server(t);
  const cli = shell(t, redis);
  await cli.hset('apiproxy:mappings', {
    '/good': 'https://good.example',
    '/bad': 'no url',
    '/admin': 'https://x.example',
    'no-slash': 'https://x.example',
  });
  const { replica, captured, until } = await gateway(t, redis);
  await replica.start();
  t.is(replica.table.size, 1);
  for (let number = 2; number <= 4; number += 1) {
    await cli.hset('apiproxy:mappings', `/good-${number}`, 'https://good.example');
    await until(() => replica.table.size === number);
  }
  t.is(captured.lines.length, 3);
  for (const prefix of ['/bad', '/admin', 'no-slash']) {
    t.is(captured.lines.filter(line => line.includes(`"${prefix}"`)).length, 1, prefix);
  }
});

test('ten thousand rows typed into Redis load, and a change of one of them is seen', async t => {
  const redis = await server(t);
  const cli = shell(t, redis);
  const { replica, until } = await gateway(t, redis);
  await replica.start();
  await cli.hset(
    'apiproxy:mappings',
    Object.fromEntries(
      Array.from({ length: 10_000 }, (_, number) => [`/v-${number}`, `https://api-${number}.example`]),
    ),
  );
  await until(() => replica.table.size === 10_000);
  await cli.hset('apiproxy:mappings', '/v-5000', 'https://moved.example');
  await until(() => replica.table.get('/v-5000')?.target.url === 'https://moved.example');
  t.is(replica.table.size, 10_000);
});

test('while Redis is paused the table serves on, and what changed meanwhile comes after', async t => {
  const redis = await server(t);
  const { replica, stores, captured, until } = await gateway(t, redis);
  await stores.mappings.create('/a', 'https://a.example');
  await replica.start();
  redis.pause();
  await captured.line('the store does not answer');
  t.is(replica.state, 'degraded');
  t.is(replica.table.size, 1);
  await t.throwsAsync(stores.mappings.create('/refused', 'https://x.example'), {
    code: 'ERR_STORE_UNAVAILABLE',
  });
  redis.resume();
  await captured.line('the store is back');
  await stores.mappings.create('/b', 'https://b.example');
  await until(() => replica.table.get('/b') !== undefined);
  t.is(replica.state, 'ok');
});

test('with Redis unreachable at start the local copy serves, and Redis takes over when it is there', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-copy-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const redis = await server(t, { durable: true });
  const copy = () => jsonFile<MappingCopy>(join(folder, 'mappings.json'), capturedLog().log);

  const before = await gateway(t, redis, { localCopy: copy() });
  await before.stores.mappings.putAll(
    new Map([
      ['/a', 'https://a.example'],
      ['/b', 'https://b.example'],
    ]),
  );
  await before.replica.start();
  await before.replica.stop();
  await redis.kill();

  const after = await gateway(t, redis, { localCopy: copy() });
  await after.replica.start();
  t.deepEqual([...after.replica.table.values()].map(({ prefix }) => prefix).sort(), ['/a', '/b']);
  t.is(after.replica.state, 'degraded');
  t.is(await after.stores.ping(), 'degraded');

  await redis.start();
  await after.captured.line('the store is back');
  await shell(t, redis).hdel('apiproxy:mappings', '/a');
  await after.until(() => after.replica.table.size === 1);
  t.is(after.replica.state, 'ok');
  await after.replica.refresh();
  t.deepEqual(await copy().load(), [['/b', 'https://b.example']]);
});

test('mappings of another type leave the last table serving until they are mended', async t => {
  const redis = await server(t);
  const cli = shell(t, redis);
  const { replica, stores, captured, until } = await gateway(t, redis);
  await stores.mappings.create('/a', 'https://a.example');
  await replica.start();
  await cli.set('apiproxy:mappings', 'oops');
  await captured.line('another type');
  t.is(replica.state, 'degraded');
  t.is(replica.table.size, 1);
  await cli.del('apiproxy:mappings');
  await until(() => replica.table.size === 0);
  t.is(replica.state, 'ok');
});
