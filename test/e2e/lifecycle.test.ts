import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { WebSocket, WebSocketServer } from 'ws';
import { openSqlite } from '../../src/stores/sqlite/open-sqlite.ts';
import { ask, openRawClient } from '../support/raw-client.ts';
import { fieldValue } from '../support/raw-message.ts';
import { type Answering, answerText, startRawUpstream } from '../support/raw-upstream.ts';
import { type Server, startInVain, startServer } from '../support/server.ts';

function folderOf(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-lifecycle-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function started(
  t: ExecutionContext,
  folder: string,
  env: Record<string, string> = {},
): Promise<Server> {
  const server = await startServer({ folder, env });
  t.teardown(server.stop);
  return server;
}

async function vendor(t: ExecutionContext, server: Server, answer: Answering) {
  const upstream = await startRawUpstream(answer);
  t.teardown(upstream.close);
  await server.map('/v', upstream.url);
  return upstream;
}

const GET = 'GET /v HTTP/1.1\r\nHost: x\r\n\r\n';
const STREAM_HEAD =
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
const EVENT = '9\r\ndata: 1\n\n\r\n';

/** Sends SIGTERM and waits until the server has begun to stop. */
async function terminate(server: Server): Promise<{ exitCode: Promise<number | null> }> {
  const stopping = server.line(({ msg }) => msg === 'stopping');
  const exitCode = server.stop();
  await stopping;
  return { exitCode };
}

test('SIGTERM lets open streams finish, takes nobody new, then writes the counts and ends with 0', async t => {
  const folder = folderOf(t);
  const server = await started(t, folder);
  const gate = Promise.withResolvers<void>();
  const upstream = await vendor(t, server, async exchange => {
    if (exchange.target === '/quick') {
      await exchange.body();
      exchange.send(answerText('quick'));
    } else {
      exchange.send(STREAM_HEAD + EVENT);
      await gate.promise;
      exchange.send(`${EVENT}0\r\n\r\n`);
    }
  });
  const idle = await openRawClient(server.port);
  idle.send('GET /v/quick HTTP/1.1\r\nHost: x\r\n\r\n');
  t.is((await idle.answer()).status, 200);
  const streaming = await openRawClient(server.port);
  streaming.send(GET);
  await streaming.head();
  // The answer to this one has not begun when the signal comes: its request is not whole yet.
  const asked = upstream.next();
  const uploading = await openRawClient(server.port);
  uploading.send('POST /v/quick HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n1');
  await asked;

  const { exitCode } = await terminate(server);
  await idle.gone;
  const [refused] = await once(createConnection(server.port, '127.0.0.1'), 'error');
  t.is(refused.code, 'ECONNREFUSED');

  uploading.send('2');
  const uploaded = await uploading.answer();
  t.is(String(uploaded.body.data), 'quick');
  // Its connection is told to end with the answer that it waited for.
  t.is(fieldValue(uploaded.head.fields, 'connection'), 'close');
  await uploading.gone;

  gate.resolve();
  t.is(String(await streaming.source.until('0\r\n\r\n')), `${EVENT}${EVENT}0\r\n\r\n`);
  t.is(await exitCode, 0);
  const successor = await started(t, folder);
  t.is(await successor.untilCounted(3, '/v'), 3);
});

test('a request that comes on a kept connection while others finish is served, and ends the connection', async t => {
  const server = await started(t, folderOf(t));
  const gates = { '/1': Promise.withResolvers<void>(), '/2': Promise.withResolvers<void>() };
  const upstream = await vendor(t, server, async exchange => {
    exchange.send(STREAM_HEAD + EVENT);
    await gates[exchange.target as '/1'].promise;
    exchange.send(`${EVENT}0\r\n\r\n`);
  });
  const client = await openRawClient(server.port);
  client.send(GET.replace('/v', '/v/1'));
  await client.source.until('data: 1\n\n');
  const { exitCode } = await terminate(server);
  const asked = upstream.next();
  // Pipelined: it is there before the answer ahead of it has ended, as with any client that keeps its connection.
  client.send(GET.replace('/v', '/v/2'));
  gates['/1'].resolve();
  await client.source.until('0\r\n\r\n');
  await asked;
  const head = await client.head();
  t.is(fieldValue(head.fields, 'connection'), 'close');
  gates['/2'].resolve();
  t.is(String(await client.source.rest()), `${EVENT}${EVENT}0\r\n\r\n`);
  t.is(await exitCode, 0);
});

test('what outlasts SHUTDOWN_GRACE_MS is cut, visibly, and counted', async t => {
  const folder = folderOf(t);
  const server = await started(t, folder, { SHUTDOWN_GRACE_MS: '200' });
  const upstream = await vendor(t, server, exchange => {
    exchange.send(STREAM_HEAD + EVENT);
    return new Promise(() => {});
  });
  const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(sockets, 'listening');
  t.teardown(() => void sockets.close());
  await server.map('/ws', `http://127.0.0.1:${(sockets.address() as AddressInfo).port}`);
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws`);
  await once(socket, 'open');
  const streaming = await openRawClient(server.port);
  streaming.send(GET);
  await streaming.source.until('data: 1\n\n');

  const { exitCode } = await terminate(server);
  const closed = once(socket, 'close');
  t.notRegex(String(await streaming.source.rest()), /0\r\n\r\n/);
  t.is((await closed)[0], 1006);
  await upstream.idle();
  t.is(await exitCode, 0);
  const successor = await started(t, folder);
  t.is(await successor.untilCounted(2), 2);
});

test('a second signal ends it at once', async t => {
  const server = await started(t, folderOf(t));
  await vendor(t, server, exchange => {
    exchange.send(STREAM_HEAD + EVENT);
    return new Promise(() => {});
  });
  const client = await openRawClient(server.port);
  client.send(GET);
  await client.head();
  const { exitCode } = await terminate(server);
  server.process.kill('SIGTERM');
  t.is(await exitCode, 1);
});

/** Requests under `/v` that lie in the embedded database: read beside the server, which would flush if it were asked. */
async function storedCount(folder: string): Promise<number> {
  const stores = await openSqlite(join(folder, 'data'));
  try {
    const rows = await stores.statistics.read({
      tier: 'total',
      fromMs: 0,
      toMs: 1,
      seriesPrefixes: ['p /v'],
    });
    return rows[0]?.values.requests ?? 0;
  } finally {
    await stores.close();
  }
}

test('kill -9 loses at most the counts of the last second', async t => {
  const folder = folderOf(t);
  const server = await started(t, folder);
  await vendor(t, server, exchange => exchange.send(answerText('ok')));
  let sent = 0;
  const waitsMs: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    for (let request = 0; request < 20; request += 1) await ask(server.port, GET);
    sent += 20;
    const answeredAt = performance.now();
    while ((await storedCount(folder)) < sent) await setTimeout(20);
    waitsMs.push(performance.now() - answeredAt);
  }
  for (let request = 0; request < 20; request += 1) await ask(server.port, GET);
  await server.kill();
  t.log(JSON.stringify(waitsMs));
  // A busy machine may be late; the interval shows in the quickest.
  t.true(Math.min(...waitsMs) < 1500);
  const successor = await started(t, folder);
  const count = await successor.untilCounted(sent, '/v');
  t.true(count >= sent && count <= sent + 20, `${count}`);
  await ask(successor.port, GET);
  t.is(await successor.untilCounted(count + 1, '/v'), count + 1);
});

test('a restart keeps every count', async t => {
  const folder = folderOf(t);
  const first = await started(t, folder);
  await vendor(t, first, exchange =>
    exchange.send(answerText('ok', [], exchange.target === '/bad' ? '500 No' : '200 OK')),
  );
  for (const path of ['/v', '/v/v1/models', '/v/bad']) await ask(first.port, GET.replace('/v', path));
  const { exitCode } = await terminate(first);
  t.is(await exitCode, 0);
  const second = await started(t, folder);
  await second.untilCounted(3, '/v');
  for (const window of ['24h', '7d', '30d', 'total']) {
    const { totals, prefixes } = (await second.json(`/stats?window=${window}`)).windows[window];
    t.is(totals.requests, 3, window);
    t.is(totals.errors, 1, window);
    t.is(prefixes[0].endpoints.length, 3, window);
  }
});

test('a brand-new embedded store is seeded, one that was emptied stays empty', async t => {
  const folder = folderOf(t);
  const first = await started(t, folder);
  const { mappings } = (await first.admin('GET', '/api/mappings')).body;
  const prefixes: string[] = mappings.map(({ prefix }: { prefix: string }) => prefix);
  for (const known of ['/openai', '/claude', '/gemini', '/xai']) t.true(prefixes.includes(known), known);
  t.true(prefixes.length >= 16);
  for (const prefix of prefixes) t.is((await first.admin('DELETE', `/api/mappings${prefix}`)).status, 204);
  await first.stop();
  const second = await started(t, folder);
  t.deepEqual((await second.admin('GET', '/api/mappings')).body.mappings, []);
});

test('edits of a mapping hurt no request that runs, and hold for the next one', async t => {
  const server = await started(t, folderOf(t));
  const vendors = await Promise.all(
    ['a', 'b'].map(name =>
      startRawUpstream(async exchange => {
        await exchange.body();
        exchange.send(STREAM_HEAD);
        for (let event = 0; event < 5; event += 1) {
          exchange.send(`1\r\n${name}\r\n`);
          await new Promise(setImmediate);
        }
        exchange.send('0\r\n\r\n');
      }),
    ),
  );
  for (const { close } of vendors) t.teardown(close);
  await server.map('/edited', vendors[0]!.url);
  let editing = true;
  const seen = new Set<string>();
  const load = async () => {
    while (editing) {
      const answer = await fetch(`${server.url}/edited`, { method: 'POST', body: 'x' });
      t.is(answer.status, 200);
      seen.add(await answer.text());
    }
  };
  const loads = [load(), load(), load(), load()];
  for (let edit = 1; edit <= 40; edit += 1) {
    await server.map('/edited', vendors[edit % 2]!.url);
    const answer = await fetch(`${server.url}/edited`, { method: 'POST', body: 'x' });
    t.is(await answer.text(), edit % 2 === 0 ? 'aaaaa' : 'bbbbb');
  }
  editing = false;
  await Promise.all(loads);
  t.deepEqual([...seen].sort(), ['aaaaa', 'bbbbb']);
});

test('a stream goes on after its mapping was deleted', async t => {
  const server = await started(t, folderOf(t));
  const gate = Promise.withResolvers<void>();
  await vendor(t, server, async exchange => {
    exchange.send(STREAM_HEAD + EVENT);
    await gate.promise;
    exchange.send(`${EVENT}0\r\n\r\n`);
  });
  const client = await openRawClient(server.port);
  client.send(GET);
  await client.source.until('data: 1\n\n');
  t.is((await server.admin('DELETE', '/api/mappings/v')).status, 204);
  t.is((await ask(server.port, GET)).status, 404);
  gate.resolve();
  t.is(String(await client.source.until('0\r\n\r\n')), `\r\n${EVENT}0\r\n\r\n`);
  client.socket.destroy();
});

test('a .env in the working folder is read at start, and the environment beats it', async t => {
  const folder = folderOf(t);
  writeFileSync(
    join(folder, '.env'),
    'VIA=from-file\nLOG_REQUESTS=all\n# a comment\nSHUTDOWN_GRACE_MS="5"\n',
  );
  const server = await started(t, folder, { LOG_REQUESTS: 'off' });
  const upstream = await vendor(t, server, exchange => exchange.send(answerText('ok')));
  await ask(server.port, GET);
  t.is(fieldValue(upstream.exchanges[0]!.head.fields, 'via'), '1.1 from-file');
  await server.stop();
  t.false(server.lines.some(line => line.includes('"request"')));
  t.true(server.lines.some(line => line.includes('"grace_ms":5,')));
});

/** One line for the operator on stderr and exit code 1. */
async function failsToStart(t: ExecutionContext, env: Record<string, string>, folder = folderOf(t)) {
  const { code, errors } = await startInVain({ folder, env });
  t.is(code, 1);
  t.regex(errors[0]!, /^switchyard: /);
  t.notRegex(errors.join('\n'), /^\s+at /m);
  return errors;
}

test('a port that is taken is one clear line and exit code 1', async t => {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.teardown(() => listener.close());
  const { port } = listener.address() as AddressInfo;
  const errors = await failsToStart(t, { PORT: String(port) });
  t.is(errors.length, 1);
  t.regex(errors[0]!, new RegExp(`port ${port} .*in use.*PORT`));
});

test('an address that is not of this machine is one clear line and exit code 1', async t => {
  const errors = await failsToStart(t, { HOST: '192.0.2.1' });
  t.is(errors.length, 1);
  t.regex(errors[0]!, /HOST.*192\.0\.2\.1/);
});

test('a data folder that cannot be written is one clear line and exit code 1', async t => {
  const folder = folderOf(t);
  writeFileSync(join(folder, 'file'), '');
  mkdirSync(join(folder, 'blocked', 'switchyard.sqlite'), { recursive: true });
  const redis = { API_PROXY_REDIS_URL: 'redis://127.0.0.1:1' };
  const [underFile, blocked] = [join(folder, 'file', 'data'), join(folder, 'blocked')];
  for (const env of [
    { DATA_DIR: underFile },
    { DATA_DIR: underFile, ...redis },
    { DATA_DIR: blocked },
    // /sys takes no folders, not even from root.
    { DATA_DIR: '/sys/switchyard' },
    { DATA_DIR: '/sys/switchyard', ...redis },
  ]) {
    const errors = await failsToStart(t, env, folder);
    t.is(errors.length, 1, env.DATA_DIR);
    t.true(errors[0]!.includes(env.DATA_DIR), errors[0]);
    t.regex(errors[0]!, /DATA_DIR/);
  }
});

test('a log folder that cannot be written is one clear line and exit code 1', async t => {
  const errors = await failsToStart(t, { LOG_DIR: '/sys/switchyard' });
  t.is(errors.length, 1);
  t.regex(errors[0]!, /LOG_DIR.*\/sys\/switchyard|\/sys\/switchyard.*LOG_DIR/);
});

test('a damaged database is one clear line and exit code 1', async t => {
  const folder = folderOf(t);
  mkdirSync(join(folder, 'data'));
  writeFileSync(join(folder, 'data', 'switchyard.sqlite'), 'this is not a database, '.repeat(1000));
  const errors = await failsToStart(t, {}, folder);
  t.is(errors.length, 1);
  t.regex(errors[0]!, /switchyard\.sqlite/);
});

test('bad settings are all named at once, secrets without their text, with exit code 1', async t => {
  const errors = await failsToStart(t, {
    PORT: '99999',
    TZ: 'Mars/Olympus',
    FORWARDED: 'maybe',
    SHUTDOWN_GRACE_MS: '-1',
    ADMIN_TOKEN: 'short-secret',
    PROXY_ACCESS_KEY: 'aaaaaaaaaaaaaaaaaaaa',
    API_PROXY_REDIS_URL: 'http://:redis-secret@127.0.0.1',
  });
  const text = errors.join('\n');
  for (const name of [
    'PORT',
    'TZ',
    'FORWARDED',
    'SHUTDOWN_GRACE_MS',
    'ADMIN_TOKEN',
    'PROXY_ACCESS_KEY',
    'API_PROXY_REDIS_URL',
  ]) {
    t.is(errors.filter(line => line.includes(`\`${name}\``)).length, 1, name);
  }
  t.is(errors.length, 8);
  t.notRegex(text, /short-secret|aaaaaa|redis-secret/);
});
