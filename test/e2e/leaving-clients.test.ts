import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { ask, openRawClient } from '../support/raw-client.ts';
import { type Answering, answerText, startRawUpstream } from '../support/raw-upstream.ts';
import { type Server, startServer } from '../support/server.ts';

let server: Server;
test.before(async () => {
  server = await startServer();
});
test.after.always(() => server?.stop());

let prefixes = 0;

async function vendor(t: ExecutionContext, answer: Answering) {
  const upstream = await startRawUpstream(answer);
  t.teardown(upstream.close);
  prefixes += 1;
  const prefix = `/leave${prefixes}`;
  await server.map(prefix, upstream.url);
  return { upstream, prefix };
}

async function aborted(prefix: string): Promise<{ requests: number; aborted: number; errors: number }> {
  const { prefixes: rows } = (await server.json('/stats?window=total')).windows.total;
  return rows.find((row: { prefix: string }) => row.prefix === prefix);
}

test.serial('a client that leaves before its request is whole troubles nobody', async t => {
  const { prefix, upstream } = await vendor(t, exchange => exchange.send(answerText('ok')));
  for (const beginning of ['', 'GET', `GET ${prefix} HTTP/1.1\r\nHost: x\r\n`]) {
    for (const leave of ['destroy', 'resetAndDestroy', 'end'] as const) {
      const client = await openRawClient(server.port);
      client.send(beginning);
      client.socket[leave]();
      await client.gone;
    }
  }
  t.is(upstream.accepted, 0);
  t.is((await ask(server.port, `GET ${prefix} HTTP/1.1\r\nHost: x\r\n\r\n`)).status, 200);
});

test.serial('a client that leaves during its upload ends the upload', async t => {
  const { prefix, upstream } = await vendor(t, async exchange => {
    await exchange.body();
  });
  const framings = ['Content-Length: 1000000', 'Transfer-Encoding: chunked'];
  for (const framing of framings) {
    const asked = upstream.next();
    const client = await openRawClient(server.port);
    client.send(`POST ${prefix} HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n3e8\r\n${'x'.repeat(1000)}\r\n`);
    const exchange = await asked;
    client.socket.destroy();
    await exchange.gone;
    t.false((await exchange.body()).complete, 'a half upload must not look whole');
  }
  t.is(await server.untilCounted(2, prefix), 2);
  t.like(await aborted(prefix), { aborted: 2, errors: 0 });
});

test.serial('a client that leaves during the answer ends the answer', async t => {
  const { prefix, upstream } = await vendor(t, exchange => {
    exchange.send('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n');
  });
  const asked = upstream.next();
  const client = await openRawClient(server.port);
  client.send(`GET ${prefix} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await client.source.until('data: 1\n\n');
  client.socket.destroy();
  await (await asked).gone;
  t.is(await server.untilCounted(1, prefix), 1);
  t.like(await aborted(prefix), { aborted: 1, errors: 0 });
});

test.serial('a client that leaves after the answer leaves the connection to the vendor as it is', async t => {
  const { prefix, upstream } = await vendor(t, exchange => exchange.send(answerText('ok')));
  for (let round = 0; round < 5; round += 1) {
    t.is((await ask(server.port, `GET ${prefix} HTTP/1.1\r\nHost: x\r\n\r\n`)).status, 200);
  }
  t.is(upstream.accepted, 1);
  t.is(await server.untilCounted(5, prefix), 5);
  t.like(await aborted(prefix), { aborted: 0, errors: 0 });
});

const WHOLE_BYTES = 128 * 1024 * 1024;
const PIECE = Buffer.alloc(256 * 1024, 'x');

/** Writes `WHOLE_BYTES` as fast as the other side takes them. */
async function pour(socket: Socket): Promise<void> {
  for (let sent = 0; sent < WHOLE_BYTES; sent += PIECE.length) {
    if (!socket.write(PIECE)) await once(socket, 'drain');
  }
}

/** What a writer got rid of when it has not got rid of more for half a second. */
async function stalledAt(socket: Socket): Promise<number> {
  const written = () => socket.bytesWritten - socket.writableLength;
  for (let before = -1; before !== written(); ) {
    before = written();
    await setTimeout(500);
  }
  return written();
}

/** Reads and counts to the end of the connection. */
async function drain(socket: Socket): Promise<number> {
  let count = 0;
  for await (const piece of socket) count += (piece as Buffer).length;
  return count;
}

function residentBytes(): Promise<number> {
  return server.json('/stats').then(stats => stats.performance.memory_usage_mb * 1024 * 1024);
}

test.serial('a slow reader slows the vendor down, and memory stays flat', async t => {
  const { prefix, upstream } = await vendor(t, async exchange => {
    exchange.send(`HTTP/1.1 200 OK\r\nContent-Length: ${WHOLE_BYTES}\r\n\r\n`);
    await pour(exchange.socket);
  });
  const before = await residentBytes();
  const asked = upstream.next();
  const client = createConnection({ port: server.port, host: '127.0.0.1' });
  client.write(`GET ${prefix} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  const { socket } = await asked;
  const stalled = await stalledAt(socket);
  t.log(`the vendor got rid of ${stalled} bytes`);
  // What the kernel holds on two connections, and not a large part of the body.
  t.true(stalled < WHOLE_BYTES / 4);
  t.true((await residentBytes()) - before < 32 * 1024 * 1024);
  t.true((await drain(client)) > WHOLE_BYTES);
  t.is(await server.untilCounted(1, prefix), 1);
});

test.serial('a vendor that reads slowly slows the client down, and memory stays flat', async t => {
  const start = Promise.withResolvers<void>();
  const { prefix, upstream } = await vendor(t, async exchange => {
    exchange.socket.pause();
    await start.promise;
    exchange.socket.resume();
    const { data } = await exchange.body();
    exchange.send(answerText(String(data.length)));
  });
  const before = await residentBytes();
  const asked = upstream.next();
  const client = await openRawClient(server.port);
  const whole = WHOLE_BYTES / 2;
  client.send(`POST ${prefix} HTTP/1.1\r\nHost: x\r\nContent-Length: ${whole}\r\n\r\n`);
  const pouring = (async () => {
    for (let sent = 0; sent < whole; sent += PIECE.length) {
      if (!client.socket.write(PIECE)) await once(client.socket, 'drain');
    }
  })();
  await asked;
  const stalled = await stalledAt(client.socket);
  t.log(`the client got rid of ${stalled} bytes`);
  t.true(stalled < whole / 2);
  t.true((await residentBytes()) - before < 32 * 1024 * 1024);
  start.resolve();
  await pouring;
  t.is(String((await client.answer()).body.data), String(whole));
  client.socket.destroy();
});
