import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { Redis } from 'ioredis';
import { openRedis } from '../../src/stores/redis/open-redis.ts';
import type { Stores } from '../../src/stores/types.ts';
import { capturedLog } from '../support/captured-log.ts';
import { type RedisServer, type RedisServerOptions, startRedis } from '../support/redis.ts';
import { rowAt, totalOf } from './contract.ts';

async function server(t: ExecutionContext, options?: RedisServerOptions): Promise<RedisServer> {
  const started = await startRedis(options);
  t.teardown(() => started.stop());
  return started;
}

async function opened(t: ExecutionContext, port: number) {
  const captured = capturedLog();
  const stores = await openRedis({ host: '127.0.0.1', port, db: 0 }, { log: captured.log });
  t.teardown(() => stores.close());
  return { stores, captured };
}

const batchOf = (sequence: number, writer = 'w') => ({
  writer,
  sequence,
  rows: [rowAt('p /a', sequence * 60_000, { requests: 1 })],
});

/** Hands a batch in until the store has taken it, as the flush does. */
async function handIn(stores: Stores, batch: ReturnType<typeof batchOf>): Promise<void> {
  for (;;) {
    try {
      await stores.statistics.add(batch);
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ERR_STORE_UNAVAILABLE')) throw error;
      await pause(20);
    }
  }
}

test('with Redis away at start the store opens, and its calls fail at once until Redis is there', async t => {
  const redis = await server(t);
  await redis.kill();
  const { stores, captured } = await opened(t, redis.port);
  t.is(stores.kind, 'redis');
  t.is(await stores.ping(), 'degraded');
  await t.throwsAsync(stores.mappings.readAll(), { code: 'ERR_STORE_UNAVAILABLE', message: /not reachable/ });
  await t.throwsAsync(stores.statistics.add(batchOf(1)), { code: 'ERR_STORE_UNAVAILABLE' });
  await redis.start();
  await captured.line('connected again');
  t.is(await stores.ping(), 'ok');
  await stores.statistics.add(batchOf(1));
  t.is(await totalOf(stores.statistics, 'p /a', 'requests'), 1);
});

test('an outage is one line in the log, and its end another', async t => {
  const redis = await server(t);
  const { stores, captured } = await opened(t, redis.port);
  t.deepEqual(captured.lines, []);
  await redis.kill();
  await captured.line('not reachable');
  for (let round = 0; round < 5; round += 1) {
    await t.throwsAsync(stores.mappings.readAll(), { code: 'ERR_STORE_UNAVAILABLE' });
    await pause(50);
  }
  await redis.start();
  await captured.line('connected again');
  t.is(captured.lines.length, 2);
  t.notRegex(captured.lines.join(''), /127\.0\.0\.1/);
});

test('a batch whose acknowledgement was lost is counted once when it is sent again', async t => {
  const redis = await server(t);
  const relay = await losingRelay(t, redis.port);
  const { stores } = await opened(t, relay.port);
  await stores.statistics.add(batchOf(1));
  const lost = relay.loseNextReply();
  await t.throwsAsync(stores.statistics.add(batchOf(2)), { code: 'ERR_STORE_UNAVAILABLE' });
  await lost;
  const direct = await opened(t, redis.port);
  t.is(await totalOf(direct.stores.statistics, 'p /a', 'requests'), 2);
  await handIn(stores, batchOf(2));
  await handIn(stores, batchOf(3));
  t.is(await totalOf(direct.stores.statistics, 'p /a', 'requests'), 3);
});

test('a paused Redis fails a batch in time, and counts it once although it comes twice then', async t => {
  const redis = await server(t);
  const { stores } = await opened(t, redis.port);
  await stores.statistics.add(batchOf(1));
  redis.pause();
  await t.throwsAsync(stores.statistics.add(batchOf(2)), {
    code: 'ERR_STORE_UNAVAILABLE',
    message: /in time/,
  });
  t.is(await stores.ping(), 'degraded');
  redis.resume();
  await handIn(stores, batchOf(2));
  t.is(await totalOf(stores.statistics, 'p /a', 'requests'), 2);
});

test('killed and restarted under writes from two processes, Redis ends with every count, once', async t => {
  const redis = await server(t, { durable: true });
  const writers = await Promise.all([opened(t, redis.port), opened(t, redis.port)]);
  const counted = writers.map(() => 0);
  let over = false;
  const outages = (async () => {
    for (const goal of [10, 20, 30, 40]) {
      while (counted.some(batches => batches < goal)) await pause(5);
      await redis.restart();
    }
    over = true;
  })();
  await Promise.all(
    writers.map(async ({ stores }, number) => {
      while (!over) {
        await handIn(stores, batchOf(counted[number]! + 1, `writer ${number}`));
        counted[number]! += 1;
      }
    }),
  );
  await outages;
  const { stores } = await opened(t, redis.port);
  t.is(await totalOf(stores.statistics, 'p /a', 'requests'), counted[0]! + counted[1]!);
});

test('a Redis that turned into a replica refuses writes in clear words, and they go on after its return', async t => {
  const redis = await server(t);
  const { stores } = await opened(t, redis.port);
  const cli = new Redis({ host: '127.0.0.1', port: redis.port });
  t.teardown(() => cli.disconnect());
  await cli.replicaof('127.0.0.1', '1');
  await t.throwsAsync(stores.mappings.create('/a', 'https://a.example'), {
    code: 'ERR_STORE_UNAVAILABLE',
    message: /read-only/,
  });
  await cli.replicaof('NO', 'ONE');
  await handIn(stores, batchOf(1));
  t.is(await totalOf(stores.statistics, 'p /a', 'requests'), 1);
});

test('closing ends while Redis is paused, and while it is away', async t => {
  const redis = await server(t);
  const first = await opened(t, redis.port);
  const second = await opened(t, redis.port);
  for (const { stores } of [first, second]) stores.mappings.watch(() => {});
  redis.pause();
  await first.stores.close();
  redis.resume();
  await redis.kill();
  await second.captured.line('(store): The shared store (Redis) is not reachable');
  await second.stores.close();
  await t.throwsAsync(second.stores.mappings.readAll(), { code: 'ERR_STORE_UNAVAILABLE' });
});

/** A relay before Redis that can cut a connection in place of handing on a reply. */
async function losingRelay(t: ExecutionContext, port: number) {
  let lose: (() => void) | undefined;
  const sockets = new Set<Socket>();
  const relay = createServer(client => {
    const redis = connect(port, '127.0.0.1');
    for (const socket of [client, redis]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        client.destroy();
        redis.destroy();
      });
    }
    client.on('data', chunk => redis.write(chunk));
    redis.on('data', chunk => {
      if (lose === undefined) {
        client.write(chunk);
        return;
      }
      lose();
      lose = undefined;
      client.destroy();
    });
  }).listen(0, '127.0.0.1');
  await once(relay, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    relay.close();
  });
  return {
    port: (relay.address() as AddressInfo).port,
    /** Resolves when Redis has replied and the reply was thrown away. */
    loseNextReply: () =>
      new Promise<void>(resolve => {
        lose = resolve;
      }),
  };
}
