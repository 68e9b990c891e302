import { once } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import { WebSocket } from 'ws';
import { ACCESS_KEY, cleared, type PoolServer, startPoolServer } from '../support/pool-server.ts';
import {
  CHAT_EVENTS,
  credentialsIn,
  EVENTS_HEAD,
  event,
  failing,
  good,
  json,
  limited,
  openAiError,
  refused,
  silent,
  startPoolVendor,
  type Treatment,
} from '../support/pool-vendor.ts';
import { ask, openRawClient } from '../support/raw-client.ts';
import { fieldValue } from '../support/raw-message.ts';
import { ADMIN_TOKEN } from '../support/server.ts';

const MAX_BODY_BYTES = 100_000;
const MAX_UPLOAD_BYTES = 1_000_000;

let server: PoolServer;
let anonymous: PoolServer;
test.before(async () => {
  const limits = { MAX_BODY_BYTES: String(MAX_BODY_BYTES), MAX_UPLOAD_BYTES: String(MAX_UPLOAD_BYTES) };
  server = await startPoolServer({ env: limits });
});
test.after.always('all is counted once, and no key stands in a log, a page, an answer or a file', async t => {
  const requests = server.lines.filter(
    line => line.includes('"prefix":"/v1"') && line.includes('"msg":"request"'),
  );
  t.is(await server.untilCounted(requests.length, '/v1'), requests.length);
  t.deepEqual([...(await server.leaks()), ...((await anonymous?.leaks()) ?? [])], []);
});

async function vendorOf(t: ExecutionContext, on = server) {
  cleared(t, on);
  return startPoolVendor(t);
}

const CLIENTS_OWN = 'sk-the-clients-own-0a4c1f';

test.serial(
  'whoever shows the access key gets in, in every way in which vendors’ clients show keys',
  async t => {
    const vendor = await vendorOf(t);
    await server.add(vendor, vendor.key(good));
    const plain = { authorization: '' };
    for (const [headers, query] of [
      [{ authorization: `Bearer ${ACCESS_KEY}` }, ''],
      [{ authorization: `bearer ${ACCESS_KEY}` }, ''],
      [{ ...plain, 'x-api-key': ACCESS_KEY }, ''],
      [{ ...plain, 'api-key': ACCESS_KEY }, ''],
      [{ ...plain, 'x-goog-api-key': ACCESS_KEY }, ''],
      [{ ...plain, 'x-switchyard-key': ACCESS_KEY }, ''],
      [plain, `?key=${ACCESS_KEY}`],
    ] as const) {
      const answer = await server.ask(`/v1/embeddings${query}`, {
        method: 'POST',
        headers,
        body: '{"model":"e"}',
      });
      t.is(answer.status, 200, JSON.stringify(headers) + query);
    }
    const asked = vendor.calls().length;
    for (const authorization of [
      '',
      'Bearer wrong-key',
      `Bearer ${ADMIN_TOKEN}`,
      `Bearer ${ACCESS_KEY}x`,
      `Basic ${ACCESS_KEY}`,
    ]) {
      const answer = await server.ask('/v1/embeddings', {
        method: 'POST',
        headers: { authorization },
        body: '{"model":"e"}',
      });
      t.is(answer.status, 401, authorization);
      t.like(answer.json.error, { type: 'authentication_error', code: 'ERR_UNAUTHORIZED' });
    }
    t.is(vendor.calls().length, asked);
  },
);

test.serial('nothing that a client shows of itself reaches the vendor', async t => {
  const vendor = await vendorOf(t);
  const ids = [vendor.key(good), vendor.key(good, 'sk-ant-'), vendor.key(good, 'AIza')];
  await server.addAll(vendor, ids);
  const headers = {
    authorization: `Bearer ${ACCESS_KEY}`,
    'x-api-key': CLIENTS_OWN,
    'api-key': CLIENTS_OWN,
    'x-goog-api-key': CLIENTS_OWN,
    'x-switchyard-key': ACCESS_KEY,
    'proxy-authorization': `Basic ${CLIENTS_OWN}`,
    cookie: `switchyard_session=${CLIENTS_OWN}; theme=dark`,
  };
  const query = `?key=${CLIENTS_OWN}&alt=json&Key=${ACCESS_KEY}&%6bey=${CLIENTS_OWN}`;
  for (const [path, model] of [
    ['/v1/chat/completions', 'gpt-4o'],
    ['/v1/messages', 'claude-sonnet-4-5'],
    ['/v1/models/gemini-2.5-pro:generateContent', 'gemini-2.5-pro'],
  ] as const) {
    const answer = await server.ask(path + query, {
      method: 'POST',
      headers,
      body: JSON.stringify({ model }),
    });
    t.is(answer.status, 200, answer.text);
  }
  t.deepEqual(vendor.strangers, []);
  t.is(vendor.calls().length, 3);
  for (const call of vendor.calls()) {
    t.is(credentialsIn(call).length, 1, call.head.text);
    t.false(call.head.text.includes(CLIENTS_OWN), call.head.text);
    t.false(call.head.text.includes(ACCESS_KEY), call.head.text);
    t.is(fieldValue(call.head.fields, 'cookie'), 'theme=dark');
    t.true(call.target.endsWith('?alt=json'), call.target);
  }
});

test.serial(
  'a WebSocket goes through with the pool’s key, and the client’s in none of its subprotocols',
  async t => {
    const vendor = await vendorOf(t);
    const switched: Treatment = async call => {
      const accept = fieldValue(call.head.fields, 'sec-websocket-key');
      const { createHash } = await import('node:crypto');
      const digest = createHash('sha1')
        .update(`${accept}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest('base64');
      call.send(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${digest}\r\nSec-WebSocket-Protocol: realtime\r\n\r\n`,
      );
      // One text frame: `hi`.
      call.send(Buffer.from([0x81, 2, 0x68, 0x69]));
      await call.gone;
    };
    const keys = [vendor.key(refused()), vendor.key(switched)];
    const ids = await server.addAll(vendor, keys);
    const address = `${server.url.replace('http', 'ws')}/v1/realtime?model=gpt-realtime`;
    const sockets: WebSocket[] = [];
    for (let turn = 0; turn < 2; turn += 1) {
      const socket = new WebSocket(address, [
        'realtime',
        `openai-insecure-api-key.${ACCESS_KEY}`,
        'openai-beta.realtime-v1',
      ]);
      sockets.push(socket);
      const [data] = await once(socket, 'message');
      t.is(String(data), 'hi');
    }
    t.true(vendor.calls(keys[0]).length > 0, 'the dead key was met and left');
    t.is((await server.row(ids[1]!)).inFlight, 2, 'a session holds its key');
    for (const call of vendor.calls()) {
      t.false(call.head.text.includes(ACCESS_KEY));
      t.is(fieldValue(call.head.fields, 'sec-websocket-protocol'), 'realtime, openai-beta.realtime-v1');
      t.is(call.target, '/v1/realtime?model=gpt-realtime');
    }
    for (const socket of sockets) socket.terminate();
    await server.untilIdle();
    const closed = new WebSocket(address, ['realtime', 'openai-insecure-api-key.wrong']);
    const [error] = await once(closed, 'error');
    t.regex(error.message, /401/);
  },
);

test.serial('TRACE is refused: a vendor that reflects requests must not tell the pool’s key', async t => {
  const vendor = await vendorOf(t);
  const reflecting: Treatment = async call => {
    call.send(
      `HTTP/1.1 200 OK\r\nContent-Type: message/http\r\nContent-Length: ${call.head.text.length}\r\n\r\n${call.head.text}`,
    );
  };
  await server.add(vendor, vendor.key(reflecting));
  const { status, body } = await ask(
    server.port,
    `TRACE /v1/models/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ACCESS_KEY}\r\n\r\n`,
  );
  t.is(status, 405, body.data.toString());
  t.is(vendor.calls().length, 0);
});

test.serial(
  'a client that leaves before the answer closes the upstream, frees the key and blames nobody',
  async t => {
    const vendor = await vendorOf(t);
    const key = vendor.key(silent);
    const id = await server.add(vendor, key);
    const client = await openRawClient(server.port);
    client.send(chatRequest({}));
    const call = await vendor.call(key);
    t.is((await server.row(id)).inFlight, 1);
    client.socket.destroy();
    await call.gone;
    await server.untilIdle();
    t.like(await server.row(id), { strikes: 0, status: 'active', failures: 0, rests: [] });
    const line = await server.line(
      ({ msg, status, key_id }) => msg === 'request' && status === 499 && key_id === id,
    );
    t.is(line.code, 'ERR_CLIENT_CLOSED');
    vendor.treat(key, good);
    t.is((await server.chat()).status, 200, 'the circuit of the upstream is closed');
  },
);

test.serial('a client that leaves in the middle of a stream does too', async t => {
  const vendor = await vendorOf(t);
  const key = vendor.key(async call => {
    await call.body();
    call.send(
      EVENTS_HEAD +
        CHAT_EVENTS.slice(0, 3)
          .map(one => event(one))
          .join(''),
    );
    await call.gone;
  });
  const id = await server.add(vendor, key);
  const client = await openRawClient(server.port);
  client.send(chatRequest({ stream: true }));
  await client.source.until('"content":"k"');
  client.socket.destroy();
  await (await vendor.call(key)).gone;
  await server.untilIdle();
  t.like(await server.row(id), { strikes: 0, status: 'active', failures: 0 });
  await server.line(({ msg, status, key_id }) => msg === 'request' && status === 499 && key_id === id);
});

test.serial('a client that leaves while the first event is held does too', async t => {
  const vendor = await vendorOf(t);
  const key = vendor.key(async call => {
    await call.body();
    call.send(EVENTS_HEAD + event(CHAT_EVENTS[0]));
    await call.gone;
  });
  const id = await server.add(vendor, key);
  const client = await openRawClient(server.port);
  client.send(chatRequest({ stream: true }));
  const call = await vendor.call(key);
  client.socket.destroy();
  await call.gone;
  await server.untilIdle();
  t.like(await server.row(id), { strikes: 0, status: 'active', failures: 0 });
});

test.serial('a client that leaves during its upload, or before its body is whole, does too', async t => {
  const vendor = await vendorOf(t);
  const key = vendor.key(good);
  const id = await server.add(vendor, key);
  const upload = await openRawClient(server.port);
  upload.send(uploadHead(`Content-Length: ${MAX_UPLOAD_BYTES}`));
  upload.send('x'.repeat(10_000));
  const call = await vendor.call(key);
  upload.socket.destroy();
  await call.gone;
  t.false((await call.body()).complete);
  const half = await openRawClient(server.port);
  const fields = `Authorization: Bearer ${ACCESS_KEY}\r\nContent-Length: 100\r\nExpect: 100-continue`;
  half.send(`POST /v1/half-sent HTTP/1.1\r\nHost: x\r\n${fields}\r\n\r\n`);
  t.regex((await half.head()).startLine, /100/);
  half.send('{"model"');
  half.socket.destroy();
  await half.gone;
  await server.line(({ msg, status, key_id }) => msg === 'request' && status === 499 && key_id === id);
  await server.line(
    ({ msg, status, path }) => msg === 'request' && status === 499 && path === '/v1/half-sent',
  );
  await server.untilIdle();
  t.is(vendor.calls().length, 1);
  t.like(await server.row(id), { strikes: 0, status: 'active', failures: 0 });
});

test.serial('a client that leaves while a retry waits is not asked for again', async t => {
  const vendor = await vendorOf(t);
  await server.configure({ retry: { delayMs: 60_000 } });
  const key = vendor.key(failing('500 Internal Server Error'));
  const id = await server.add(vendor, key);
  const client = await openRawClient(server.port);
  client.send(chatRequest({}));
  await (await vendor.call(key)).body();
  await server.untilIdle();
  client.socket.destroy();
  const line = await server.line(one => one.msg === 'request' && one.status === 499 && one.key_id === id);
  t.true(Number(line.duration_ms) < 30_000, 'it is counted at once, and not when the wait is over');
  t.is(vendor.calls().length, 1);
});

test.serial(
  'a key has no more requests in flight than the limit, and every way out gives one back',
  async t => {
    const vendor = await vendorOf(t);
    await server.configure({ concurrentLimit: 1, retry: { enabled: false } });
    const key = vendor.key(good);
    await server.add(vendor, key);
    const upload = () =>
      ask(server.port, `${uploadHead('Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`);
    const waysOut: Record<string, [Treatment, () => Promise<{ status: number }>]> = {
      'an answer': [good, () => server.chat()],
      'a stream': [good, () => server.chat({ stream: true })],
      'an upload': [good, upload],
      'an error of the request': [
        json(openAiError('no', { type: 'x', code: null }), [], '422 No'),
        () => server.chat(),
      ],
      'an error of the upstream': [failing('500 No'), () => server.chat()],
      'a cool-down': [limited('retry-after-ms: 1'), () => server.chat()],
      'a refusal': [refused(), () => server.chat()],
      'a refused upload': [refused(), upload],
      'a reset': [call => call.socket.resetAndDestroy(), () => server.chat()],
      'a broken answer': [brokenAnswer, () => ask(server.port, chatRequest({ stream: true }))],
      'no HTTP': [call => call.send('SMTP ready\r\n\r\n'), () => server.chat()],
    };
    for (const [what, [treatment, use]] of Object.entries(waysOut)) {
      const holding = Promise.withResolvers<void>();
      vendor.treat(key, async (call, own) => {
        await holding.promise;
        await treatment(call, own);
      });
      const known = vendor.calls(key).length;
      const first = use();
      await vendor.call(key, known);
      const second = await server.chat();
      t.is(second.status, 503, what);
      t.is(second.json.error.code, 'ERR_KEYS_BUSY', what);
      t.is(second.headers.get('retry-after'), '1');
      t.is(vendor.calls(key).length, known + 1, what);
      holding.resolve();
      await first;
      await server.untilIdle();
    }
    vendor.treat(key, good);
    await server.configure({ concurrentLimit: 2 });
    const pair = await Promise.all([server.chat(), server.chat()]);
    t.deepEqual(
      pair.map(({ status }) => status),
      [200, 200],
    );
  },
);

for (const framing of ['length', 'chunks'] as const) {
  test.serial(`a body over the limit is refused while it is read, by ${framing}, and not before`, async t => {
    const vendor = await vendorOf(t);
    await server.add(vendor, vendor.key(good));
    const most = paddedChat(MAX_BODY_BYTES);
    t.is((await ask(server.port, framed(most, framing))).status, 200);
    t.is(await vendor.calls()[0]!.text(), most);

    const client = await openRawClient(server.port);
    const whole = framed(paddedChat(MAX_BODY_BYTES * 10), framing);
    // No more than the limit and a bit is ever sent: the answer comes without the rest.
    client.send(whole.slice(0, framing === 'length' ? 500 : MAX_BODY_BYTES + 1000));
    const { status, body } = await client.answer();
    client.socket.destroy();
    t.is(status, 413);
    t.is(JSON.parse(body.data.toString()).error.code, 'ERR_BODY_TOO_LARGE');
    t.is(vendor.calls().length, 1);
    await server.untilIdle();
  });

  test.serial(`an upload may be larger than other bodies, up to its own limit, by ${framing}`, async t => {
    const vendor = await vendorOf(t);
    const key = vendor.key(good);
    const id = await server.add(vendor, key);
    const part = 'x'.repeat(MAX_BODY_BYTES * 3);
    const taken = await ask(server.port, framedUpload(part, framing));
    t.is(taken.status, 200);
    t.is((await vendor.calls()[0]!.text()).length, part.length);
    const { status, body } = await ask(server.port, framedUpload('x'.repeat(MAX_UPLOAD_BYTES + 1), framing));
    t.is(status, 413);
    t.is(JSON.parse(body.data.toString()).error.code, 'ERR_BODY_TOO_LARGE');
    await server.untilIdle();
    t.like(await server.row(id), { strikes: 0, status: 'active', failures: 0 });
    t.is((await server.chat()).status, 200);
  });
}

test.serial('a client that asks first is told at once that its body is too large', async t => {
  const vendor = await vendorOf(t);
  await server.add(vendor, vendor.key(good));
  for (const head of [
    `POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ACCESS_KEY}\r\nContent-Length: ${MAX_BODY_BYTES + 1}\r\n`,
    uploadHead(`Content-Length: ${MAX_UPLOAD_BYTES + 1}`).slice(0, -2),
  ]) {
    const client = await openRawClient(server.port);
    client.send(`${head}Expect: 100-continue\r\n\r\n`);
    t.is((await client.head()).startLine, 'HTTP/1.1 413 Payload Too Large');
    client.socket.destroy();
  }
  const client = await openRawClient(server.port);
  const body = '{"model":"e"}';
  client.send(
    `POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ACCESS_KEY}\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
  );
  t.is((await client.head()).startLine, 'HTTP/1.1 100 Continue');
  client.send(body);
  t.is((await client.answer()).status, 200);
  client.socket.destroy();
});

test.serial(
  'a key that is refused for a model alone tells the client so where no other may have it',
  async t => {
    const vendor = await vendorOf(t);
    const message = 'Project `proj_1` does not have access to model `gpt-9`';
    const error = openAiError(message, { type: 'invalid_request_error', code: 'model_not_found' });
    const keys = [vendor.key(json(error, [], '403 Forbidden')), vendor.key(json(error, [], '403 Forbidden'))];
    const ids = await server.addAll(vendor, keys);
    const { status, json: body } = await server.chat();
    t.is(status, 403);
    t.deepEqual(body, error);
    t.is(vendor.calls().length, 2, 'the other was asked too');
    for (const id of ids) t.like(await server.row(id), { strikes: 0, status: 'active' });
    vendor.treat(keys[0]!, good);
    for (let turn = 0; turn < 3; turn += 1) t.is((await server.chat()).status, 200);
  },
);

test.serial(
  'with ALLOW_ANONYMOUS nobody needs a key, and a client’s own goes on where the pool has none',
  async t => {
    const away = await startPoolVendor(t);
    anonymous = await startPoolServer({
      env: {
        ALLOW_ANONYMOUS: 'true',
        BASE_PATH: '/below',
        OPENAI_BASE_URL: away.url,
        ANTHROPIC_BASE_URL: away.url,
      },
    });
    const own = away.key(good, 'sk-own-');
    const bare = { authorization: '' };
    const post = (path: string, headers: Record<string, string>, model: string) =>
      anonymous.ask(path, { method: 'POST', headers, body: JSON.stringify({ model }) });
    const chat = (headers: Record<string, string>) => post('/v1/chat/completions', headers, 'gpt-4o');

    t.is((await chat(bare)).status, 503, 'no key anywhere');
    t.is((await chat({ authorization: `Bearer ${own}` })).status, 200);
    t.is((await chat({ ...bare, 'x-api-key': own })).status, 200);
    t.is((await post('/v1/messages', { ...bare, 'x-api-key': own }, 'claude-sonnet-4-5')).status, 200);
    t.is(away.calls(own).length, 3);
    for (const [index, name] of [
      [0, 'authorization'],
      [1, 'authorization'],
      [2, 'x-api-key'],
    ] as const) {
      t.true(fieldValue(away.calls(own)[index]!.head.fields, name)?.endsWith(own));
    }

    // What the vendor says of the client's own key is the client's to know.
    for (const [treatment, status] of [
      [refused(), 401],
      [limited('Retry-After: 33'), 429],
      [json(openAiError('no', { type: 'x', code: 'model_not_found' }), [], '403 No'), 403],
    ] as const) {
      away.treat(own, treatment);
      const answer = await fetch(`${anonymous.url}/below/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${own}` },
        body: '{"model":"gpt-4o"}',
      });
      t.is(answer.status, status);
      if (status === 429) t.is(answer.headers.get('retry-after'), '33');
      await answer.text();
    }
    away.treat(own, good);

    // Our own secrets never go on.
    t.is((await chat({ authorization: `Bearer ${ACCESS_KEY}` })).status, 503);
    t.is((await chat({ authorization: `Bearer ${ADMIN_TOKEN}` })).status, 503);
    t.deepEqual(away.strangers, []);

    const vendor = await startPoolVendor(t);
    const pooled = vendor.key(good);
    await anonymous.add(vendor, pooled);
    t.is((await chat(bare)).status, 200);
    t.is((await chat({ authorization: `Bearer ${own}` })).status, 200);
    t.is(vendor.calls(pooled).length, 2, 'a key of the pool goes before the client’s own');
  },
);

test.serial('a browser on another origin may ask, and its preflight needs no key', async t => {
  const vendor = await vendorOf(t);
  await server.add(vendor, vendor.key(good));
  const preflight = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'OPTIONS',
    headers: {
      origin: 'https://app.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization',
    },
  });
  t.is(preflight.status, 204);
  const answer = await server.ask('/v1/embeddings', {
    method: 'POST',
    headers: { origin: 'https://app.example' },
    body: '{"model":"e"}',
  });
  t.is(answer.headers.get('access-control-allow-origin'), '*');
  const error = await server.ask('/v1/embeddings', {
    method: 'POST',
    headers: { origin: 'https://app.example', authorization: 'x' },
    body: '{}',
  });
  t.deepEqual([error.status, error.headers.get('access-control-allow-origin')], [401, '*']);
});

const brokenAnswer: Treatment = async call => {
  await call.body();
  call.send(EVENTS_HEAD + event(CHAT_EVENTS[1]));
  call.socket.destroySoon();
};

/** A chat as bytes, for what `fetch` does not tell. */
function chatRequest(further: object): string {
  return framed(JSON.stringify({ model: 'gpt-4o', messages: [], ...further }), 'length');
}

function paddedChat(length: number): string {
  const empty = '{"model":"gpt-4o","x":""}';
  return `{"model":"gpt-4o","x":"${'y'.repeat(length - empty.length)}"}`;
}

function framed(
  body: string,
  framing: 'length' | 'chunks',
  further: readonly string[] = ['Content-Type: application/json'],
  path = '/v1/chat/completions',
): string {
  const head = [`POST ${path} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${ACCESS_KEY}`, ...further];
  if (framing === 'length') return [...head, `Content-Length: ${body.length}`, '', body].join('\r\n');
  const pieces = body.match(/.{1,16000}/gs) ?? [];
  const chunks = pieces.map(piece => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('');
  return `${[...head, 'Transfer-Encoding: chunked', '', ''].join('\r\n')}${chunks}0\r\n\r\n`;
}

const MULTIPART = 'Content-Type: multipart/form-data; boundary=b';

function framedUpload(body: string, framing: 'length' | 'chunks'): string {
  return framed(body, framing, [MULTIPART], '/v1/audio/transcriptions');
}

function uploadHead(framing: string): string {
  return `POST /v1/audio/transcriptions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ACCESS_KEY}\r\n${MULTIPART}\r\n${framing}\r\n\r\n`;
}
