import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { WebSocket, WebSocketServer } from 'ws';
import { type Authority, createAuthority } from '../support/certificates.ts';
import { fastClock } from '../support/fast-clock.ts';
import { openRawClient } from '../support/raw-client.ts';
import { answerText, startRawUpstream } from '../support/raw-upstream.ts';
import { type Server, startServer } from '../support/server.ts';

// Nobody waits for six minutes here: the server's clock runs sixty times as fast as ours, timers of Node's own included.
// That it does is shown by a time limit which the server does have, and by the durations that it logs.
const SPEED = 60;
const SILENCE_MS = 6 * 60_000;

let authority: Authority;
let server: Server;
test.before(async () => {
  authority = createAuthority();
  server = await startServer({
    env: {
      ...fastClock(SPEED),
      LOG_REQUESTS: 'all',
      // A tenth of a second of a busy machine is six to this server.
      UPSTREAM_CONNECT_TIMEOUT_MS: '600000',
      UPSTREAM_HTTP2: 'true',
      UPSTREAM_CA: `/http2=${authority.file}`,
    },
  });
});
test.after.always(async () => {
  await server?.stop();
  authority?.remove();
});

/** Lets more than six minutes pass on the server's clock. */
async function silence(): Promise<void> {
  const clock = async () => (await server.json('/stats')).generated_at_ms as number;
  const untilMs = (await clock()) + SILENCE_MS + 5_000;
  while ((await clock()) < untilMs) await setTimeout(100);
}

/** What the server measured of the one request under a prefix. */
async function measured(prefix: string) {
  const line = await server.line(({ msg, prefix: of }) => msg === 'request' && of === prefix);
  return { status: line.status, silent: Number(line.duration_ms) > SILENCE_MS };
}

test('six minutes without a head are no reason to give up', async t => {
  const upstream = await startRawUpstream(async exchange => {
    await exchange.body();
    await silence();
    exchange.send(answerText('thought it over'));
  });
  t.teardown(upstream.close);
  await server.map('/head', upstream.url);
  const client = await openRawClient(server.port);
  t.teardown(() => client.socket.destroy());
  client.send('POST /head HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}');
  t.is(String((await client.answer()).body.data), 'thought it over');
  t.deepEqual(await measured('/head'), { status: 200, silent: true });
});

test('six minutes of silence within a stream are no reason to cut it', async t => {
  const upstream = await startRawUpstream(async exchange => {
    exchange.send('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n');
    exchange.send('9\r\ndata: 1\n\n\r\n');
    await silence();
    exchange.send('9\r\ndata: 2\n\n\r\n0\r\n\r\n');
  });
  t.teardown(upstream.close);
  await server.map('/stream', upstream.url);
  const client = await openRawClient(server.port);
  t.teardown(() => client.socket.destroy());
  client.send('GET /stream HTTP/1.1\r\nHost: x\r\n\r\n');
  const { body } = await client.answer();
  t.is(String(body.data), 'data: 1\n\ndata: 2\n\n');
  t.true(body.complete);
  t.deepEqual(await measured('/stream'), { status: 200, silent: true });
});

test('six minutes of silence within an upload are no reason to cut it', async t => {
  const upstream = await startRawUpstream(async exchange => {
    const { data } = await exchange.body();
    exchange.send(answerText(String(data)));
  });
  t.teardown(upstream.close);
  await server.map('/upload', upstream.url);
  const client = await openRawClient(server.port);
  t.teardown(() => client.socket.destroy());
  client.send('POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n');
  await silence();
  client.send('5\r\n done\r\n0\r\n\r\n');
  t.is(String((await client.answer()).body.data), 'half done');
  t.deepEqual(await measured('/upload'), { status: 200, silent: true });
});

test('six minutes without a message are no reason to close a WebSocket', async t => {
  const upstream = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(upstream, 'listening');
  t.teardown(() => void upstream.close());
  upstream.on('connection', socket => socket.on('message', data => socket.send(`got ${data}`)));
  await server.map('/socket', `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`);
  const client = new WebSocket(`ws://127.0.0.1:${server.port}/socket`);
  await once(client, 'open');
  await silence();
  client.send('late');
  t.is(String((await once(client, 'message'))[0]), 'got late');
  client.close();
  await once(client, 'close');
  t.deepEqual(await measured('/socket'), { status: 101, silent: true });
});

test('six minutes of silence of an HTTP/2 vendor are borne too', async t => {
  const upstream = createSecureServer(authority.issue('IP:127.0.0.1'), async (_request, response) => {
    await silence();
    response.end('late');
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  t.teardown(() => void upstream.close());
  await server.map('/http2', `https://127.0.0.1:${(upstream.address() as AddressInfo).port}`);
  const client = await openRawClient(server.port);
  t.teardown(() => client.socket.destroy());
  client.send('GET /http2 HTTP/1.1\r\nHost: x\r\n\r\n');
  t.is(String((await client.answer()).body.data), 'late');
  t.deepEqual(await measured('/http2'), { status: 200, silent: true });
});

test('the clock runs fast for every timer: a head that dribbles is refused after its minute', async t => {
  const client = await openRawClient(server.port);
  t.teardown(() => client.socket.destroy());
  client.send('GET /head HTTP/1.1\r\nHost: x\r\nX-Slow: ');
  const { status, body } = await client.answer();
  t.is(status, 408);
  t.is(JSON.parse(String(body.data)).error.code, 'ERR_TIMEOUT');
  await client.gone;
});
