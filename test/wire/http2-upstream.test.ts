import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http2';
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import test, { type ExecutionContext } from 'ava';
import { createAddressGuard } from '../../src/wire/address-guard.ts';
import { createDial } from '../../src/wire/dial.ts';
import { openUpstream } from '../../src/wire/open-upstream.ts';
import type {
  ResponseHead,
  WireExchange,
  WireFailure,
  WireHandler,
  WireRequest,
} from '../../src/wire/types.ts';
import type { Upstream } from '../../src/wire/upstream.ts';
import { createAuthority } from '../support/certificates.ts';

const authority = createAuthority();
const identity = authority.issue('DNS:localhost');
test.after.always(() => authority.remove());

const POST: WireRequest = {
  method: 'POST',
  path: '/v1/x?y=%2F',
  headers: [
    'Host',
    'localhost',
    'X-Case',
    'A',
    'x-case',
    'B',
    'Cookie',
    'a=1',
    'TE',
    'trailers',
    'Connection',
    'TE',
    'Content-Length',
    '2',
  ],
  body: 'length',
  upgrade: false,
  expectContinue: false,
};

type Serve = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

async function open(t: ExecutionContext, serve: Serve, options: { allowHTTP1?: boolean } = {}) {
  const server: Http2SecureServer = createSecureServer({
    ...identity,
    allowHTTP1: options.allowHTTP1 === true,
  });
  const sessions: ServerHttp2Session[] = [];
  server.on('session', session => sessions.push(session));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    serve(stream as ServerHttp2Stream, headers);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const dial = createDial({
    connectTimeoutMs: 5000,
    guard: createAddressGuard({ allowPrivate: true }),
    noProxy: '',
  });
  const upstream = openUpstream(
    {
      tls: true,
      hostname: 'localhost',
      port,
      authority: `localhost:${port}`,
      ca: authority.cert,
      http2: true,
    },
    dial,
  );
  t.teardown(() => {
    upstream.retire();
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { upstream, sessions, server, port };
}

function ask(upstream: Upstream, request: WireRequest, wholeBody?: Buffer) {
  const seen = {
    head: undefined as ResponseHead | undefined,
    body: '',
    interim: [] as number[],
    trailers: [] as readonly string[],
  };
  let exchange: WireExchange | undefined;
  let onDrain: (() => void) | undefined;
  const done = new Promise<WireFailure | undefined>(resolve => {
    const handler: WireHandler = {
      onInformational: head => seen.interim.push(head.status),
      onHead: head => {
        seen.head = head;
      },
      onData: piece => {
        seen.body += piece.toString('latin1');
      },
      onPacketEnd: () => true,
      onEnd: trailers => {
        seen.trailers = trailers;
        resolve(undefined);
      },
      onUpgrade: () => undefined,
      onDrain: () => onDrain?.(),
      onFailure: failure => resolve(failure),
    };
    exchange = upstream.send(request, handler, { wholeBody });
  });
  return { seen, done, exchange: exchange!, whenWritable: (task: () => void) => (onDrain = task) };
}

test('a request is mapped to HTTP/2 without connection fields, its answer back', async t => {
  let got: IncomingHttpHeaders = {};
  let body = '';
  const { upstream, port } = await open(t, (stream, headers) => {
    got = headers;
    stream.on('data', piece => {
      body += piece;
    });
    stream.on('end', () => {
      stream.additionalHeaders({ ':status': 103, link: '</x>' });
      stream.respond(
        { ':status': 201, 'set-cookie': ['a=1', 'b=2'], 'x-up': 'y' },
        { waitForTrailers: true },
      );
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': 'abc' }));
      stream.end('made');
    });
  });
  const { seen, done } = ask(upstream, POST, Buffer.from('hi'));
  t.is(await done, undefined);
  t.is(got[':path'], '/v1/x?y=%2F');
  t.is(got[':authority'], `localhost:${port}`);
  t.is(got['x-case'], 'A, B');
  t.is(got.te, 'trailers');
  t.is(got.connection, undefined);
  t.is(got.host, undefined);
  t.is(body, 'hi');
  t.is(seen.head?.status, 201);
  t.is(seen.head?.reason, 'Created');
  t.deepEqual(seen.interim, [103]);
  t.is(seen.body, 'made');
  t.deepEqual(seen.trailers, ['x-sum', 'abc']);
  t.deepEqual(
    seen.head?.headers.filter(
      (_, index, list) => list[index - (index % 2)] === 'set-cookie' && index % 2 === 1,
    ),
    ['a=1', 'b=2'],
  );
});

test('many exchanges share one connection', async t => {
  const { upstream, sessions } = await open(t, stream => {
    stream.respond({ ':status': 200 });
    stream.end('ok');
  });
  const exchanges = Array.from({ length: 20 }, () =>
    ask(upstream, { ...POST, headers: ['Host', 'x'], body: 'none', method: 'GET' }),
  );
  for (const { done, seen } of exchanges) {
    t.is(await done, undefined);
    t.is(seen.body, 'ok');
  }
  t.is(sessions.length, 1);
});

test('a body that is streamed arrives with its trailers', async t => {
  let body = '';
  let trailers: IncomingHttpHeaders = {};
  const { upstream } = await open(t, stream => {
    stream.on('data', piece => {
      body += piece;
    });
    stream.on('trailers', fields => {
      trailers = fields;
    });
    stream.on('end', () => {
      stream.respond({ ':status': 200 });
      stream.end('ok');
    });
  });
  const { exchange, done, whenWritable } = ask(upstream, {
    ...POST,
    headers: ['Host', 'x'],
    body: 'chunked',
  });
  whenWritable(() => {
    exchange.write(Buffer.from('one'));
    exchange.write(Buffer.from('two'));
    exchange.end(['X-Sum', 'abc']);
  });
  t.is(await done, undefined);
  t.is(body, 'onetwo');
  t.is(trailers['x-sum'], 'abc');
});

test('a stream that is reset midway is a broken answer', async t => {
  const { upstream } = await open(t, stream => {
    stream.respond({ ':status': 200 });
    stream.write('half', () => stream.destroy(new Error('midway')));
  });
  const { done } = ask(upstream, POST, Buffer.from('hi'));
  const failure = await done;
  t.true(failure?.answerBegun);
  t.false(failure?.nothingSent);
});

test('a refused stream says that the request may be repeated', async t => {
  const { upstream } = await open(t, stream => stream.close(constants.NGHTTP2_REFUSED_STREAM));
  const failure = await ask(upstream, POST, Buffer.from('hi')).done;
  t.true(failure?.nothingSent);
  t.false(failure?.answerBegun);
});

test('giving up resets the stream and leaves the connection to others', async t => {
  let closedWith: Promise<unknown[]> | undefined;
  const { upstream, sessions } = await open(t, (stream, headers) => {
    stream.on('error', () => undefined);
    if (headers[':path'] === '/hang') closedWith = once(stream, 'close');
    else {
      stream.respond({ ':status': 200 });
      stream.end('ok');
    }
  });
  const get = { ...POST, method: 'GET', headers: ['Host', 'x'], body: 'none' as const };
  await ask(upstream, get).done;
  const hanging = ask(upstream, { ...get, path: '/hang' });
  const later = ask(upstream, get);
  await later.done;
  hanging.exchange.abort();
  await closedWith;
  t.is(await ask(upstream, get).done, undefined);
  t.is(sessions.length, 1);
});

test('after GOAWAY a new connection is made', async t => {
  const { upstream, sessions } = await open(t, stream => {
    stream.respond({ ':status': 200 });
    stream.end('ok');
  });
  const get = { ...POST, method: 'GET', headers: ['Host', 'x'], body: 'none' as const };
  await ask(upstream, get).done;
  const closed = once(sessions[0]!, 'close');
  sessions[0]!.goaway();
  sessions[0]!.close();
  await closed;
  const { done, seen } = ask(upstream, get);
  t.is(await done, undefined);
  t.is(seen.body, 'ok');
  t.is(sessions.length, 2);
});

test('an endpoint without HTTP/2 is served over HTTP/1.1', async t => {
  const { upstream, server } = await open(t, () => undefined, { allowHTTP1: true });
  server.removeAllListeners('stream');
  const versions: string[] = [];
  server.on('request', (request, response) => {
    versions.push(request.httpVersion);
    response.end('ok');
  });
  const get = {
    ...POST,
    method: 'GET',
    headers: ['Host', 'x', 'Connection', 'Upgrade', 'Upgrade', 'websocket'],
    body: 'none' as const,
    upgrade: true,
  };
  const first = ask(upstream, get);
  t.is(await first.done, undefined);
  t.deepEqual(versions, ['1.1']);
});
