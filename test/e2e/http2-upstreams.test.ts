import { once } from 'node:events';
import {
  constants,
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import OpenAI from 'openai';
import { type Authority, createAuthority } from '../support/certificates.ts';
import { ask, openRawClient } from '../support/raw-client.ts';
import { fieldValue, fieldValues } from '../support/raw-message.ts';
import { type Server, startServer } from '../support/server.ts';
import { collect } from './sdk.ts';

let authority: Authority;
let server: Server;
test.before(async () => {
  authority = createAuthority();
  const prefixes = Array.from({ length: 20 }, (_, index) => `/h${index}=${authority.file}`);
  server = await startServer({ env: { UPSTREAM_HTTP2: 'true', UPSTREAM_CA: prefixes.join(',') } });
});
test.after.always(async t => {
  if (server !== undefined) t.is((await server.json('/stats')).performance.open_streams, 0);
  await server?.stop();
  authority?.remove();
});

let prefixes = 0;

/** A vendor that speaks HTTP/2 alone. */
async function vendor(
  t: ExecutionContext,
  answer: (request: Http2ServerRequest, response: Http2ServerResponse) => unknown,
) {
  const upstream = createSecureServer(authority.issue('IP:127.0.0.1'), answer);
  const sessions = new Set<ServerHttp2Session>();
  let accepted = 0;
  upstream.on('session', session => {
    accepted += 1;
    sessions.add(session);
    session.on('error', () => {});
    session.on('close', () => sessions.delete(session));
  });
  upstream.on('stream', (stream: ServerHttp2Stream) => stream.on('error', () => {}));
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  t.teardown(() => {
    for (const session of sessions) session.destroy();
    upstream.close();
  });
  const prefix = `/h${prefixes}`;
  prefixes += 1;
  const { port } = upstream.address() as AddressInfo;
  await server.map(prefix, `https://127.0.0.1:${port}`);
  return { prefix, port, sessions, accepted: () => accepted };
}

test('an SDK streams a chat from a vendor that speaks HTTP/2', async t => {
  let received: Http2ServerRequest | undefined;
  let body = '';
  const { prefix, port } = await vendor(t, async (request, response) => {
    received = request;
    for await (const piece of request) body += piece;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'set-cookie': ['a=1', 'b=2'] });
    for (const content of ['你', '好']) {
      const choices = [{ index: 0, delta: { content }, finish_reason: null }];
      response.write(`data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', choices })}\n\n`);
    }
    response.end('data: [DONE]\n\n');
  });
  const openai = new OpenAI({ baseURL: `${server.url}${prefix}/v1`, apiKey: 'sk-test', maxRetries: 0 });
  const messages = [{ role: 'user' as const, content: 'hello' }];
  const { data, response } = await openai.chat.completions
    .create({ model: 'm', messages, stream: true })
    .withResponse();
  const chunks = await collect(data);
  t.deepEqual(
    chunks.map(({ choices }) => choices[0]!.delta.content),
    ['你', '好'],
  );
  t.deepEqual(response.headers.getSetCookie(), ['a=1', 'b=2']);
  const { headers } = received!;
  t.is(headers[':method'], 'POST');
  t.is(headers[':path'], '/v1/chat/completions');
  t.is(headers[':authority'], `127.0.0.1:${port}`);
  t.is(headers.authorization, 'Bearer sk-test');
  t.regex(String(headers.via), /^1\.1 switchyard-/);
  t.deepEqual(
    Object.keys(headers).filter(name =>
      ['connection', 'keep-alive', 'host', 'transfer-encoding'].includes(name),
    ),
    [],
  );
  t.like(JSON.parse(body), { model: 'm', stream: true });
});

test('a large body goes up in chunks and comes back, over one connection with others', async t => {
  const { prefix, accepted } = await vendor(t, (request, response) => void request.pipe(response));
  const bodies = ['x'.repeat(3_000_000), 'y'.repeat(10), ''];
  const answers = await Promise.all(
    bodies.map(async body => (await fetch(server.url + prefix, { method: 'POST', body })).text()),
  );
  t.deepEqual(
    answers.map(text => text.length),
    bodies.map(text => text.length),
  );
  t.true(accepted() <= bodies.length);
  await Promise.all(
    Array.from({ length: 50 }, () => ask(server.port, `GET ${prefix} HTTP/1.1\r\nHost: x\r\n\r\n`)),
  );
  t.true(accepted() <= bodies.length, 'fifty at once share what is there');
});

test('trailers and interim answers pass', async t => {
  const { prefix } = await vendor(t, (_request, response) => {
    response.stream.additionalHeaders({ ':status': 103, link: '</a>; rel=preload' });
    response.addTrailers({ 'x-checksum': 'abc' });
    response.end('ok');
  });
  const client = await openRawClient(server.port);
  client.send(`GET ${prefix} HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: TE\r\n\r\n`);
  const hints = await client.head();
  t.regex(hints.startLine, /^HTTP\/1\.1 103/);
  t.is(fieldValue(hints.fields, 'link'), '</a>; rel=preload');
  const { body } = await client.answer();
  t.is(String(body.data), 'ok');
  t.deepEqual(fieldValues(body.trailers, 'x-checksum'), ['abc']);
  client.socket.destroy();
});

test('a stream that is reset before its head is 502, within its body a broken answer, and so is a lost connection', async t => {
  const { prefix } = await vendor(t, (request, response) => {
    if (request.url === '/before') return response.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    response.write('half');
    if (request.url === '/within')
      setImmediate(() => response.stream.close(constants.NGHTTP2_INTERNAL_ERROR));
    else setImmediate(() => request.stream.session?.destroy());
  });
  const before = await ask(server.port, `GET ${prefix}/before HTTP/1.1\r\nHost: x\r\n\r\n`);
  t.is(before.status, 502);
  t.is(JSON.parse(String(before.body.data)).error.code, 'ERR_UPSTREAM_RESET');
  for (const path of ['/within', '/lost']) {
    for (const version of ['1.1', '1.0']) {
      const client = await openRawClient(server.port);
      client.send(`GET ${prefix}${path} HTTP/${version}\r\nHost: x\r\n\r\n`);
      const { body } = await client.answer();
      const clean = version === '1.1' ? body.complete : client.source.ending === 'end';
      t.false(clean, `${path} for HTTP/${version}`);
      client.socket.destroy();
    }
  }
});

test('a client that leaves cancels its stream alone', async t => {
  const gate = Promise.withResolvers<void>();
  const left = Promise.withResolvers<number>();
  const { prefix, accepted } = await vendor(t, async (request, response) => {
    response.write('begun');
    if (request.url === '/leaving') {
      request.stream.on('close', () => left.resolve(request.stream.rstCode));
    } else {
      await gate.promise;
      response.end(' and done');
    }
  });
  const staying = fetch(`${server.url}${prefix}/staying`);
  const client = await openRawClient(server.port);
  client.send(`GET ${prefix}/leaving HTTP/1.1\r\nHost: x\r\n\r\n`);
  await client.source.until('begun');
  client.socket.destroy();
  t.is(await left.promise, constants.NGHTTP2_CANCEL);
  gate.resolve();
  t.is(await (await staying).text(), 'begun and done');
  t.true(accepted() <= 2);
  t.is(await server.untilCounted(2, prefix), 2);
});

test('a thousand requests whose clients leave leave no stream behind', async t => {
  let open = 0;
  const idle = async () => {
    while (open > 0) await setTimeout(20);
  };
  const { prefix } = await vendor(t, (request, response) => {
    if (request.url === '/whole') return response.end('ok');
    open += 1;
    request.stream.on('close', () => {
      open -= 1;
    });
    response.write('begun');
  });
  let left = 1000;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      const client = await openRawClient(server.port);
      client.send(`GET ${prefix} HTTP/1.1\r\nHost: x\r\n\r\n`);
      if (left % 2 === 0) await client.source.until('begun');
      client.socket.resetAndDestroy();
    }
  };
  await Promise.all(Array.from({ length: 20 }, worker));
  await idle();
  t.is((await ask(server.port, `GET ${prefix}/whole HTTP/1.1\r\nHost: x\r\n\r\n`)).status, 200);
  t.is(open, 0);
});

test('a slow reader slows an HTTP/2 vendor down', async t => {
  const whole = 64 * 1024 * 1024;
  let sent = 0;
  const { prefix } = await vendor(t, async (_request, response) => {
    response.writeHead(200, { 'content-length': whole });
    for (const piece = Buffer.alloc(64 * 1024); sent < whole; sent += piece.length) {
      if (!response.write(piece)) await once(response, 'drain');
    }
    response.end();
  });
  const client = await openRawClient(server.port);
  client.socket.pause();
  client.send(`GET ${prefix} HTTP/1.1\r\nHost: x\r\n\r\n`);
  for (let before = -1; before !== sent || sent === 0; ) {
    before = sent;
    await setTimeout(500);
  }
  t.true(sent < whole / 4, `${sent}`);
  client.socket.resume();
  t.is((await client.answer()).body.data.length, whole);
  client.socket.destroy();
});
