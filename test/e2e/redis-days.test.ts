import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { Redis } from 'ioredis';
import type { SpooledCounters } from '../../src/domain/statistics/flusher.ts';
import { answerText, type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';
import { type RedisServer, type RedisServerOptions, startRedis } from '../support/redis.ts';
import { type Server, startServer } from '../support/server.ts';

interface Setting {
  readonly redis: RedisServer;
  readonly vendor: RawUpstream;
  /** Its folder outlives a stop. */
  start(folder: string): Promise<Server>;
}

async function setting(t: ExecutionContext, options: RedisServerOptions = {}): Promise<Setting> {
  const redis = await startRedis(options);
  t.teardown(redis.stop);
  const vendor = await startRawUpstream(async exchange => {
    await exchange.body();
    exchange.send(answerText(exchange.target));
  });
  t.teardown(vendor.close);
  return {
    redis,
    vendor,
    start: async folder => {
      const server = await startServer({ folder, env: { API_PROXY_REDIS_URL: redis.url } });
      t.teardown(server.stop);
      return server;
    },
  };
}

function folderOf(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-redis-days-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A client of one's own, as `redis-cli` would be. */
function redisClient(t: ExecutionContext, redis: RedisServer): Redis {
  const client = new Redis(redis.url);
  // It loses its connection when a test ends the server; that is not what is tested.
  client.on('error', () => {});
  t.teardown(() => client.disconnect());
  return client;
}

async function statusOf(server: Server, path: string): Promise<number> {
  const answer = await fetch(server.url + path);
  await answer.arrayBuffer();
  return answer.status;
}

/** Asks until every server answers with `status`. @returns how long that took */
async function msUntil(servers: readonly Server[], path: string, status: number): Promise<number> {
  const startedAt = performance.now();
  for (const server of servers) {
    while ((await statusOf(server, path)) !== status) await setTimeout(10);
  }
  return performance.now() - startedAt;
}

async function untilHealth(server: Server, status: string): Promise<void> {
  while ((await server.json('/health')).status !== status) await setTimeout(50);
}

/** Until counts wait, because a batch of them got no answer from Redis. */
async function untilCountsWait(server: Server): Promise<void> {
  while ((await server.json('/health')).dependencies.counters.state !== 'degraded') await setTimeout(50);
}

for (const [how, options] of [
  ['without keyspace notifications', {}],
  ['with keyspace notifications', { notifyKeyspaceEvents: 'Kgh' }],
] as const) {
  test(`HSET, HDEL and DEL typed into Redis are live in every process within a second, ${how}`, async t => {
    const { redis, vendor, start } = await setting(t, options);
    const servers = await Promise.all([start(folderOf(t)), start(folderOf(t))]);
    const client = redisClient(t, redis);
    const tookMs: Record<string, number[]> = { added: [], changed: [], removed: [], deleted: [] };
    // A busy machine may be late once; what is promised shows in the best of three.
    for (let round = 0; round < 3; round += 1) {
      await client.hset('apiproxy:mappings', '/typed', `${vendor.url}/one`);
      tookMs.added!.push(await msUntil(servers, '/typed', 200));
      await client.hset('apiproxy:mappings', '/typed', 'http://127.0.0.1:1');
      tookMs.changed!.push(await msUntil(servers, '/typed', 502));
      // The last field: with it the key itself goes.
      await client.hdel('apiproxy:mappings', '/typed');
      tookMs.removed!.push(await msUntil(servers, '/typed', 404));
      await client.hset('apiproxy:mappings', { '/typed': vendor.url, '/other': vendor.url });
      await msUntil(servers, '/typed', 200);
      await client.del('apiproxy:mappings');
      tookMs.deleted!.push(await msUntil(servers, '/typed', 404));
    }
    t.log(JSON.stringify(tookMs));
    for (const [what, times] of Object.entries(tookMs)) t.true(Math.min(...times) < 1000, what);
  });
}

test('rows that cannot serve are skipped with one warning each, and the rest is served', async t => {
  const { redis, vendor, start } = await setting(t);
  const client = redisClient(t, redis);
  const bad = { '/no-url': 'not a URL', '/admin': vendor.url, '/v1/x': vendor.url, 'no-slash': vendor.url };
  await client.hset('apiproxy:mappings', { ...bad, '/good': vendor.url });
  const server = await start(folderOf(t));
  t.is(await statusOf(server, '/good'), 200);
  await client.hset('apiproxy:mappings', '/later', vendor.url);
  await msUntil([server], '/later', 200);
  t.is(await statusOf(server, '/no-url'), 404);
  const warned = server.lines.map(line => JSON.parse(line)).filter(({ problem }) => problem !== undefined);
  t.deepEqual(warned.map(({ prefix }) => prefix).sort(), Object.keys(bad).sort());
});

test('Redis killed, paused and restarted under load: no request fails, no count is lost or doubled', async t => {
  const { redis, vendor, start } = await setting(t, { durable: true });
  await redisClient(t, redis).hset('apiproxy:mappings', '/load', vendor.url);
  const servers = await Promise.all([start(folderOf(t)), start(folderOf(t))]);
  const statuses = new Map<number, number>();
  let sent = 0;
  let loading = true;
  const load = async (server: Server) => {
    while (loading) {
      sent += 1;
      const status = await statusOf(server, `/load/${sent % 7}`);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      // Enough to cross every flush; the cores are for the servers.
      await setTimeout(2);
    }
  };
  const loads = servers.flatMap(server => [load(server), load(server), load(server)]);
  const everyone = (wait: (server: Server) => Promise<void>) => Promise.all(servers.map(wait));
  const well = (server: Server) => untilHealth(server, 'ok');

  await everyone(well);
  await redis.kill();
  await everyone(untilCountsWait);
  await redis.start();
  await everyone(well);
  // A paused Redis has the batch in its socket and does it when it wakes up, long after the server gave it up.
  redis.pause();
  await everyone(untilCountsWait);
  redis.resume();
  await everyone(well);
  // Too short to be noticed by health, long enough to lose acknowledgements.
  for (let round = 0; round < 3; round += 1) await redis.restart();
  await everyone(well);

  loading = false;
  await Promise.all(loads);
  t.deepEqual([...statuses.keys()], [200]);
  t.log(`${sent} requests`);
  for (const server of servers) t.is(await server.untilCounted(sent, '/load'), sent);
  // And so it stays when the processes have ended and written their last.
  await Promise.all(servers.map(server => server.stop()));
  const successor = await start(folderOf(t));
  t.is(await successor.untilCounted(sent, '/load'), sent);
});

test('with Redis away at start the last copy serves, health says degraded, and all is written when it is back', async t => {
  const { redis, vendor, start } = await setting(t, { durable: true });
  const folder = folderOf(t);
  await redisClient(t, redis).hset('apiproxy:mappings', '/kept', vendor.url);
  const first = await start(folder);
  t.is(await statusOf(first, '/kept'), 200);
  t.is(await first.untilCounted(1, '/kept'), 1);
  await first.stop();
  await redis.kill();

  const second = await start(folder);
  t.is(await statusOf(second, '/kept'), 200);
  t.is(await statusOf(second, '/kept'), 200);
  t.is((await second.json('/health')).status, 'degraded');
  t.is(await statusOf(second, '/health/ready'), 200, 'it serves, so it is ready');
  const refused = await second.admin('POST', '/api/mappings', { prefix: '/new', target: vendor.url });
  t.is(refused.status, 503);
  t.is(refused.body.error.code, 'ERR_STORE_UNAVAILABLE');
  t.is(await statusOf(second, '/new'), 404, 'a write is never silently local');

  await redis.start();
  await untilHealth(second, 'ok');
  t.is(await second.untilCounted(3, '/kept'), 3);
});

test('a probe does not wait for a Redis that hangs', async t => {
  const { redis, start } = await setting(t);
  const server = await start(folderOf(t));
  redis.pause();
  // The admin API waits for Redis as long as a command may take; a probe would have given up by then.
  const listed = server.admin('GET', '/api/mappings').then(() => 'mappings listed');
  const probed = statusOf(server, '/health/ready').then(status => `probe answered ${status}`);
  t.is(await Promise.race([listed, probed]), 'probe answered 200');
  t.is((await server.json('/health')).status, 'degraded');
  redis.resume();
  await listed;
});

test('counts of a process that ended while Redis was away are written by its successor', async t => {
  const { redis, vendor, start } = await setting(t, { durable: true });
  const folder = folderOf(t);
  await redisClient(t, redis).hset('apiproxy:mappings', '/kept', vendor.url);
  const first = await start(folder);
  await redis.kill();
  for (let round = 0; round < 5; round += 1) t.is(await statusOf(first, '/kept'), 200);
  t.is(await first.stop(), 0);
  await redis.start();
  const second = await start(folder);
  t.is(await second.untilCounted(5, '/kept'), 5);
});

/** Requests that lie in the file of counts that wait. */
function spooledCount(folder: string): number {
  const file = join(folder, 'data', 'counters-spool.json');
  if (!existsSync(file)) return 0;
  const { batches, pending } = JSON.parse(readFileSync(file, 'utf8')) as SpooledCounters;
  return [...batches.flatMap(({ rows }) => rows), ...pending]
    .filter(({ series }) => series === 'p /kept')
    .reduce((sum, { values }) => sum + (values.requests ?? 0), 0);
}

test('kill -9 while Redis is away loses at most the counts of the last second, and doubles none', async t => {
  const { redis, vendor, start } = await setting(t, { durable: true });
  const folder = folderOf(t);
  await redisClient(t, redis).hset('apiproxy:mappings', '/kept', vendor.url);
  const first = await start(folder);
  t.is(await statusOf(first, '/kept'), 200);
  t.is(await first.untilCounted(1, '/kept'), 1);
  redis.pause();
  for (let round = 0; round < 10; round += 1) t.is(await statusOf(first, '/kept'), 200);
  while (spooledCount(folder) < 10) await setTimeout(20);
  await first.kill();
  // Now Redis does the batch that the process which is no more had sent.
  redis.resume();
  const second = await start(folder);
  t.is(await second.untilCounted(11, '/kept'), 11);
});

test('a first start without Redis serves no mapping, says so, and loads when Redis comes', async t => {
  const { redis, vendor, start } = await setting(t, { durable: true });
  await redisClient(t, redis).hset('apiproxy:mappings', '/late', vendor.url);
  await redis.kill();
  const server = await start(folderOf(t));
  t.is(await statusOf(server, '/health'), 200);
  t.is((await server.json('/health')).status, 'unavailable');
  t.is(await statusOf(server, '/health/ready'), 503);
  t.is(await statusOf(server, '/health/live'), 200);
  await redis.start();
  await untilHealth(server, 'ok');
  t.is(await statusOf(server, '/late'), 200);
});
