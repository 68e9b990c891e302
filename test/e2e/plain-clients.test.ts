import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import { fieldValue, fieldValues } from '../support/raw-message.ts';
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
  const prefix = `/plain${prefixes}`;
  await server.map(prefix, upstream.url);
  return { upstream, prefix, address: server.url + prefix };
}

/** Runs curl. @returns its exit code, and what it wrote */
async function curl(
  parameters: readonly string[],
  input?: Buffer,
): Promise<{ code: number; output: Buffer }> {
  const child = spawn('curl', ['--silent', ...parameters], { stdio: ['pipe', 'pipe', 'inherit'] });
  const missing = once(child, 'error').then(() => {
    throw new Error('These tests need the curl command: apt-get install curl');
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const closed = once(child, 'close') as Promise<[number]>;
  const output = Buffer.concat(await Promise.race([child.stdout.toArray(), missing]));
  return { code: (await closed)[0], output };
}

test('curl --http1.0 gets an answer of known length, and one in chunks without its chunks', async t => {
  const data = randomBytes(200_000);
  const { address } = await vendor(t, exchange => {
    if (exchange.target === '/length') {
      exchange.send(answerText(data.toString('latin1')));
    } else {
      exchange.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      for (const half of [data.subarray(0, 99_999), data.subarray(99_999)]) {
        exchange.send(`${half.length.toString(16)}\r\n`);
        exchange.send(half);
        exchange.send('\r\n');
      }
      exchange.send('0\r\n\r\n');
    }
  });
  for (const path of ['/length', '/chunks']) {
    const { code, output } = await curl(['--http1.0', address + path]);
    t.is(code, 0);
    t.true(output.equals(data), path);
  }
});

test('curl --http1.0 uploads a body of known length', async t => {
  const data = randomBytes(150_000);
  const { address, upstream } = await vendor(t, async exchange => {
    await exchange.body();
    exchange.send(answerText('thanks'));
  });
  const { code, output } = await curl(['--http1.0', '--data-binary', '@-', address], data);
  t.is(code, 0);
  t.is(String(output), 'thanks');
  const [exchange] = upstream.exchanges;
  t.is(exchange!.head.startLine, 'POST / HTTP/1.1');
  t.true((await exchange!.body()).data.equals(data));
});

test('curl --http1.0 learns that an answer broke off, whatever its framing was', async t => {
  const { address } = await vendor(t, exchange => {
    const framing = exchange.target === '/length' ? 'Content-Length: 1000' : 'Transfer-Encoding: chunked';
    exchange.send(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`);
    exchange.send(exchange.target === '/length' ? 'half' : '4\r\nhalf\r\n');
    exchange.socket.destroySoon();
  });
  // 18: transfer closed with outstanding data; 56: failure in receiving.
  t.is((await curl(['--http1.0', `${address}/length`])).code, 18);
  t.is((await curl(['--http1.0', `${address}/chunks`])).code, 56);
});

test('curl uploads a large body in chunks after 100 Continue', async t => {
  const data = randomBytes(2_000_000);
  const { address, upstream } = await vendor(t, async exchange => {
    if (fieldValue(exchange.head.fields, 'expect') !== undefined)
      exchange.send('HTTP/1.1 100 Continue\r\n\r\n');
    await exchange.body();
    exchange.send(answerText('stored'));
  });
  const { code, output } = await curl(
    ['-T', '-', '-H', 'Expect: 100-continue', '--expect100-timeout', '60', address],
    data,
  );
  t.is(code, 0);
  t.is(String(output), 'stored');
  const [exchange] = upstream.exchanges;
  t.is(fieldValue(exchange!.head.fields, 'transfer-encoding'), 'chunked');
  t.true((await exchange!.body()).data.equals(data));
});

const origin = 'https://app.example';

test('a page on another origin may ask: its preflight is answered here and never reaches the vendor', async t => {
  const { address, upstream } = await vendor(t, async exchange => {
    await exchange.body();
    exchange.send(answerText('{}', ['x-request-id: 1']));
  });
  const preflight = await fetch(`${address}/v1/chat/completions`, {
    method: 'OPTIONS',
    headers: {
      Origin: origin,
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'authorization,content-type,x-stainless-os',
    },
  });
  t.is(preflight.status, 204);
  t.is(preflight.headers.get('access-control-allow-origin'), '*');
  t.is(preflight.headers.get('access-control-allow-methods'), 'POST');
  t.is(preflight.headers.get('access-control-allow-headers'), 'authorization,content-type,x-stainless-os');
  t.is(upstream.accepted, 0);

  const answer = await fetch(`${address}/v1/chat/completions`, {
    method: 'POST',
    headers: { Origin: origin, Authorization: 'Bearer x', 'Content-Type': 'application/json' },
    body: '{}',
  });
  t.is(answer.headers.get('access-control-allow-origin'), '*');
  t.is(answer.headers.get('access-control-expose-headers'), '*');
  t.deepEqual(await answer.json(), {});
  t.deepEqual(fieldValues(upstream.exchanges[0]!.head.fields, 'origin'), [origin]);
});

test("a vendor's own CORS fields stand as they are, and an OPTIONS that is no preflight is the vendor's", async t => {
  const own = ['Access-Control-Allow-Origin: https://app.example', 'Access-Control-Allow-Credentials: true'];
  const { address, upstream } = await vendor(t, exchange => exchange.send(answerText('', own)));
  const answer = await fetch(address, { headers: { Origin: origin } });
  t.is(answer.headers.get('access-control-allow-origin'), origin);
  t.is(answer.headers.get('access-control-expose-headers'), null);
  await fetch(address, { method: 'OPTIONS', headers: { Origin: origin } });
  t.is(upstream.exchanges.at(-1)!.method, 'OPTIONS');
});

test('a page on another origin can read our own errors too', async t => {
  const { address, upstream } = await vendor(t, () => {});
  await upstream.close();
  const answer = await fetch(address, { headers: { Origin: origin } });
  t.is(answer.status, 502);
  t.is(answer.headers.get('access-control-allow-origin'), '*');
  t.like(await answer.json(), { error: { code: 'ERR_UPSTREAM_REFUSED' } });
  const lost = await fetch(`${server.url}/no-such-mapping`, { headers: { Origin: origin } });
  t.is(lost.status, 404);
  t.is(lost.headers.get('access-control-allow-origin'), '*');
});
