import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { ACCESS_KEY, cleared, type PoolServer, startPoolServer } from '../support/pool-server.ts';
import {
  CHAT_EVENTS,
  chatChunk,
  EVENTS_HEAD,
  event,
  events,
  failing,
  failingStream,
  good,
  HUGE_ERROR,
  huge,
  json,
  limited,
  limitedByGemini,
  openAiError,
  outOfQuota,
  page,
  refused,
  reset,
  silent,
  startPoolVendor,
  suspended,
  type Treatment,
  unknownToGemini,
  unknownToXai,
  unpaid,
  withoutCredit,
} from '../support/pool-vendor.ts';
import { ask, openRawClient } from '../support/raw-client.ts';
import { answerText } from '../support/raw-upstream.ts';

let server: PoolServer;
test.before(async () => {
  server = await startPoolServer({ env: { UPSTREAM_FIRST_BYTE_TIMEOUT_MS: '1500' } });
});
test.after.always('no key stands in a log, a page, an answer or a file', async t => {
  t.deepEqual(await server.leaks(), []);
});

/** Every way in which a key can be of no use, and the start that tells its provider where that matters. */
const DEAD: Readonly<Record<string, Treatment>> = {
  refused: refused(),
  suspended: suspended(),
  unpaid: unpaid(),
  'out of quota': outOfQuota(),
  'limited for seconds': limited('Retry-After: 60'),
  'limited until a date': limited(`Retry-After: ${new Date(Date.now() + 3_600_000).toUTCString()}`),
  'limited for milliseconds': limited('retry-after-ms: 90000'),
  'limited by its tokens': limited('x-ratelimit-remaining-tokens: 0', 'x-ratelimit-reset-tokens: 6m0s'),
  'limited without a word': limited(),
  'limited by Gemini': limitedByGemini('34.07s'),
  'unknown to Gemini': unknownToGemini(),
  'unknown to xAI': unknownToXai(),
  'without credit': withoutCredit(),
  failing: failing('500 Internal Server Error'),
  overloaded: failing('529 Overloaded'),
  'failing at length': huge('502 Bad Gateway'),
  reset,
  silent,
  'failing as a stream': failingStream({ message: 'limit', type: 'requests', code: 'rate_limit_exceeded' }),
};

async function vendorOf(t: ExecutionContext) {
  cleared(t, server);
  return startPoolVendor(t);
}

for (const [name, treatment] of Object.entries(DEAD)) {
  test.serial(`a key that is ${name} goes unnoticed beside a good one`, async t => {
    const vendor = await vendorOf(t);
    const keys = [vendor.key(treatment), vendor.key(good)];
    const [bad] = await server.addAll(vendor, keys);
    for (const stream of [false, true]) {
      const { status, text } = await server.chat({ stream });
      t.is(status, 200, text);
      t.true(text.includes('"total_tokens":18'), text);
    }
    t.true(vendor.calls(keys[0]).length > 0, 'the bad key was asked');
    // Of all time too: what it was asked in vain counts against it, and it answered nothing.
    const { allTime } = await server.untilRow(bad!, row => row.allTime.failures > 0);
    t.is(allTime.requests, allTime.failures);
    t.deepEqual(vendor.strangers, []);
  });
}

test.serial('64 clients at once see no error while half the keys are dead in every way', async t => {
  const vendor = await vendorOf(t);
  const dead = Object.values(DEAD).map(treatment => vendor.key(treatment));
  const alive = dead.map(() => vendor.key(good));
  const keys = dead.flatMap((key, index) => [key, alive[index]!]);
  await server.addAll(vendor, keys);
  const statuses = new Map<number, number>();
  const problems: string[] = [];
  const client = async (number: number) => {
    for (let turn = 0; turn < 12; turn += 1) {
      const { status, text } = await server.chat({ stream: (number + turn) % 2 === 0 });
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status !== 200 || !text.includes('"total_tokens":18')) problems.push(text.slice(0, 300));
    }
  };
  await Promise.all(Array.from({ length: 64 }, (_, number) => client(number)));
  t.deepEqual(problems, []);
  t.deepEqual([...statuses], [[200, 64 * 12]]);
  for (const key of dead) t.true(vendor.calls(key).length > 0, 'every bad key was met');
  await server.untilIdle();
});

test.serial('keys that fail at once do not make an upstream look down that answers others', async t => {
  const vendor = await vendorOf(t);
  const everyone = Promise.withResolvers<void>();
  const slow: Treatment = async (call, own) => {
    await everyone.promise;
    await good(call, own);
  };
  const keys = [1, 2, 3].flatMap(() => [vendor.key(failing('500 Internal Server Error')), vendor.key(slow)]);
  await server.addAll(vendor, keys);
  const chats = Array.from({ length: 48 }, () => server.chat());
  // Each client comes to a good key after three bad ones at the latest; one that ends before has met an error.
  const isGood = (key: string | undefined) => keys.indexOf(key!) % 2 === 1;
  let ended = false;
  const early = Promise.race(chats).then(() => {
    ended = true;
  });
  while (!ended && vendor.calls().filter(({ key }) => isGood(key)).length < 48) {
    await Promise.race([vendor.upstream.next(), early]);
  }
  everyone.resolve();
  t.deepEqual(new Set((await Promise.all(chats)).map(({ status }) => status)), new Set([200]));
});

for (const [name, treatment] of [
  ['refused', refused()],
  ['suspended', suspended()],
  ['unpaid', unpaid()],
  ['out of quota', outOfQuota()],
  ['unknown to Gemini', unknownToGemini()],
] as const) {
  test.serial(
    `every key ${name}: 503 in the words of the client's format, with no vendor's text`,
    async t => {
      const vendor = await vendorOf(t);
      await server.addAll(
        vendor,
        [1, 2, 3].map(() => vendor.key(treatment)),
      );
      const { status, json: body, text } = await server.chat();
      t.is(status, 503);
      t.is(body.error.code, 'ERR_NO_USABLE_KEY');
      t.is(body.error.type, 'server_error');
      t.false(/Incorrect|suspended|credits|quota/.test(text), text);
      t.is(vendor.calls().length, 3, 'each key was asked once');
      const message = await server.ask('/v1/messages', { method: 'POST', body: '{"model":"gpt-4o"}' });
      t.is(message.status, 503);
      t.like(message.json, { type: 'error', error: { type: 'overloaded_error', code: 'ERR_NO_USABLE_KEY' } });
    },
  );
}

test.serial(
  'every key resting: one 429 with the soonest Retry-After, and nobody is asked meanwhile',
  async t => {
    const vendor = await vendorOf(t);
    const keys = [limited('Retry-After: 3000'), limited('Retry-After: 120'), limitedByGemini('500s')].map(
      one => vendor.key(one),
    );
    await server.addAll(vendor, keys);
    for (let turn = 0; turn < 3; turn += 1) {
      const { status, headers, json: body } = await server.chat();
      t.is(status, 429);
      t.is(body.error.code, 'ERR_KEYS_RESTING');
      t.is(body.error.type, 'rate_limit_error');
      const seconds = Number(headers.get('retry-after'));
      t.true(seconds > 60 && seconds <= 120, `${seconds}`);
    }
    t.is(vendor.calls().length, 3);
  },
);

for (const [what, treatment, restMs, slackMs = 0] of [
  ['Retry-After in seconds', limited('Retry-After: 77'), 77_000],
  [
    'Retry-After as a date',
    limited(`Retry-After: ${new Date(Date.now() + 7_200_000).toUTCString()}`),
    7_200_000,
    120_000,
  ],
  ['retry-after-ms', limited('retry-after-ms: 88500', 'Retry-After: 5'), 88_500],
  [
    'OpenAI’s reset of what is used up',
    limited(
      'x-ratelimit-remaining-requests: 0',
      'x-ratelimit-reset-requests: 1m30s',
      'x-ratelimit-remaining-tokens: 5',
      'x-ratelimit-reset-tokens: 6m0s',
    ),
    90_000,
  ],
  [
    'Anthropic’s reset',
    limited(
      'anthropic-ratelimit-tokens-remaining: 0',
      `anthropic-ratelimit-tokens-reset: ${new Date(Date.now() + 3_600_000).toISOString()}`,
    ),
    3_600_000,
    120_000,
  ],
  ['Gemini’s retryDelay', limitedByGemini('34.5s'), 34_500],
  ['nothing', limited(), 60_000],
] as const) {
  test.serial(
    `a limited key rests as long as ${what} says, for its model alone, and is not struck`,
    async t => {
      const vendor = await vendorOf(t);
      const key = vendor.key(treatment);
      const id = await server.add(vendor, key);
      const beforeMs = Date.now();
      t.is((await server.chat({ model: 'gpt-4o' })).status, 429);
      const afterMs = Date.now();
      const { rests, strikes, status } = await server.row(id);
      t.like(rests, { length: 1, 0: { model: 'gpt-4o' } });
      const { untilMs } = rests[0];
      t.true(
        untilMs >= beforeMs + restMs - slackMs && untilMs <= afterMs + restMs + 1,
        `${untilMs - beforeMs}`,
      );
      t.like({ strikes, status }, { strikes: 0, status: 'active' });
      vendor.treat(key, good);
      t.is((await server.chat({ model: 'gpt-4o-mini' })).status, 200);
      t.is((await server.chat({ model: 'gpt-4o' })).status, 429);
    },
  );
}

test.serial('a later, shorter cool-down does not cut a longer one', async t => {
  const vendor = await vendorOf(t);
  const key = vendor.key(silent);
  const id = await server.add(vendor, key);
  const chats = [server.chat(), server.chat()];
  const [first, second] = [await vendor.call(key), await vendor.call(key, 1)];
  const refusal = (call: typeof first, seconds: number) => limited(`Retry-After: ${seconds}`)(call, vendor);
  await refusal(first, 900);
  await server.untilRow(id, ({ rests }) => rests.length === 1);
  await refusal(second, 30);
  for (const { status } of await Promise.all(chats)) t.is(status, 429);
  const { rests } = await server.row(id);
  t.true(rests[0].untilMs > Date.now() + 600_000);
});

test.serial('what is wrong with the request is relayed at once, as it is, and blames no key', async t => {
  const vendor = await vendorOf(t);
  const keys = [vendor.key(good), vendor.key(good)];
  const ids = await server.addAll(vendor, keys);
  for (const statusLine of [
    '400 Bad Request',
    '404 Not Found',
    '405 Method Not Allowed',
    '409 Conflict',
    '413 Content Too Large',
    '415 Unsupported Media Type',
    '422 Unprocessable Content',
  ]) {
    // A client may quote what vendors say of keys, and must not get them banned by it.
    const error = openAiError('Could not parse: "Incorrect API key provided, insufficient_quota"', {
      type: 'invalid_request_error',
      code: null,
    });
    for (const key of keys) vendor.treat(key, json(error, ['x-request-id: req_7'], statusLine));
    const before = vendor.calls().length;
    const { status, headers, json: body } = await server.chat();
    t.is(status, Number(statusLine.slice(0, 3)));
    t.deepEqual(body, error);
    t.is(headers.get('x-request-id'), 'req_7');
    t.is(vendor.calls().length, before + 1, statusLine);
  }
  for (const id of ids) t.like(await server.row(id), { strikes: 0, status: 'active', rests: [] });
});

test.serial('a vendor that repeats its key in an error does not tell it to the client', async t => {
  const vendor = await vendorOf(t);
  const telling =
    (statusLine: string): Treatment =>
    (call, own) =>
      json({ error: { message: `Got Authorization: Bearer ${call.key}!` } }, [], statusLine)(call, own);
  const streaming: Treatment = (call, own) =>
    failingStream({ message: `No ${call.key}`, type: 'invalid_request_error' })(call, own);
  const key = vendor.key(good);
  await server.add(vendor, key);
  for (const [treatment, status] of [
    [telling('404 Not Found'), 404],
    [telling('500 Internal Server Error'), 500],
    [streaming, 200],
  ] as const) {
    vendor.treat(key, treatment);
    const answer = await server.chat({ stream: true });
    t.is(answer.status, status);
    t.true(answer.text.includes(`${'*'.repeat(key.length)}`), answer.text);
    t.false(answer.text.includes(key));
  }
});

test.serial('a stream that breaks in the middle is broken for the client, and never begun anew', async t => {
  const vendor = await vendorOf(t);
  const broken: Treatment = async call => {
    await call.body();
    call.send(
      EVENTS_HEAD +
        CHAT_EVENTS.slice(0, 3)
          .map(one => event(one))
          .join(''),
    );
    call.socket.destroySoon();
  };
  const keys = [vendor.key(broken), vendor.key(broken)];
  const ids = await server.addAll(vendor, keys);
  const { body } = await ask(server.port, chatRequest({ stream: true }));
  t.false(body.complete);
  const text = body.data.toString();
  t.true(text.includes('"content":"k"'));
  t.false(text.includes('[DONE]'));
  t.is(vendor.calls().length, 1);
  for (const id of ids) t.like(await server.row(id), { strikes: 0, status: 'active', inFlight: 0 });
});

test.serial('an answer that breaks in the middle of its JSON is broken for the client too', async t => {
  const vendor = await vendorOf(t);
  const broken: Treatment = async call => {
    await call.body();
    call.send(
      'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"id":"chatcmpl-1",',
    );
    call.socket.destroySoon();
  };
  await server.addAll(vendor, [vendor.key(broken), vendor.key(broken)]);
  const { body, status } = await ask(server.port, chatRequest({}));
  t.deepEqual([status, body.complete, body.data.toString()], [200, false, '{"id":"chatcmpl-1",']);
  t.is(vendor.calls().length, 1);
});

for (const [what, opening, path] of [
  [
    'OpenAI’s role',
    [chatChunk({ role: 'assistant', content: '' }), { error: { message: 'x', type: 'server_error' } }],
    '/v1/chat/completions',
  ],
  [
    'Anthropic’s message_start',
    [
      { type: 'message_start', message: { id: 'm', usage: { input_tokens: 3 } } },
      { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
    ],
    '/v1/messages',
  ],
  [
    'Responses’ response.created',
    [
      { type: 'response.created', response: { id: 'resp_1' } },
      {
        type: 'response.failed',
        response: { id: 'resp_1', error: { code: 'rate_limit_exceeded', message: 'x' } },
      },
    ],
    '/v1/responses',
  ],
] as const) {
  test.serial(`an error right after ${what} still goes on to another key`, async t => {
    const vendor = await vendorOf(t);
    const keys = [vendor.key(events(opening)), vendor.key(events(CHAT_EVENTS))];
    await server.addAll(vendor, keys);
    for (let turn = 0; turn < 2; turn += 1) {
      const { status, text } = await server.ask(path, {
        method: 'POST',
        body: '{"model":"gpt-4o","stream":true}',
      });
      t.is(status, 200);
      t.true(text.endsWith('data: [DONE]\n\n'), text);
      t.false(text.includes('error'), text);
    }
    t.true(vendor.calls(keys[0]).length > 0);
  });
}

test.serial(
  'a stream that is nothing but an error about the request is the client’s, as it came',
  async t => {
    const vendor = await vendorOf(t);
    const error = { message: 'Too long', type: 'invalid_request_error', code: 'context_length_exceeded' };
    await server.addAll(vendor, [vendor.key(failingStream(error)), vendor.key(failingStream(error))]);
    const { status, text } = await server.chat({ stream: true });
    t.is(status, 200);
    t.is(text, `data: ${JSON.stringify({ error })}\n\n`);
    t.is(vendor.calls().length, 1);
  },
);

test.serial('where every try fails, the last answer is the client’s, a megabyte of error too', async t => {
  const vendor = await vendorOf(t);
  const id = await server.add(vendor, vendor.key(huge('500 Internal Server Error')));
  const { status, text } = await server.chat();
  t.is(status, 500);
  t.true(text === HUGE_ERROR);
  t.is(vendor.calls().length, 4, 'one try and three more');
  t.like(await server.row(id), { strikes: 0, status: 'active' });
});

test.serial('a good status with a body that is no JSON is relayed as it is', async t => {
  const vendor = await vendorOf(t);
  const id = await server.add(vendor, vendor.key(page));
  const { status, text, headers } = await server.chat();
  t.deepEqual([status, text, headers.get('content-type')], [200, '<html>It works!</html>', 'text/html']);
  t.like(await server.row(id), { status: 'active', usedTokens: 0 });
});

test.serial('a stream that comes compressed, though nobody asked for it, is relayed as it comes', async t => {
  const vendor = await vendorOf(t);
  const text = CHAT_EVENTS.map(
    one => `data: ${typeof one === 'string' ? one : JSON.stringify(one)}\n\n`,
  ).join('');
  const bytes = gzipSync(text);
  const key = vendor.key(async call => {
    await call.body();
    const fields = `Content-Type: text/event-stream\r\nContent-Encoding: gzip\r\nContent-Length: ${bytes.length}`;
    call.send(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n`);
    call.send(bytes);
  });
  await server.add(vendor, key);
  t.is((await server.chat({ stream: true })).text, text);
  t.is(vendor.calls(key).length, 1);
});

test.serial('an error that is no JSON is judged by its status', async t => {
  const vendor = await vendorOf(t);
  const plain =
    (statusLine: string): Treatment =>
    async call => {
      await call.body();
      call.send(answerText('no', ['Content-Type: text/plain'], statusLine));
    };
  const keys = [
    '401 Unauthorized',
    '429 Too Many Requests',
    '402 Payment Required',
    '503 Service Unavailable',
  ].map(one => vendor.key(plain(one)));
  const ids = await server.addAll(vendor, [...keys, vendor.key(good)]);
  for (let turn = 0; turn < 5; turn += 1) t.is((await server.chat()).status, 200);
  for (const key of keys) t.true(vendor.calls(key).length > 0);
  t.true((await server.row(ids[0]!)).strikes > 0);
  t.is((await server.row(ids[1]!)).rests.length, 1);
  t.is((await server.row(ids[2]!)).status, 'banned');
  t.like(await server.row(ids[3]!), { status: 'active', strikes: 0 });
});

test.serial('one request goes on to ten other keys at most', async t => {
  const vendor = await vendorOf(t);
  await server.addAll(
    vendor,
    Array.from({ length: 15 }, () => vendor.key(refused())),
  );
  t.is((await server.chat()).status, 503);
  t.is(vendor.calls().length, 11);
});

test.serial('an upstream that cannot be reached is left for another', async t => {
  const vendor = await vendorOf(t);
  const away = await startPoolVendor(t);
  await away.upstream.close();
  await server.add(away, 'sk-pool-at-a-closed-port');
  const { status, json: body } = await server.chat();
  t.is(status, 502);
  t.is(body.error.code, 'ERR_UPSTREAM_REFUSED');
  await server.add(vendor, vendor.key(good));
  for (let turn = 0; turn < 4; turn += 1) t.is((await server.chat()).status, 200);
});

test.serial('a kept connection that is closed meanwhile costs neither a wait nor a strike', async t => {
  const vendor = await vendorOf(t);
  await server.configure({ retry: { delayMs: 60_000 }, circuit: { threshold: 1 } });
  const key = vendor.key(async (call, own) => {
    if (call.turn === 1) return good(call, own);
    call.socket.resetAndDestroy();
  });
  await server.add(vendor, key);
  t.is((await server.chat()).status, 200);
  t.is((await server.chat()).status, 200);
  t.is(vendor.calls(key).length, 3);
  // Where the operator wants no repeat, only what is safe to repeat is repeated (RFC 9110 §9.2.2).
  await server.configure({ retry: { enabled: false }, circuit: { threshold: 100 } });
  t.is((await server.ask('/v1/files')).status, 200);
  t.is((await server.chat()).status, 502);
});

for (const [path, statusLine, expected] of [
  ['/v1/audio/transcriptions', '401 Unauthorized', 503],
  ['/v1/audio/transcriptions', '400 Bad Request', 400],
  ['/mapped', '400 Bad Request', 400],
] as const) {
  test.serial(
    `an upload to ${path} that is answered ${expected} before it is whole ends all the same`,
    async t => {
      const vendor = await vendorOf(t);
      const hasty: Treatment = async call => {
        call.socket.pause();
        call.send(answerText('{}', ['Content-Type: application/json'], statusLine));
        await call.gone;
      };
      const key = vendor.key(hasty);
      await server.add(vendor, key);
      await server.map('/mapped', vendor.url);
      const client = await openRawClient(server.port);
      const credential = path === '/mapped' ? key : ACCESS_KEY;
      const length = 32 * 1024 * 1024;
      const fields = `Authorization: Bearer ${credential}\r\nContent-Type: multipart/form-data; boundary=b`;
      client.send(`POST ${path} HTTP/1.1\r\nHost: x\r\n${fields}\r\nContent-Length: ${length}\r\n\r\n`);
      // As some clients do, it sends all of its body before it reads.
      client.send(Buffer.alloc(length));
      if (client.socket.writableLength > 0) await once(client.socket, 'drain');
      t.is((await client.answer()).status, expected);
      // And the connection serves on.
      client.send('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n');
      t.is((await client.answer()).status, 200);
      client.socket.destroy();
    },
  );
}

/** A chat as bytes, for what `fetch` does not tell. */
function chatRequest(further: object): string {
  const body = JSON.stringify({ model: 'gpt-4o', messages: [], ...further });
  const fields = [
    `Authorization: Bearer ${ACCESS_KEY}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ];
  return `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n${fields.join('\r\n')}\r\n\r\n${body}`;
}
