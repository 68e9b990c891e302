import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { ask, openRawClient, type RawAnswer } from '../support/raw-client.ts';
import { fieldValue } from '../support/raw-message.ts';
import { type Answering, answerText, startRawUpstream } from '../support/raw-upstream.ts';
import { type Server, startServer } from '../support/server.ts';

let server: Server;
test.before(async () => {
  server = await startServer();
});
test.after.always(async t => {
  if (server === undefined) return;
  // Whatever the upstreams of this file did, the process is the one that was started, and well.
  t.like(await server.json('/health'), { status: 'ok' });
  t.is((await server.json('/stats')).performance.open_streams, 0);
  t.is(server.process.exitCode, null);
  t.deepEqual(server.errors, []);
  t.deepEqual(
    server.lines.filter(line => line.includes('ERR_INTERNAL') || line.includes('unexpected error')),
    [],
  );
  await server.stop();
});

let prefixes = 0;

async function vendor(t: ExecutionContext, answer: Answering) {
  const upstream = await startRawUpstream(answer);
  t.teardown(upstream.close);
  return { upstream, prefix: await mapped(upstream.url) };
}

async function mapped(target: string): Promise<string> {
  prefixes += 1;
  const prefix = `/bad${prefixes}`;
  await server.map(prefix, target);
  return prefix;
}

function get(path: string, fields: readonly string[] = []): string {
  return [`GET ${path} HTTP/1.1`, 'Host: proxy.example', ...fields, '', ''].join('\r\n');
}

function post(path: string, body: string, fields: readonly string[] = []): string {
  const lines = [`POST ${path} HTTP/1.1`, 'Host: proxy.example', `Content-Length: ${body.length}`, ...fields];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** An error of our own: JSON with a code and the id that the log has, and nothing about where the upstream is. */
async function isOurError(
  t: ExecutionContext,
  answer: RawAnswer,
  status: number,
  code: string,
): Promise<void> {
  t.is(answer.status, status);
  t.is(fieldValue(answer.head.fields, 'content-type'), 'application/json; charset=utf-8');
  const text = String(answer.body.data);
  const { error } = JSON.parse(text);
  t.is(error.code, code);
  t.deepEqual(Object.keys(error).sort(), ['code', 'message', 'request_id']);
  t.notRegex(text + answer.head.text, /127\.0\.0\.1|ECONN|ENOTFOUND|EAI_|errno|\.test|\.invalid|:\d{4,5}/);
  const line = await server.line(({ request_id }) => request_id === error.request_id);
  t.is(line.status, status);
  t.is(line.code, code);
}

async function unusedPort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, 'close');
  return port;
}

test('a refused connection is 502', async t => {
  const prefix = await mapped(`http://127.0.0.1:${await unusedPort()}`);
  await isOurError(t, await ask(server.port, get(prefix)), 502, 'ERR_UPSTREAM_REFUSED');
  await isOurError(t, await ask(server.port, post(prefix, '{}')), 502, 'ERR_UPSTREAM_REFUSED');
});

test('a name that does not exist is 502', async t => {
  const prefix = await mapped('https://name.invalid');
  await isOurError(t, await ask(server.port, get(prefix)), 502, 'ERR_UPSTREAM_DNS');
});

test('a connection that ends before the head is 502, be it reset or closed', async t => {
  const { prefix, upstream } = await vendor(t, async exchange => {
    await exchange.body();
    if (exchange.target === '/reset') exchange.socket.resetAndDestroy();
    else if (exchange.target === '/partial') exchange.socket.end('HTTP/1.1 200 OK\r\nContent-Le');
    else exchange.socket.end();
  });
  for (const path of ['/reset', '/closed', '/partial']) {
    await isOurError(t, await ask(server.port, post(prefix + path, 'hello')), 502, 'ERR_UPSTREAM_RESET');
    await isOurError(t, await ask(server.port, get(prefix + path)), 502, 'ERR_UPSTREAM_RESET');
  }
  t.is(upstream.exchanges.length, 6, 'a fresh connection that fails is no reason to ask again');
});

test('a kept connection that turns out to be dead is asked again only what is safe to repeat', async t => {
  const deadOnSecondTurn: Answering = async exchange => {
    await exchange.body();
    if (exchange.turn === 1) exchange.send(answerText('ok'));
    else exchange.socket.destroy();
  };
  for (const [request, isRepeated] of [
    [get(''), true],
    [post('', 'pay', ['Idempotency-Key: "1"']), true],
    [post('', 'pay'), false],
  ] as const) {
    const { prefix, upstream } = await vendor(t, deadOnSecondTurn);
    t.is((await ask(server.port, get(prefix))).status, 200);
    const answer = await ask(server.port, request.replace(' ', ` ${prefix}`));
    t.is(upstream.exchanges.length, isRepeated ? 3 : 2);
    if (isRepeated) t.is(answer.status, 200);
    else await isOurError(t, answer, 502, 'ERR_UPSTREAM_RESET');
  }
});

test('an answer that breaks off is never a clean end', async t => {
  const { prefix } = await vendor(t, exchange => {
    const [, framing, ending] = exchange.target.split('/');
    const fields = { length: 'Content-Length: 100\r\n', chunks: 'Transfer-Encoding: chunked\r\n', close: '' };
    exchange.send(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n${fields[framing as 'length']}\r\n`);
    exchange.send(framing === 'chunks' ? 'c\r\ndata: half\n\n\r\n' : 'data: half\n\n');
    // The client sends this byte when it has seen the half, so nothing is on its way any more.
    exchange.socket.on('data', (bytes: Buffer) => {
      if (!bytes.includes('2')) return;
      if (ending === 'reset') exchange.socket.resetAndDestroy();
      else exchange.socket.destroySoon();
    });
  });
  for (const version of ['1.1', '1.0']) {
    for (const framing of ['length', 'chunks', 'close']) {
      for (const ending of ['reset', 'closed']) {
        const what = `${framing} ${ending} for HTTP/${version}`;
        const client = await openRawClient(server.port);
        const fields = 'Host: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n';
        client.send(`POST ${prefix}/${framing}/${ending} HTTP/${version}\r\n${fields}1`);
        const head = await client.head();
        await client.source.until('data: half\n\n');
        client.send('2');
        const rest = await client.source.rest();
        const chunked = fieldValue(head.fields, 'transfer-encoding') !== undefined;
        const length = fieldValue(head.fields, 'content-length');
        t.is(chunked, version === '1.1' && framing !== 'length', what);
        t.is(length, framing === 'length' ? '100' : undefined, what);
        t.notRegex(String(rest), /DONE/, what);
        if (framing === 'close' && ending === 'closed') {
          // Here the upstream's end is the end that it means.
          t.is(String(rest), chunked ? '\r\n0\r\n\r\n' : '', what);
          t.is(client.source.ending, 'end', what);
        } else if (chunked) {
          t.is(String(rest), '\r\n', what);
        } else {
          t.is(String(rest), '', what);
          if (length === undefined) t.is(client.source.ending, 'reset', what);
        }
      }
    }
  }
});

test('an upstream that says nothing loses its request when the client leaves, which counts as 499', async t => {
  const { prefix, upstream } = await vendor(t, () => new Promise(() => {}));
  for (const [request, leave] of [
    [get(prefix), 'destroy'],
    [post(prefix, 'hello'), 'resetAndDestroy'],
    [get(prefix), 'end'],
  ] as const) {
    const asked = upstream.next();
    const client = await openRawClient(server.port);
    client.send(request);
    const exchange = await asked;
    client.socket[leave]();
    await exchange.gone;
  }
  t.is(await server.untilCounted(3, prefix), 3);
  const { prefixes: rows } = (await server.json('/stats?window=total')).windows.total;
  const row = rows.find((found: { prefix: string }) => found.prefix === prefix);
  t.is(row.aborted, 3);
  t.is(row.errors, 0, 'nobody is to blame');
  const line = await server.line(found => found.prefix === prefix && found.status === 499);
  t.is(line.code, 'ERR_CLIENT_CLOSED');
});

const BROKEN_HEADS: Readonly<Record<string, string>> = {
  garbage: 'SSH-2.0-OpenSSH_9.2\r\n',
  'another version': 'HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n',
  'no status': 'HTTP/1.1 \r\nContent-Length: 0\r\n\r\n',
  'a status that is no number': 'HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n',
  'a line without a colon': 'HTTP/1.1 200 OK\r\nContent-Length 0\r\n\r\n',
  'a space in a name': 'HTTP/1.1 200 OK\r\nBad Name: x\r\nContent-Length: 0\r\n\r\n',
  'a folded line': 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n',
  'a bare line feed': 'HTTP/1.1 200 OK\r\nX: a\nContent-Length: 0\r\n\r\n',
  'a NUL': 'HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n',
  'two lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
  'a length that is no number': 'HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na',
  'a coding that is not chunked': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n',
  'no end': `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(50_000)}`,
  'a switch that nobody asked for': 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n',
};
for (const [what, bytes] of Object.entries(BROKEN_HEADS)) {
  test(`a head with ${what} is 502 and goes no further`, async t => {
    const { prefix, upstream } = await vendor(t, exchange => exchange.send(bytes));
    const asked = upstream.next();
    await isOurError(t, await ask(server.port, get(prefix)), 502, 'ERR_UPSTREAM_PROTOCOL');
    await (await asked).gone;
  });
}

test('chunks that are not chunks break the answer off', async t => {
  const { prefix } = await vendor(t, exchange => {
    exchange.send(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\nrest\r\n0\r\n\r\n',
    );
  });
  const answer = await ask(server.port, get(prefix));
  t.is(String(answer.body.data), 'half');
  t.false(answer.body.complete);
});

test('an answer longer than its length says ends where the length says, and the rest goes nowhere', async t => {
  const { prefix, upstream } = await vendor(t, exchange => {
    exchange.send(
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
    );
  });
  const client = await openRawClient(server.port);
  for (let round = 0; round < 2; round += 1) {
    client.send(get(prefix));
    t.is(String((await client.answer()).body.data), 'ok');
  }
  client.socket.destroy();
  t.is(upstream.accepted, 2, 'a connection that sends what nobody asked for serves no more');
});

test('64 kB of fields pass, in one and in a thousand', async t => {
  const one = `X-Large: ${'a'.repeat(64_000)}`;
  const many = Array.from({ length: 1000 }, (_, index) => `X-Field-${index}: ${'b'.repeat(50)}`);
  const { prefix } = await vendor(t, exchange => {
    exchange.send(answerText('ok', exchange.target === '/one' ? [one] : many));
  });
  const first = await ask(server.port, get(`${prefix}/one`));
  t.is(fieldValue(first.head.fields, 'x-large'), 'a'.repeat(64_000));
  const second = await ask(server.port, get(`${prefix}/many`));
  const passed = second.head.fields.filter(([name]) => name.startsWith('X-Field-'));
  t.deepEqual(
    passed.map(([name, value]) => `${name}: ${value}`),
    many,
  );
});

test("an answer that comes before the request's end reaches the client", async t => {
  const { prefix } = await vendor(t, exchange => {
    exchange.send(answerText('too large', ['Connection: close'], '413 Content Too Large'));
  });
  const client = await openRawClient(server.port);
  client.send(`POST ${prefix} HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\nfirst`);
  const answer = await client.answer();
  t.is(answer.status, 413);
  t.is(String(answer.body.data), 'too large');
  client.socket.destroy();
});
