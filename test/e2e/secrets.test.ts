import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Redis } from 'ioredis';
import { WebSocket } from 'ws';
import { openRawClient } from '../support/raw-client.ts';
import { type Answering, answerText, type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';
import { startRedis } from '../support/redis.ts';
import { type Server, startInVain, startServer } from '../support/server.ts';

/** One distinctive text for each secret that comes anywhere near the server. */
const SECRET = Object.fromEntries(
  [
    ...['bearer', 'apiKey', 'googleKey', 'queryKey', 'basic', 'cookie', 'setCookie', 'socketKey', 'prompt'],
    ...['answer', 'adminToken', 'wrongAdmin', 'wrongLogin', 'accessKey', 'wrongAccess', 'metricsToken'],
    ...[
      'wrongMetrics',
      'redis',
      'wrongRedis',
      'target',
      'tunnel',
      'brokenRequest',
      'brokenAnswer',
      'userInfo',
    ],
  ].map(name => [name, `SECRET-${name}-6e1f0b`]),
) as Record<string, string>;

/** All that the server showed of itself, and what it is allowed to. */
class Shown {
  readonly texts: { readonly where: string; readonly text: string }[] = [];

  add(where: string, text: string): void {
    this.texts.push({ where, text });
  }

  /** Every file below a folder, but for the copy of what others typed into Redis. */
  addFolder(folder: string): void {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile() && entry.name !== 'mappings.json') this.add(path, readFileSync(path, 'latin1'));
    }
  }

  /** Where any of the secrets stands, as it is or encoded. */
  found(secrets: readonly string[]): string[] {
    return this.texts.flatMap(({ where, text }) =>
      secrets
        .filter(secret =>
          // Base64 of a part of a longer text has three shapes; this is the core that each of them holds.
          [secret, encodeURIComponent(secret), ...[0, 1, 2].map(shift => base64Core(secret, shift))].some(
            form => text.includes(form),
          ),
        )
        .map(secret => `${secret} in ${where}: ${excerpt(text, secret)}`),
    );
  }
}

function base64Core(secret: string, shift: number): string {
  return Buffer.from('x'.repeat(shift) + secret)
    .toString('base64')
    .slice(4, -4);
}

function excerpt(text: string, secret: string): string {
  const at = Math.max(0, text.indexOf(secret));
  return text.slice(Math.max(0, at - 200), at + 100);
}

function folderOf(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-secrets-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function vendor(t: ExecutionContext, answer: Answering): Promise<RawUpstream> {
  const upstream = await startRawUpstream(answer);
  t.teardown(upstream.close);
  return upstream;
}

const CREDENTIALS = {
  authorization: `Bearer ${SECRET.bearer}`,
  'x-api-key': SECRET.apiKey!,
  'api-key': SECRET.apiKey!,
  'x-goog-api-key': SECRET.googleKey!,
  cookie: `session=${SECRET.cookie}`,
  'x-switchyard-key': SECRET.accessKey!,
};

/** Sends a request with every credential there is. @returns the body, when it is one of our own errors */
async function send(server: Server, shown: Shown, path: string, options: RequestInit = {}): Promise<number> {
  try {
    const answer = await fetch(`${server.url}${path}?key=${SECRET.queryKey}&alt=sse`, {
      method: 'POST',
      body: JSON.stringify({ prompt: SECRET.prompt }),
      ...options,
      headers: { ...CREDENTIALS, ...options.headers },
    });
    const text = await answer.text();
    if (answer.status >= 400)
      shown.add(`${answer.status} of ${path}`, text + JSON.stringify([...answer.headers]));
    return answer.status;
  } catch {
    // A broken answer; nothing of ours is in it.
    return 0;
  }
}

/** Every way in which an upstream can go wrong, and one in which it does not, each with credentials on board. */
async function troubles(t: ExecutionContext, server: Server, shown: Shown): Promise<void> {
  const well = await vendor(t, async exchange => {
    await exchange.body();
    const fields = [`Set-Cookie: id=${SECRET.setCookie}`, `X-Answer: ${SECRET.answer}`];
    exchange.send(answerText(SECRET.answer!, fields, exchange.target.includes('401') ? '401 No' : '200 OK'));
  });
  const broken = await vendor(t, async exchange => {
    await exchange.body();
    if (exchange.target.startsWith('/head'))
      exchange.send(`HTTP/1.1 200 OK\r\n${SECRET.brokenAnswer}\r\n\r\n`);
    else if (exchange.target.startsWith('/body')) {
      exchange.send(`HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nX: ${SECRET.answer}\r\n\r\n${SECRET.answer}`);
      exchange.socket.destroySoon();
    } else exchange.socket.resetAndDestroy();
  });
  await server.map('/well', well.url);
  await server.map('/broken', broken.url);
  await server.map('/refused', 'http://127.0.0.1:1');
  await server.map('/unknown', 'https://name.invalid');
  await server.map('/plain', `https://127.0.0.1:${well.port}`);
  await server.map('/forbidden', 'http://169.254.169.254');
  await server.map('/loop', `${server.url}/loop`);
  t.is(await send(server, shown, '/well/v1/chat'), 200);
  t.true(well.exchanges[0]!.head.text.includes(SECRET.bearer!), 'the secrets do travel');
  t.is(await send(server, shown, '/well/401'), 401);
  shown.texts.pop();
  t.is(await send(server, shown, '/well', { headers: { 'x-switchyard-key': SECRET.wrongAccess! } }), 401);
  t.is(await send(server, shown, '/broken/head'), 502);
  t.is(await send(server, shown, '/broken/body'), 0);
  t.is(await send(server, shown, '/broken/reset'), 502);
  for (const [path, status] of [
    ['/refused', 502],
    ['/unknown', 502],
    ['/plain', 504],
    ['/forbidden', 502],
    // The access key is for us alone, so what comes round comes without it.
    ['/loop', 401],
    ['/nobody', 404],
    ['/health', 405],
  ] as const) {
    t.is(await send(server, shown, path), status, path);
  }
  await t.throwsAsync(fetch(`${server.url}/well`, { headers: CREDENTIALS, signal: AbortSignal.abort() }));
  await brokenRequests(server, shown);
  await sockets(server);
}

/** Requests that are not HTTP, with a secret in them, and clients that leave in the middle. */
async function brokenRequests(server: Server, shown: Shown): Promise<void> {
  const authorization = `Authorization: Bearer ${SECRET.brokenRequest}\r\n`;
  const user = `user:${SECRET.userInfo}`;
  for (const text of [
    `GET /well HTTP/1.1\r\nHost: x\r\n${authorization}Bad Name: x\r\n\r\n`,
    `GET /well HTTP/1.1\r\nHost: x\r\nHost: y\r\n${authorization}\r\n`,
    `GET /well?key=${SECRET.queryKey}#x HTTP/1.1\r\nHost: x\r\n\r\n`,
    `GET http://${user}@proxy.example/nobody HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    `GET /well HTTP/1.1\r\nHost: ${user}@proxy.example\r\n\r\n`,
    `POST /well HTTP/1.1\r\nHost: x\r\n${authorization}Transfer-Encoding: chunked\r\n\r\nzz${SECRET.brokenRequest}\r\n`,
    `GET /well HTTP/1.1\r\nHost: x\r\n${authorization}X: ${'y'.repeat(70_000)}\r\n\r\n`,
    `CONNECT ${user}@proxy.example:443 HTTP/1.1\r\nHost: x\r\n${authorization}\r\n`,
    `EXPLODE /well HTTP/1.1\r\nHost: x\r\n${authorization}\r\n`,
    `POST /well HTTP/1.1\r\nHost: x\r\nExpect: ${SECRET.brokenRequest}\r\nContent-Length: 1\r\n\r\nx`,
  ]) {
    const client = await openRawClient(server.port);
    client.send(text);
    shown.add(`answer to ${text.slice(0, 40)}`, String(await client.source.rest()));
  }
  const leaving = await openRawClient(server.port);
  leaving.send(
    `POST /well HTTP/1.1\r\nHost: x\r\n${authorization}Content-Length: 100\r\n\r\n${SECRET.prompt}`,
  );
  leaving.socket.resetAndDestroy();
  await leaving.gone;
}

async function sockets(server: Server): Promise<void> {
  for (const path of ['/well', '/refused', '/nobody']) {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}${path}?key=${SECRET.queryKey}`, [
      'realtime',
      `openai-insecure-api-key.${SECRET.socketKey}`,
    ]);
    await once(socket, 'error');
  }
}

/** The admin's side: right and wrong secrets, sessions, and targets with passwords in every spelling. */
async function administration(t: ExecutionContext, server: Server, shown: Shown): Promise<string[]> {
  const password = SECRET.target!;
  const slashed = `${password.slice(0, 10)}/${password.slice(10)}`;
  for (const target of [
    `https://user:${password}@vendor.example`,
    `https://user:${password}@vendor.example/?x`,
    `https:/user:${password}@vendor.example`,
    `ftp://user:${password}@vendor.example`,
    `user:${password}@vendor.example`,
    `https://user:${slashed}@vendor.example`,
    `https://user:${password}@`,
    ` https://user:${password}@vendor.example`,
  ]) {
    const answer = await server.admin('POST', '/api/mappings', { prefix: '/with-password', target });
    t.is(answer.status, 400, target);
    t.false(JSON.stringify(answer.body).includes(password.slice(10)), JSON.stringify(answer.body));
    shown.add(`answer to a target ${target}`, JSON.stringify(answer.body));
  }

  const answers: string[] = [];
  const call = async (path: string, options: RequestInit) => {
    const answer = await fetch(server.url + path, options);
    const text = await answer.text();
    shown.add(`${options.method ?? 'GET'} ${path}`, text);
    answers.push(text);
    return { status: answer.status, text, cookie: answer.headers.get('set-cookie') };
  };
  const json = { 'content-type': 'application/json' };
  const logIn = (token: string) =>
    call('/admin/session', { method: 'POST', headers: json, body: JSON.stringify({ token }) });
  t.is((await logIn(SECRET.wrongLogin!)).status, 401);
  t.is((await call('/api/mappings', { headers: { 'x-admin-key': SECRET.wrongAdmin! } })).status, 401);
  t.is(
    (await call('/api/mappings', { headers: { authorization: `Bearer ${SECRET.wrongAdmin}` } })).status,
    401,
  );
  const basic = Buffer.from(`admin:${SECRET.basic}`).toString('base64');
  t.is((await call('/api/mappings', { headers: { authorization: `Basic ${basic}` } })).status, 401);
  t.is((await call('/metrics', { headers: { authorization: `Bearer ${SECRET.wrongMetrics}` } })).status, 401);
  await call(`/admin?token=${SECRET.adminToken}`, {});
  await call(`/stats?token=${SECRET.adminToken}&window=${SECRET.queryKey}`, {});
  await call(`/api/mappings/x?key=${SECRET.queryKey}`, { headers: { 'x-admin-key': SECRET.adminToken! } });
  await call('/api/mappings', {
    method: 'POST',
    headers: { ...json, 'x-admin-key': SECRET.adminToken! },
    body: `{"prefix":"/x","target":"https://user:${password}@v.example",`,
  });
  const opened = await logIn(SECRET.adminToken!);
  t.is(opened.status, 200);
  const session = opened.cookie!.split(';')[0]!.split('=')[1]!;
  await call('/api/mappings', {
    method: 'POST',
    headers: { ...json, cookie: opened.cookie!.split(';')[0]!, 'x-csrf-token': 'wrong' },
    body: '{}',
  });
  // The session's own answer hands the token to the page that logged in; a log must not have it.
  const { csrf } = JSON.parse(opened.text) as { csrf: string };
  shown.texts.splice(
    shown.texts.findIndex(({ text }) => text === opened.text),
    1,
  );
  return [session, csrf];
}

/** What the server says to everybody. */
async function publicPages(server: Server, shown: Shown): Promise<void> {
  const pages = [
    '/stats',
    '/stats?window=24h',
    '/stats?window=total',
    '/status',
    '/health',
    '/health/ready',
    '/',
  ];
  for (const path of pages) shown.add(path, await (await fetch(server.url + path)).text());
  const headers = { authorization: `Bearer ${SECRET.metricsToken}` };
  shown.add('/metrics', await (await fetch(`${server.url}/metrics`, { headers })).text());
}

const ENVIRONMENT = {
  LOG_LEVEL: 'trace',
  LOG_REQUESTS: 'all',
  ADMIN_TOKEN: SECRET.adminToken!,
  PROXY_ACCESS_KEY: SECRET.accessKey!,
  METRICS_TOKEN: SECRET.metricsToken!,
  UPSTREAM_CONNECT_TIMEOUT_MS: '1000',
};

for (const nodeEnv of ['production', 'development']) {
  test(`no secret stands in a log, a page or an error, with everything logged in ${nodeEnv}`, async t => {
    const folder = folderOf(t);
    const shown = new Shown();
    const server = await startServer({ folder, env: { ...ENVIRONMENT, NODE_ENV: nodeEnv } });
    t.teardown(server.stop);
    await troubles(t, server, shown);
    const sessionSecrets = await administration(t, server, shown);
    await publicPages(server, shown);
    t.is(await server.stop(), 0);
    shown.add('stdout', server.lines.join('\n'));
    shown.add('stderr', server.errors.join('\n'));
    shown.addFolder(folder);
    for (const path of ['/well/v1/chat', '/broken/head', '/loop', '/nobody']) {
      t.true(
        server.lines.some(line => line.includes(path)),
        `${path} is logged, so the log was looked at`,
      );
    }
    t.deepEqual(shown.found([...Object.values(SECRET), ...sessionSecrets]), []);
  });
}

test('no password of Redis stands in a log, right or wrong, nor one of a target typed into it', async t => {
  const redis = await startRedis({ password: SECRET.redis! });
  t.teardown(redis.stop);
  const typing = new Redis(redis.url);
  t.teardown(() => typing.disconnect());
  await typing.hset('apiproxy:mappings', {
    '/one': `https://user:${SECRET.target}@vendor.example`,
    '/two': `user:${SECRET.target}@vendor.example`,
    '/three': `ftp://user:${SECRET.target}@vendor.example`,
  });
  const shown = new Shown();
  const wrong = `redis://:${SECRET.wrongRedis}@127.0.0.1:${redis.port}`;
  const away = `redis://:${SECRET.redis}@127.0.0.1:1`;
  const apart = { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(redis.port) };
  for (const env of [
    { API_PROXY_REDIS_URL: redis.url },
    { API_PROXY_REDIS_URL: wrong },
    { API_PROXY_REDIS_URL: away },
    { ...apart, REDIS_PASSWORD: SECRET.redis! },
    { ...apart, REDIS_PASSWORD: SECRET.wrongRedis! },
    apart,
  ]) {
    const folder = folderOf(t);
    const server = await startServer({ folder, env: { ...ENVIRONMENT, ...env } });
    t.teardown(server.stop);
    await publicPages(server, shown);
    const refused = await server.admin('POST', '/api/mappings', {
      prefix: '/x',
      target: 'https://x.example',
    });
    shown.add('admin', JSON.stringify(refused.body));
    await server.stop();
    shown.add('stdout', server.lines.join('\n'));
    shown.add('stderr', server.errors.join('\n'));
    shown.addFolder(folder);
  }
  t.true(shown.texts.some(({ where, text }) => where === 'stdout' && text.includes('/three')));
  t.deepEqual(shown.found(Object.values(SECRET)), []);
});

test('no password of an outbound proxy stands in a log', async t => {
  const shown = new Shown();
  const tunnels = createServer().listen(0, '127.0.0.1');
  await once(tunnels, 'listening');
  t.teardown(() => tunnels.close());
  tunnels.on('connect', (_request, socket) => socket.end(`HTTP/1.1 407 ${SECRET.tunnel}\r\n\r\n`));
  for (const port of [(tunnels.address() as AddressInfo).port, 1]) {
    const folder = folderOf(t);
    const proxy = `http://user:${SECRET.tunnel}@127.0.0.1:${port}`;
    const server = await startServer({
      folder,
      env: { ...ENVIRONMENT, HTTPS_PROXY: proxy, HTTP_PROXY: proxy },
    });
    t.teardown(server.stop);
    for (const [prefix, target] of [
      ['/a', 'https://vendor.example'],
      ['/b', 'http://vendor.example'],
    ] as const) {
      await server.map(prefix, target);
      t.is(await send(server, shown, prefix), 502);
    }
    await server.stop();
    shown.add('stdout', server.lines.join('\n'));
    shown.addFolder(folder);
  }
  t.deepEqual(shown.found(Object.values(SECRET)), []);
});

test('no secret stands in what a start that fails says', async t => {
  const shown = new Shown();
  for (const env of [
    { API_PROXY_REDIS_URL: `http://:${SECRET.redis}@x` },
    { API_PROXY_REDIS_URL: `redis://:${SECRET.redis}@x:port` },
    { HTTPS_PROXY: `socks5://user:${SECRET.tunnel}@127.0.0.1` },
    { ADMIN_TOKEN: `${SECRET.adminToken} with a space` },
    { PORT: '1', HOST: '192.0.2.1' },
  ]) {
    const { code, lines, errors } = await startInVain({
      folder: folderOf(t),
      env: { ...ENVIRONMENT, ...env },
    });
    t.is(code, 1);
    shown.add(JSON.stringify(Object.keys(env)), [...lines, ...errors].join('\n'));
  }
  t.deepEqual(shown.found(Object.values(SECRET)), []);
});
