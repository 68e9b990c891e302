import { once } from 'node:events';
import { LLMock } from '@copilotkit/aimock';
import test from 'ava';
import OpenAI from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import type { RealtimeServerEvent } from 'openai/resources/realtime/realtime';
import { createAuthority } from '../support/certificates.ts';
import { answerText, startRawUpstream } from '../support/raw-upstream.ts';
import { type Server, startServer } from '../support/server.ts';
import { startTap } from '../support/tap.ts';
import { startTlsFront } from '../support/tls-front.ts';
import { answerFields, collect, sameAsDirect } from './sdk.ts';

let server: Server;
let mock: LLMock;
test.before(async () => {
  mock = new LLMock({ port: 0, chunkSize: 3 });
  mock.onMessage('hello', { content: 'Hi there, 你好 🎉 — enjoy!', id: 'chat-1', created: 1 });
  mock.onMessage('weather', {
    content: 'Let me see.',
    toolCalls: [
      { name: 'get_weather', arguments: '{"city":"東京","unit":"°C"}', id: 'call-a' },
      { name: 'get_time', arguments: '{"zone":"Asia/Tokyo"}', id: 'call-b' },
    ],
  });
  mock.onEmbedding(/.*/, { embedding: [0.1, -0.25, 1e-9, 3] });
  await mock.start();
  server = await startServer();
});
test.after.always(async () => {
  await server?.stop();
  await mock?.stop();
});

/** A tap of the test's own before the mock, and a mapping to it. */
async function places(t: { teardown(clear: () => Promise<void>): void }, prefix: string) {
  const tap = await startTap(mock.port);
  t.teardown(tap.close);
  await server.map(prefix, tap.url);
  return { tap, proxied: server.url + prefix };
}

function client(address: string): OpenAI {
  return new OpenAI({
    baseURL: `${address}/v1`,
    apiKey: 'sk-test',
    maxRetries: 0,
    defaultHeaders: { 'X-Request-Id': 'request-of-the-test' },
  });
}

const hello = [{ role: 'user' as const, content: 'hello' }];
const tools = ['get_weather', 'get_time'].map(name => ({
  type: 'function' as const,
  function: { name, parameters: { type: 'object', properties: {} } },
}));

test('a chat answer is what the vendor sent, its fields included', async t => {
  await sameAsDirect(t, await places(t, '/chat'), async address => {
    const { data, response } = await client(address)
      .chat.completions.create({ model: 'gpt-5', messages: hello })
      .withResponse();
    return { data, status: response.status, fields: answerFields(response.headers) };
  });
});

test('a streamed chat gives the same events in the same order, usage last', async t => {
  await sameAsDirect(t, await places(t, '/stream'), async address =>
    collect(
      await client(address).chat.completions.create({
        model: 'gpt-5',
        messages: hello,
        stream: true,
        stream_options: { include_usage: true },
      }),
    ),
  );
});

test('tool calls arrive whole, at once and as deltas', async t => {
  const question = { model: 'gpt-5', messages: [{ role: 'user' as const, content: 'weather' }], tools };
  await sameAsDirect(t, await places(t, '/tools'), async address => {
    const whole = await client(address).chat.completions.create(question);
    const deltas = await collect(
      await client(address).chat.completions.create({ ...question, stream: true }),
    );
    return { whole, deltas };
  });
});

test('responses arrive whole and as events', async t => {
  await sameAsDirect(t, await places(t, '/responses'), async address => {
    const whole = await client(address).responses.create({ model: 'gpt-5', input: 'hello' });
    const events = await collect(
      await client(address).responses.create({ model: 'gpt-5', input: 'hello', stream: true }),
    );
    return { whole, events };
  });
});

test('embeddings arrive number by number', async t => {
  await sameAsDirect(t, await places(t, '/embeddings'), address =>
    client(address).embeddings.create({ model: 'text-embedding-3-small', input: ['one', 'two'] }),
  );
});

test('a file goes up as multipart and comes down byte for byte', async t => {
  const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 31) ^ (index >> 7));
  await sameAsDirect(t, await places(t, '/files'), async address => {
    const { files } = client(address);
    const created = await files.create({
      file: new File([bytes], 'наставления.bin', { type: 'application/octet-stream' }),
      purpose: 'user_data',
    });
    const down = await files.content(created.id);
    t.deepEqual(new Uint8Array(await down.arrayBuffer()), bytes);
    const deleted = await files.delete(created.id);
    return { created, type: down.headers.get('content-type'), deleted };
  });
});

test("the vendor's error is the SDK's error, with its fields", async t => {
  const body = '{"error":{"message":"Slow down","type":"rate_limit_error","code":"rate_limit_exceeded"}}';
  const fields = ['Content-Type: application/json', 'Retry-After: 7', 'x-ratelimit-reset-tokens: 6m0s'];
  const vendor = await startRawUpstream(async exchange => {
    await exchange.body();
    exchange.send(answerText(body, fields, '429 Too Many Requests'));
  });
  t.teardown(vendor.close);
  const tap = await startTap(vendor.port);
  t.teardown(tap.close);
  await server.map('/limited', tap.url);
  await sameAsDirect(t, { tap, proxied: `${server.url}/limited` }, async address => {
    const error = await t.throwsAsync<InstanceType<typeof OpenAI.RateLimitError>>(
      client(address).chat.completions.create({ model: 'gpt-5', messages: hello }),
      { instanceOf: OpenAI.RateLimitError },
    );
    return { ...error, message: error.message, headers: answerFields(error.headers) };
  });
});

test('events that the vendor cuts in the middle of a character are whole at the client', async t => {
  const chunk = (content: string) =>
    `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 0, model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`;
  const events = Buffer.from(
    `: comment\n\n${chunk('你好')}\r\n${chunk('🎉')}${chunk('end')}data: [DONE]\n\n`,
  );
  const vendor = await startRawUpstream(async exchange => {
    await exchange.body();
    exchange.send('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n');
    for (const byte of events) {
      exchange.send(`1\r\n${String.fromCharCode(byte)}\r\n`);
      await new Promise(setImmediate);
    }
    exchange.send('0\r\n\r\n');
  });
  t.teardown(vendor.close);
  await server.map('/pieces', vendor.url);
  const got = await collect(
    await client(`${server.url}/pieces`).chat.completions.create({
      model: 'm',
      messages: hello,
      stream: true,
    }),
  );
  t.deepEqual(
    got.map(({ choices }) => choices[0]!.delta.content),
    ['你好', '🎉', 'end'],
  );
});

test('a realtime session over WebSocket gives the same events, behind a front that ends TLS', async t => {
  const authority = createAuthority();
  t.teardown(authority.remove);
  const identity = authority.issue('IP:127.0.0.1');
  const { tap } = await places(t, '/realtime');
  const fronts = {
    direct: await startTlsFront(identity, tap.port),
    proxied: await startTlsFront(identity, server.port),
  };
  t.teardown(fronts.direct.close);
  t.teardown(fronts.proxied.close);

  await sameAsDirect(t, { tap, proxied: 'proxied' }, async place => {
    const baseURL =
      place === 'proxied'
        ? `https://127.0.0.1:${fronts.proxied.port}/realtime/v1`
        : `https://127.0.0.1:${fronts.direct.port}/v1`;
    return playRealtime(new OpenAI({ baseURL, apiKey: 'sk-test' }), authority.cert);
  });
});

/** One turn of a conversation; gives every event of the server and how the socket closed. */
async function playRealtime(openai: OpenAI, ca: string) {
  const events: RealtimeServerEvent[] = [];
  const realtime = new OpenAIRealtimeWS({ model: 'gpt-realtime', options: { ca } }, openai);
  const failed = new Promise<never>((_, reject) => realtime.on('error', reject));
  realtime.on('event', event => events.push(event));
  realtime.socket.on('open', () => {
    realtime.send({
      type: 'conversation.item.create',
      item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hello' }] },
    });
    realtime.send({ type: 'response.create' });
  });
  await Promise.race([new Promise(resolve => realtime.on('response.done', resolve)), failed]);
  const closed = once(realtime.socket, 'close');
  realtime.close({ code: 1000, reason: 'done' });
  const [code] = await closed;
  return { events, code };
}
