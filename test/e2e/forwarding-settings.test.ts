import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { WebSocket } from 'ws';
import { ask } from '../support/raw-client.ts';
import { fieldValues } from '../support/raw-message.ts';
import { answerText, type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';
import { type Server, startServer } from '../support/server.ts';

async function started(t: ExecutionContext, env: Record<string, string>): Promise<Server> {
  const server = await startServer({ env });
  t.teardown(server.stop);
  return server;
}

/** A vendor that answers `ok`, mapped to `/v`. */
async function vendor(t: ExecutionContext, server: Server): Promise<RawUpstream> {
  const upstream = await startRawUpstream(exchange => exchange.send(answerText('ok')));
  t.teardown(upstream.close);
  await server.map('/v', upstream.url);
  return upstream;
}

function get(server: Server, path: string, ...fields: string[]) {
  return ask(
    server.port,
    ['GET ', path, ' HTTP/1.1\r\nHost: proxy.example\r\n', ...fields.map(line => `${line}\r\n`), '\r\n'].join(
      '',
    ),
  );
}

function codeOf(answer: { body: { data: Buffer } }): string {
  return JSON.parse(String(answer.body.data)).error.code;
}

test('UPSTREAM_CONNECT_TIMEOUT_MS ends the wait for a connection, TLS included, with 504', async t => {
  const server = await started(t, { UPSTREAM_CONNECT_TIMEOUT_MS: '300' });
  const full = await startFullListener(t);
  await server.map('/full', `http://127.0.0.1:${full}`);
  const waited = await get(server, '/full');
  t.is(waited.status, 504);
  t.is(codeOf(waited), 'ERR_UPSTREAM_TIMEOUT');

  const silent = await startRawUpstream(() => t.fail('asked'));
  t.teardown(silent.close);
  await server.map('/silent', `https://127.0.0.1:${silent.port}`);
  const shaken = await get(server, '/silent');
  t.is(shaken.status, 504);
  t.is(codeOf(shaken), 'ERR_UPSTREAM_TIMEOUT');
  await silent.idle();
});

/**
 * A listener that takes no more connections: its process is stopped and its queue is full, so the kernel leaves new ones
 * without an answer.
 *
 * @returns its port
 */
async function startFullListener(t: ExecutionContext): Promise<number> {
  const script = `const server = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () =>
    console.log(server.address().port))`;
  const child: ChildProcess = spawn(process.execPath, ['-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const [text] = await once(child.stdout!, 'data');
  const port = Number(text);
  child.kill('SIGSTOP');
  const waiting = Array.from({ length: 8 }, () => connect(port, '127.0.0.1'));
  for (const socket of waiting) {
    socket.on('error', () => {});
    t.teardown(() => socket.destroy());
  }
  await Promise.all(waiting.slice(0, 2).map(socket => once(socket, 'connect')));
  return port;
}

test('a request that comes round to us is 508, be the way straight or through another', async t => {
  const [one, other] = await Promise.all([started(t, {}), started(t, {})]);
  await one.map('/self', `${one.url}/self`);
  const straight = await get(one, '/self');
  t.is(straight.status, 508);
  t.is(codeOf(straight), 'ERR_LOOP');
  await one.map('/round', `${other.url}/round`);
  await other.map('/round', `${one.url}/round`);
  t.is((await get(one, '/round')).status, 508);
  // A chain that does not come back is no loop.
  const upstream = await vendor(t, other);
  await one.map('/chain', `${other.url}/v`);
  t.is((await get(one, '/chain')).status, 200);
  const vias = fieldValues(upstream.exchanges[0]!.head.fields, 'via');
  t.is(vias.length, 2);
  t.not(vias[0], vias[1]);
});

test('VIA=off adds none, a pseudonym replaces the generated one, and those that came stay', async t => {
  const [off, named] = await Promise.all([started(t, { VIA: 'off' }), started(t, { VIA: 'gateway-7' })]);
  const offUpstream = await vendor(t, off);
  const namedUpstream = await vendor(t, named);
  for (const server of [off, named]) await get(server, '/v', 'Via: 1.0 fred', 'via: 1.1 p.example (Apache)');
  const came = ['1.0 fred', '1.1 p.example (Apache)'];
  t.deepEqual(fieldValues(offUpstream.exchanges[0]!.head.fields, 'via'), came);
  t.deepEqual(fieldValues(namedUpstream.exchanges[0]!.head.fields, 'via'), [...came, '1.1 gateway-7']);
});

test("FORWARDED decides about clients' addresses: append adds ours, strip takes all", async t => {
  const [append, strip] = await Promise.all([
    started(t, { FORWARDED: 'append' }),
    started(t, { FORWARDED: 'strip' }),
  ]);
  const sent = [
    'x-forwarded-for: 203.0.113.7',
    'X-Real-IP: 203.0.113.7',
    'Forwarded: for=203.0.113.7',
    'X-Other: 1',
  ];

  const appended = await vendor(t, append);
  await get(append, '/v', ...sent);
  await get(append, '/v');
  const [first, second] = appended.exchanges.map(({ head }) => head.fields);
  t.deepEqual(fieldValues(first!, 'x-forwarded-for'), ['203.0.113.7, 127.0.0.1']);
  t.deepEqual(fieldValues(first!, 'x-real-ip'), ['203.0.113.7']);
  t.deepEqual(fieldValues(second!, 'x-forwarded-for'), ['127.0.0.1']);
  t.deepEqual(fieldValues(second!, 'x-forwarded-proto'), ['http']);
  t.deepEqual(fieldValues(second!, 'x-forwarded-host'), ['proxy.example']);

  const stripped = await vendor(t, strip);
  await get(strip, '/v', ...sent);
  const names = stripped.exchanges[0]!.head.fields.map(([name]) => name);
  t.deepEqual(names, ['Host', 'X-Other', 'Via']);
});

test('PROXY_ACCESS_KEY keeps out whoever has it not, is never forwarded, and lets the vendor key pass', async t => {
  const key = 'proxy-access-key-1f6a90';
  const server = await started(t, { PROXY_ACCESS_KEY: key });
  const upstream = await vendor(t, server);
  for (const fields of [
    [],
    ['x-switchyard-key: wrong'],
    [`x-switchyard-key: ${key}x`],
    [`Authorization: Bearer ${key}`],
  ]) {
    const answer = await get(server, '/v', ...fields);
    t.is(answer.status, 401);
    t.is(codeOf(answer), 'ERR_UNAUTHORIZED');
  }
  t.is(upstream.accepted, 0);

  const admitted = await get(server, '/v', 'Authorization: Bearer vendor-key', `X-SWITCHYARD-Key: ${key}`);
  t.is(admitted.status, 200);
  const { fields, text } = upstream.exchanges[0]!.head;
  t.deepEqual(fieldValues(fields, 'authorization'), ['Bearer vendor-key']);
  t.notRegex(text, /switchyard-key|proxy-access-key/i);

  const preflight = await ask(
    server.port,
    'OPTIONS /v HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: POST\r\n\r\n',
  );
  t.is(preflight.status, 204);

  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/v`);
  const [error] = await once(socket, 'error');
  t.regex(error.message, /401/);
  t.is(upstream.exchanges.length, 1);
});

test('BASE_PATH puts everything under a sub-path, and nothing beside it', async t => {
  const server = await started(t, { BASE_PATH: '/switch/yard' });
  const upstream = await vendor(t, server);
  t.is((await get(server, '/switch/yard/v/a?b=c')).status, 200);
  t.is((await get(server, '/switch/yard/v?x')).status, 200);
  t.deepEqual(
    upstream.exchanges.map(({ target }) => target),
    ['/a?b=c', '/?x'],
  );
  for (const path of ['/v', '/health', '/switch', '/switch/yardv', '/switch/yard-v/v', '/']) {
    t.is((await get(server, path)).status, 404, path);
  }
  for (const path of ['/switch/yard/health', '/switch/yard/stats', '/switch/yard/', '/switch/yard']) {
    t.true([200, 301, 308].includes((await get(server, path)).status), path);
  }
});

test('CORS=off leaves preflights to the vendor and adds nothing', async t => {
  const server = await started(t, { CORS: 'off' });
  const upstream = await vendor(t, server);
  const answer = await ask(
    server.port,
    'OPTIONS /v HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: POST\r\n\r\n',
  );
  t.is(answer.status, 200);
  t.is(upstream.exchanges[0]!.method, 'OPTIONS');
  const other = await get(server, '/v', 'Origin: https://a.example');
  t.notRegex(answer.head.text + other.head.text, /access-control/i);
});

test('LOG_REQUESTS chooses which requests get a line: off none, errors those that failed, all each', async t => {
  for (const [level, expected] of [
    ['off', []],
    ['errors', [404, 502]],
    ['all', [200, 404, 502]],
  ] as const) {
    const server = await started(t, { LOG_REQUESTS: level });
    await vendor(t, server);
    await server.map('/away', 'http://127.0.0.1:1');
    t.is((await get(server, '/v/x?key=a')).status, 200);
    t.is((await get(server, '/nobody')).status, 404);
    t.is((await get(server, '/away')).status, 502);
    const stopped = server.line(({ msg }) => msg === 'stopped');
    server.process.kill('SIGTERM');
    await stopped;
    const lines = server.lines.map(text => JSON.parse(text)).filter(({ msg }) => msg === 'request');
    t.deepEqual(
      lines.map(({ status }) => status),
      [...expected],
      level,
    );
    if (level === 'all') {
      t.like(lines[0], { method: 'GET', path: '/v/x?…', prefix: '/v', status: 200, bytes_out: 2 });
      t.is(typeof lines[0].duration_ms, 'number');
    }
  }
});
