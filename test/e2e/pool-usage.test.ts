import test, { type ExecutionContext } from 'ava';
import { ACCESS_KEY, cleared, type PoolServer, startPoolServer } from '../support/pool-server.ts';
import {
  CHAT_EVENTS,
  EVENTS_HEAD,
  event,
  events,
  failing,
  good,
  goodWithoutUsage,
  json,
  LAST_CHUNK,
  limited,
  startPoolVendor,
  type Treatment,
} from '../support/pool-vendor.ts';
import { openRawClient } from '../support/raw-client.ts';
import { answerText } from '../support/raw-upstream.ts';

let server: PoolServer;
test.before(async () => {
  server = await startPoolServer();
});
test.after.always('no key stands in a log, a page, an answer or a file', async t => {
  t.deepEqual(await server.leaks(), []);
});

async function vendorOf(t: ExecutionContext) {
  cleared(t, server);
  return startPoolVendor(t);
}

/** What one key used, by `/admin/token/usage`. */
async function usageOf(id: string, on = server) {
  await on.admin('POST', '/admin/token/sync');
  const { rows } = await on.json('/admin/token/usage?by=key');
  return rows.find((row: { name: string }) => row.name === id);
}

const KINDS: Readonly<
  Record<string, { start?: string; path?: string; model?: string; treatment: Treatment; tokens: object }>
> = {
  'OpenAI’s JSON, with cached and reasoning tokens': {
    treatment: json({
      choices: [],
      usage: {
        prompt_tokens: 100,
        completion_tokens: 40,
        total_tokens: 140,
        prompt_tokens_details: { cached_tokens: 64 },
        completion_tokens_details: { reasoning_tokens: 30 },
      },
    }),
    tokens: { inputTokens: 100, outputTokens: 40, cachedTokens: 64, reasoningTokens: 30, totalTokens: 140 },
  },
  'OpenAI’s stream': {
    treatment: events(CHAT_EVENTS),
    tokens: { inputTokens: 11, outputTokens: 7, totalTokens: 18 },
  },
  'OpenAI’s embeddings': {
    path: '/v1/embeddings',
    model: 'text-embedding-3-small',
    treatment: good,
    tokens: { inputTokens: 4, outputTokens: 0 },
  },
  'a response': {
    path: '/v1/responses',
    treatment: events([
      { type: 'response.created', response: { id: 'resp_1', usage: null } },
      { type: 'response.output_text.delta', delta: 'hi' },
      {
        type: 'response.completed',
        response: {
          id: 'resp_1',
          usage: {
            input_tokens: 9,
            output_tokens: 5,
            total_tokens: 14,
            input_tokens_details: { cached_tokens: 2 },
            output_tokens_details: { reasoning_tokens: 3 },
          },
        },
      },
    ]),
    tokens: { inputTokens: 9, outputTokens: 5, cachedTokens: 2, reasoningTokens: 3 },
  },
  'Anthropic’s JSON': {
    start: 'sk-ant-',
    path: '/v1/messages',
    model: 'claude-sonnet-4-5',
    treatment: good,
    tokens: { inputTokens: 14, outputTokens: 7, cachedTokens: 3 },
  },
  'Anthropic’s stream, spread over two events': {
    start: 'sk-ant-',
    path: '/v1/messages',
    model: 'claude-sonnet-4-5',
    treatment: events([
      {
        type: 'message_start',
        message: {
          id: 'm',
          usage: {
            input_tokens: 20,
            cache_read_input_tokens: 5,
            cache_creation_input_tokens: 6,
            output_tokens: 1,
          },
        },
      },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'hi' } },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 15 } },
      { type: 'message_stop' },
    ]),
    tokens: { inputTokens: 31, outputTokens: 15, cachedTokens: 5 },
  },
  'Gemini’s own format': {
    start: 'AIza',
    path: '/v1/models/gemini-2.5-pro:generateContent',
    model: 'gemini-2.5-pro',
    treatment: json({
      candidates: [],
      usageMetadata: {
        promptTokenCount: 8,
        candidatesTokenCount: 4,
        thoughtsTokenCount: 6,
        cachedContentTokenCount: 3,
        totalTokenCount: 18,
      },
    }),
    tokens: { inputTokens: 8, outputTokens: 10, cachedTokens: 3, reasoningTokens: 6 },
  },
  'xAI’s, where the total tells of the reasoning': {
    start: 'xai-',
    model: 'grok-4',
    treatment: json({
      choices: [],
      usage: {
        prompt_tokens: 30,
        completion_tokens: 2,
        total_tokens: 132,
        completion_tokens_details: { reasoning_tokens: 100 },
      },
    }),
    tokens: { inputTokens: 30, outputTokens: 102, reasoningTokens: 100 },
  },
  'an answer of a megabyte': {
    treatment: json({
      choices: [{ message: { content: 'x'.repeat(1024 * 1024) } }],
      usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
    }),
    tokens: { inputTokens: 3, outputTokens: 2 },
  },
};

for (const [
  name,
  { start, path = '/v1/chat/completions', model = 'gpt-4o', treatment, tokens },
] of Object.entries(KINDS)) {
  test.serial(`tokens are counted from ${name}`, async t => {
    const vendor = await vendorOf(t);
    const id = await server.add(vendor, vendor.key(treatment, start));
    for (let turn = 0; turn < 2; turn += 1) {
      t.is(
        (await server.ask(path, { method: 'POST', body: JSON.stringify({ model, stream: true }) })).status,
        200,
      );
    }
    const twice = Object.fromEntries(Object.entries(tokens).map(([field, count]) => [field, count * 2]));
    t.like(await usageOf(id), { requests: 2, successes: 2, unknownUsage: 0, ...twice });
    const { usedTokens } = await server.row(id);
    t.is(usedTokens, (await usageOf(id)).totalTokens);
  });
}

test.serial('an answer that tells no tokens counts as unknown, not as zero', async t => {
  const vendor = await vendorOf(t);
  const id = await server.add(vendor, vendor.key(goodWithoutUsage));
  await server.chat();
  await server.chat();
  t.like(await usageOf(id), { requests: 2, successes: 2, unknownUsage: 2, totalTokens: 0 });
});

test.serial('a compressed answer, and one that is cut off, count as unknown', async t => {
  const vendor = await vendorOf(t);
  const cut: Treatment = async call => {
    await call.body();
    call.send(
      EVENTS_HEAD +
        CHAT_EVENTS.slice(0, 3)
          .map(one => event(one))
          .join(''),
    );
    call.socket.destroySoon();
  };
  const gzipped: Treatment = async call => {
    await call.body();
    call.send(answerText('\x1f\x8b\x08', ['Content-Type: application/json', 'Content-Encoding: gzip']));
  };
  const compressed = vendor.key(gzipped);
  const id = await server.add(vendor, compressed);
  await t.throwsAsync(server.chat());
  vendor.treat(compressed, cut);
  await t.throwsAsync(server.chat({ stream: true }));
  await server.untilIdle();
  t.like(await usageOf(id), { requests: 2, totalTokens: 0, failures: 1 });
});

test.serial(
  'an error counts as a failure without tokens, a try that was given up as one of its key alone',
  async t => {
    const vendor = await vendorOf(t);
    const bad = vendor.key(failing('500 Internal Server Error'));
    const badId = await server.add(vendor, bad);
    await server.configure({ retry: { enabled: false } });
    t.is((await server.chat()).status, 500);
    t.like(await usageOf(badId), { requests: 1, failures: 1, unknownUsage: 0, totalTokens: 0 });
    await server.configure({ retry: { enabled: true } });
    const goodId = await server.add(vendor, vendor.key(good));
    for (let turn = 0; turn < 2; turn += 1) t.is((await server.chat()).status, 200);
    const asked = vendor.calls(bad).length;
    t.true(asked > 1);
    t.like(await usageOf(badId), { requests: asked, failures: asked, unknownUsage: 0, totalTokens: 0 });
    t.like(await usageOf(goodId), { requests: 2, totalTokens: 36 });
  },
);

test.serial(
  'a request that no other key could take counts once for the key that it was asked with',
  async t => {
    const vendor = await vendorOf(t);
    const alone = vendor.key(limited('Retry-After: 600'));
    const id = await server.add(vendor, alone);
    for (let turn = 0; turn < 2; turn += 1) t.true((await server.chat()).status >= 400);
    t.is(vendor.calls(alone).length, 1, 'then it rests');
    t.like(await usageOf(id), { requests: 1, failures: 1, totalTokens: 0 });
  },
);

for (const [what, path, model, start, opening, tokens] of [
  [
    'after its first words',
    '/v1/messages',
    'claude-sonnet-4-5',
    'sk-ant-',
    [
      { type: 'message_start', message: { id: 'm', usage: { input_tokens: 25, output_tokens: 1 } } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'hi' } },
    ],
    { inputTokens: 25, outputTokens: 1, unknownUsage: 0 },
  ],
  [
    'while its model thinks',
    '/v1/messages',
    'claude-sonnet-4-5',
    'sk-ant-',
    [{ type: 'message_start', message: { id: 'm', usage: { input_tokens: 25, output_tokens: 1 } } }],
    { inputTokens: 25, outputTokens: 1, unknownUsage: 0 },
  ],
  [
    'before it told any tokens',
    '/v1/chat/completions',
    'gpt-4o',
    'sk-pool-',
    CHAT_EVENTS.slice(0, 3),
    { totalTokens: 0, unknownUsage: 1 },
  ],
] as const) {
  test.serial(`a client that leaves a stream ${what} is counted with what is known`, async t => {
    const vendor = await vendorOf(t);
    const held = Promise.withResolvers<void>();
    const key = vendor.key(async call => {
      await call.body();
      call.send(EVENTS_HEAD + opening.map(one => event(one)).join(''));
      held.resolve();
      await call.gone;
    }, start);
    const id = await server.add(vendor, key);
    if (start === 'sk-ant-') await server.add(vendor, vendor.key(good));
    const client = await openRawClient(server.port);
    const body = JSON.stringify({ model, stream: true });
    client.send(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ACCESS_KEY}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await held.promise;
    // What the vendor sent has come to the server when a later answer of the same vendor has.
    if (opening.length > 1) await client.source.until('data: ');
    else await server.ask('/v1/embeddings', { method: 'POST', body: '{"model":"text-embedding-3-small"}' });
    client.socket.destroy();
    await (await vendor.call(key)).gone;
    await server.line(line => line.msg === 'request' && line.status === 499 && line.key_id === id);
    t.like(await usageOf(id), { ...tokens, failures: 0 });
  });
}

test.serial('a stream that ends without its last chunk of tokens is whole, and unknown', async t => {
  const vendor = await vendorOf(t);
  const key = vendor.key(async call => {
    await call.body();
    call.send(
      EVENTS_HEAD +
        CHAT_EVENTS.slice(0, 4)
          .map(one => event(one))
          .join('') +
        event('[DONE]') +
        LAST_CHUNK,
    );
  });
  const id = await server.add(vendor, key);
  t.true((await server.chat({ stream: true })).text.endsWith('data: [DONE]\n\n'));
  t.like(await usageOf(id), { requests: 1, successes: 1, unknownUsage: 1, totalTokens: 0 });
});

test.serial('reports tell tokens by key, model and endpoint, and stay after the key is gone', async t => {
  const own = await startPoolServer();
  t.teardown(own.stop);
  const vendor = await startPoolVendor(t);
  const id = await own.add(vendor, vendor.key(good), { notes: 'of the team' });
  for (let turn = 0; turn < 3; turn += 1) await own.chat();
  await own.ask('/v1/embeddings', { method: 'POST', body: '{"model":"text-embedding-3-small"}' });
  await own.admin('POST', '/admin/token/sync');
  const row = async (by: string, name: string) => {
    const { rows } = await own.json(`/admin/token/usage?by=${by}&window=24h`);
    return rows.find((one: { name: string }) => one.name === name);
  };
  t.like(await row('key', id), { totalTokens: 58, notes: 'of the team' });
  t.like(await row('model', 'gpt-4o'), { totalTokens: 54, requests: 3 });
  t.like(await row('model', 'text-embedding-3-small'), { totalTokens: 4 });
  t.like(await row('endpoint', 'POST /chat/completions'), { totalTokens: 54 });
  const { today, totals } = await own.json('/admin/token/summary');
  t.like(today, { totalTokens: 58, requests: 4 });
  t.like(totals, { totalTokens: 58 });
  await own.admin('DELETE', `/admin/keys/${id}`);
  t.like(await row('key', id), { totalTokens: 58 });
  t.deepEqual(await own.leaks(), []);
});
