import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { type ServerOptions, WebSocket, WebSocketServer } from 'ws';
import { openRawClient } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { type Server, startServer } from '../support/server.ts';

let server: Server;
test.before(async () => {
  server = await startServer();
});
test.after.always(() => server?.stop());

let prefixes = 0;

/** A WebSocket vendor and the address that leads to it through the proxy. */
async function vendor(t: ExecutionContext, options: ServerOptions = {}) {
  const upstream = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  await once(upstream, 'listening');
  t.teardown(() => {
    for (const client of upstream.clients) client.terminate();
    upstream.close();
  });
  prefixes += 1;
  const prefix = `/ws${prefixes}`;
  await server.map(prefix, `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`);
  const address = `ws://127.0.0.1:${server.port}${prefix}/realtime?model=x`;
  const accepted = once(upstream, 'connection') as Promise<[WebSocket, IncomingMessage]>;
  return { upstream, address, prefix, accepted };
}

async function opened(address: string, ...rest: unknown[]): Promise<WebSocket> {
  const socket = new (WebSocket as never as new (...parameters: unknown[]) => WebSocket)(address, ...rest);
  await once(socket, 'open');
  return socket;
}

test('text and binary messages pass both ways, empty and large ones too', async t => {
  const { address, accepted } = await vendor(t);
  const client = await opened(address);
  const [upstream, request] = await accepted;
  t.is(request.url, '/realtime?model=x');
  const messages = [
    '',
    'héllo 你好 🎉',
    Buffer.alloc(0),
    randomBytes(126),
    randomBytes(70_000),
    randomBytes(3_000_000),
  ];
  upstream.on('message', (data, isBinary) => upstream.send(data, { binary: isBinary }));
  for (const message of messages) {
    client.send(message);
    const [data, isBinary] = await once(client, 'message');
    t.is(isBinary, typeof message !== 'string');
    t.true(Buffer.from(message as string).equals(data as Buffer));
  }
  client.terminate();
});

test('pings and pongs pass both ways with what they carry', async t => {
  const { address, accepted } = await vendor(t);
  const client = await opened(address);
  const [upstream] = await accepted;
  client.ping('from client');
  t.is(String((await once(upstream, 'ping'))[0]), 'from client');
  t.is(String((await once(client, 'pong'))[0]), 'from client');
  upstream.ping('from upstream');
  t.is(String((await once(client, 'ping'))[0]), 'from upstream');
  t.is(String((await once(upstream, 'pong'))[0]), 'from upstream');
  client.terminate();
});

test('close codes and reasons pass both ways', async t => {
  const fromUpstream = await vendor(t);
  const client = await opened(fromUpstream.address);
  const [upstream] = await fromUpstream.accepted;
  const clientClosed = once(client, 'close');
  upstream.close(4001, 'session expired');
  const [code, reason] = await clientClosed;
  t.deepEqual([code, String(reason)], [4001, 'session expired']);

  const fromClient = await vendor(t);
  const other = await opened(fromClient.address);
  const [itsUpstream] = await fromClient.accepted;
  const upstreamClosed = once(itsUpstream, 'close');
  other.close(1000, 'bye');
  const [itsCode, itsReason] = await upstreamClosed;
  t.deepEqual([itsCode, String(itsReason)], [1000, 'bye']);
});

test('a subprotocol and compression are agreed upon between client and vendor', async t => {
  const { address, accepted } = await vendor(t, {
    handleProtocols: offered => (offered.has('openai-beta.v1') ? 'openai-beta.v1' : false),
    perMessageDeflate: { threshold: 0 },
  });
  const client = await opened(address, ['realtime', 'openai-beta.v1'], { perMessageDeflate: true });
  const [upstream, request] = await accepted;
  t.is(request.headers['sec-websocket-protocol'], 'realtime,openai-beta.v1');
  t.is(client.protocol, 'openai-beta.v1');
  t.regex(client.extensions, /permessage-deflate/);
  upstream.send('a'.repeat(10_000));
  t.is(String((await once(client, 'message'))[0]), 'a'.repeat(10_000));
  client.terminate();
});

test('a refused handshake reaches the client with its status, fields and body', async t => {
  const { address } = await vendor(t, {
    verifyClient: (_info, answer) => answer(false, 401, 'invalid key', { 'X-Reason': 'key' }),
  });
  const client = new WebSocket(address);
  client.on('error', () => {});
  const [, response] = (await once(client, 'unexpected-response')) as [unknown, IncomingMessage];
  t.is(response.statusCode, 401);
  t.is(response.headers['x-reason'], 'key');
  t.is(String(Buffer.concat(await response.toArray())), 'invalid key');
});

test('a vendor that dies is a client that is closed without a close frame, and the other way round', async t => {
  const dying = await vendor(t);
  const client = await opened(dying.address);
  const [upstream] = await dying.accepted;
  const closed = once(client, 'close');
  upstream.terminate();
  t.is((await closed)[0], 1006);

  const leaving = await vendor(t);
  const other = await opened(leaving.address);
  const [itsUpstream] = await leaving.accepted;
  const itsClosed = once(itsUpstream, 'close');
  other.terminate();
  t.is((await itsClosed)[0], 1006);
});

test('a session is counted once, as what it was, when it has ended', async t => {
  const { address, accepted, prefix } = await vendor(t);
  const client = await opened(address);
  const [upstream] = await accepted;
  client.send('x'.repeat(1000));
  await once(upstream, 'message');
  client.close();
  await once(client, 'close');
  t.is(await server.untilCounted(1, prefix), 1);
  const { prefixes: rows } = (await server.json('/stats?window=total')).windows.total;
  const row = rows.find((found: { prefix: string }) => found.prefix === prefix);
  t.is(row.status['1xx'], 1);
  t.is(row.errors, 0);
  t.true(row.bytes_in >= 1000);
});

test('a vendor that does not switch leaves bytes behind the request unread', async t => {
  const upstream = await startRawUpstream(exchange => {
    exchange.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  });
  t.teardown(upstream.close);
  await server.map('/no-switch', upstream.url);
  const client = await openRawClient(server.port);
  const handshake = ['Host: x', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
  client.send(
    `GET /no-switch/ HTTP/1.1\r\n${handshake.join('\r\n')}\r\n\r\nGET /no-switch/smuggled HTTP/1.1\r\n\r\n`,
  );
  t.is((await client.answer()).status, 200);
  await client.gone;
  t.deepEqual(
    upstream.exchanges.map(({ target }) => target),
    ['/'],
  );
});
