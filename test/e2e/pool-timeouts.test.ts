import { createHash } from 'node:crypto';
import { once } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import { WebSocket } from 'ws';
import { fastClock } from '../support/fast-clock.ts';
import { ACCESS_KEY, cleared, type PoolServer, startPoolServer } from '../support/pool-server.ts';
import {
  CHAT_EVENTS,
  EVENTS_HEAD,
  event,
  good,
  LAST_CHUNK,
  silent,
  startPoolVendor,
  type Treatment,
} from '../support/pool-vendor.ts';
import { ask, openRawClient } from '../support/raw-client.ts';
import { fieldValue } from '../support/raw-message.ts';

const LIMITS = {
  // The server's time goes twenty times as fast as the test's.
  ...fastClock(20),
  UPSTREAM_FIRST_BYTE_TIMEOUT_MS: '15000',
  UPSTREAM_IDLE_TIMEOUT_MS: '10000',
  KEY_POOL_RETRY_ENABLED: 'false',
  KEY_POOL_CIRCUIT_THRESHOLD: '1000',
};

let server: PoolServer;
/** With a limit for the whole of an answer. */
let brief: PoolServer;
test.before(async () => {
  server = await startPoolServer({ env: LIMITS });
  brief = await startPoolServer({ env: { ...LIMITS, UPSTREAM_TOTAL_TIMEOUT_MS: '20000' } });
});
test.after.always('no key stands in a log, a page, an answer or a file', async t => {
  t.deepEqual([...(await server.leaks()), ...(await brief.leaks())], []);
});

async function vendorOf(t: ExecutionContext, on = server) {
  cleared(t, on);
  return startPoolVendor(t);
}

/** One event, then silence. */
const falling: Treatment = async call => {
  await call.body();
  call.send(EVENTS_HEAD + event(CHAT_EVENTS[1]));
  await call.gone;
};

/** A stream that is never silent and never ends. */
const endless: Treatment = async call => {
  await call.body();
  call.send(EVENTS_HEAD);
  const timer = setInterval(() => call.send(event(CHAT_EVENTS[1])), 20);
  await call.gone;
  clearInterval(timer);
};

test.serial('an upstream that says nothing is given up after the time to its first byte', async t => {
  const vendor = await vendorOf(t);
  const key = vendor.key(silent);
  const id = await server.add(vendor, key);
  const { status, json } = await server.chat();
  t.is(status, 504);
  t.is(json.error.code, 'ERR_UPSTREAM_TIMEOUT');
  await (await vendor.call(key)).gone;
  await server.untilIdle();
  t.like(await server.row(id), { strikes: 0, status: 'active' });
});

test.serial('a stream of which only the head came is given up too, and another key is asked', async t => {
  const vendor = await vendorOf(t);
  await server.configure({ retry: { enabled: true } });
  const headOnly: Treatment = async call => {
    await call.body();
    call.send(EVENTS_HEAD);
    await call.gone;
  };
  const keys = [vendor.key(headOnly), vendor.key(good)];
  await server.addAll(vendor, keys);
  for (let turn = 0; turn < 2; turn += 1) {
    const { status, text } = await server.chat({ stream: true });
    t.is(status, 200);
    t.true(text.endsWith('data: [DONE]\n\n'));
  }
  await (await vendor.call(keys[0]!)).gone;
});

test.serial('an answer whose head came without a body is broken for the client', async t => {
  const vendor = await vendorOf(t);
  const key = vendor.key(async call => {
    await call.body();
    call.send('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n');
    await call.gone;
  });
  const id = await server.add(vendor, key);
  const { status, body } = await ask(server.port, chatRequest({}));
  t.deepEqual([status, body.complete], [200, false]);
  await (await vendor.call(key)).gone;
  await server.untilIdle();
  t.like(await server.row(id), { strikes: 0, status: 'active' });
});

test.serial('a stream that falls silent is broken for the client', async t => {
  const vendor = await vendorOf(t);
  const key = vendor.key(falling);
  await server.add(vendor, key);
  const { body } = await ask(server.port, chatRequest({ stream: true }));
  t.false(body.complete);
  t.true(body.data.toString().endsWith('\n\n'), 'what came is whole');
  t.false(body.data.includes('[DONE]'));
  await (await vendor.call(key)).gone;
  await server.untilIdle();
});

test.serial('a stream that never ends is broken after the time for the whole of it', async t => {
  const vendor = await vendorOf(t, brief);
  const key = vendor.key(endless);
  await brief.add(vendor, key);
  const { body } = await ask(brief.port, chatRequest({ stream: true }));
  t.false(body.complete);
  t.true(body.data.length > 1000, 'it was let through until then');
  await (await vendor.call(key)).gone;
});

test.serial('a slow reader is not taken for a silent upstream', async t => {
  const vendor = await vendorOf(t);
  const length = 48 * 1024 * 1024;
  const large = vendor.key(async call => {
    await call.body();
    call.send(`HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nContent-Length: ${length}\r\n\r\n`);
    call.send(Buffer.alloc(length));
  });
  const id = await server.add(vendor, large);
  const client = await openRawClient(server.port);
  client.send(chatRequest({}));
  await client.head();
  client.socket.pause();
  // Longer than the silence that is allowed: another answer is cut for it meanwhile.
  await server.admin('PATCH', `/admin/keys/${id}/toggle`);
  await server.add(vendor, vendor.key(falling));
  t.false((await ask(server.port, chatRequest({ stream: true }))).body.complete);
  client.socket.resume();
  t.is((await client.source.exactly(length)).length, length);
  client.socket.destroy();
});

test.serial(
  'while a model thinks for long after its first event its client sees that it is there',
  async t => {
    const vendor = await vendorOf(t);
    const thinking = Promise.withResolvers<void>();
    const key = vendor.key(async call => {
      await call.body();
      call.send(EVENTS_HEAD + event(CHAT_EVENTS[0]));
      await thinking.promise;
      const rest = CHAT_EVENTS.slice(1).map(one => event(one));
      call.send(rest.join('') + LAST_CHUNK);
    });
    await server.add(vendor, key);
    const client = await openRawClient(server.port);
    client.send(chatRequest({ stream: true }));
    t.regex((await client.head()).startLine, / 200 /);
    t.regex(String(await client.source.until('\n\n')), /"role":"assistant"/);
    thinking.resolve();
    t.regex(String(await client.source.until('data: [DONE]\n\n')), /total_tokens/);
    client.socket.destroy();
  },
);

test.serial('a session over WebSocket may be silent, and last, as long as it likes', async t => {
  const vendor = await vendorOf(t, brief);
  const session = vendor.key(async call => {
    const nonce = fieldValue(call.head.fields, 'sec-websocket-key');
    const accept = createHash('sha1').update(`${nonce}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    const fields = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}`;
    call.send(`HTTP/1.1 101 Switching Protocols\r\n${fields}\r\n\r\n`);
    call.send(textFrame('first'));
    await call.gone;
  });
  const id = await brief.add(vendor, session);
  const socket = new WebSocket(`${brief.url.replace('http', 'ws')}/v1/realtime?model=gpt-realtime`, {
    headers: { authorization: `Bearer ${ACCESS_KEY}` },
  });
  await once(socket, 'message');
  await brief.admin('PATCH', `/admin/keys/${id}/toggle`);
  // Longer than any limit there is: another answer is cut for its length meanwhile.
  await brief.add(vendor, vendor.key(endless));
  t.false((await ask(brief.port, chatRequest({ stream: true }))).body.complete);
  t.is(socket.readyState, WebSocket.OPEN);
  const next = once(socket, 'message');
  (await vendor.call(session)).send(textFrame('second'));
  t.is(String((await next)[0]), 'second');
  socket.terminate();
  await brief.untilIdle();
});

function textFrame(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)]);
}

/** A chat as bytes, for what `fetch` does not tell. */
function chatRequest(further: object): string {
  const body = JSON.stringify({ model: 'gpt-4o', messages: [], ...further });
  const fields = `Host: x\r\nAuthorization: Bearer ${ACCESS_KEY}\r\nContent-Length: ${body.length}`;
  return `POST /v1/chat/completions HTTP/1.1\r\n${fields}\r\n\r\n${body}`;
}
