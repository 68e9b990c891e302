import { once } from 'node:events';
import Anthropic from '@anthropic-ai/sdk';
import { LLMock } from '@copilotkit/aimock';
import test, { type ExecutionContext } from 'ava';
import OpenAI from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import type { RealtimeServerEvent } from 'openai/resources/realtime/realtime';
import { createAuthority } from '../support/certificates.ts';
import { ACCESS_KEY, cleared, type PoolServer, startPoolServer } from '../support/pool-server.ts';
import {
  failingStream,
  good,
  limited,
  type PoolVendor,
  refused,
  startPoolVendor,
  type Treatment,
} from '../support/pool-vendor.ts';
import { type Field, fieldValue } from '../support/raw-message.ts';
import { startTap, type Tap, type TappedRequest } from '../support/tap.ts';
import { startTlsFront } from '../support/tls-front.ts';
import { answerFields, canonical, collect } from './sdk.ts';

let server: PoolServer;
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
  server = await startPoolServer();
});
test.after.always('no key stands in a log, a page, an answer or a file', async t => {
  await mock?.stop();
  t.deepEqual(await server.leaks(), []);
});

interface Places {
  readonly tap: Tap;
  /** Keys that lead to the mock. */
  readonly keys: readonly string[];
}

/** A pool of two keys that lead to the mock, and of three that are dead in different ways. */
async function places(t: ExecutionContext, start = 'sk-'): Promise<Places> {
  cleared(t, server);
  const tap = await startTap(mock.port);
  t.teardown(tap.close);
  const graveyard = await startPoolVendor(t);
  const dead: Treatment[] = [
    refused(),
    limited('Retry-After: 600'),
    failingStream({ message: 'x', code: 'invalid_api_key' }),
  ];
  await server.addAll(
    graveyard,
    dead.map(treatment => graveyard.key(treatment, start)),
  );
  const keys = [1, 2].map(number => `${start}alive-${number}-${Math.random().toString(36).slice(2)}`);
  await server.addAll({ url: tap.url } as PoolVendor, keys);
  return { tap, keys };
}

/** Fields that differ by design: who asks, how the body is framed, and that the answer must come as it is. */
const OURS = new Set([
  ...['authorization', 'x-api-key', 'accept-encoding', 'host', 'via', 'connection', 'sec-websocket-key'],
  ...['content-length', 'transfer-encoding', 'content-type'],
]);

function carried({ head, body }: TappedRequest) {
  const boundary = /boundary=([^\s;]+)/.exec(fieldValue(head.fields, 'content-type') ?? '')?.[1];
  const plain = (text: string) => (boundary === undefined ? text : text.replaceAll(boundary, 'BOUNDARY'));
  const upgraded = fieldValue(head.fields, 'upgrade') !== undefined;
  return {
    startLine: head.startLine,
    type: plain(fieldValue(head.fields, 'content-type') ?? ''),
    fields: head.fields
      .filter(([name]: Field) => !OURS.has(name.toLowerCase()))
      .map(String)
      .sort(),
    body: upgraded ? '' : plain(body.data.toString('latin1')),
  };
}

/**
 * Plays a scenario straight to the vendor and through the pool: the SDK must give the same, and the vendor must receive
 * the same but for the key.
 */
async function sameThroughPool(
  t: ExecutionContext,
  { tap, keys }: Places,
  play: (address: string) => Promise<unknown>,
): Promise<void> {
  await tap.take();
  const direct = canonical(await play(tap.url));
  const directRequests = await tap.take();
  const through = canonical(await play(server.url));
  const throughRequests = await tap.take();
  t.true(directRequests.length > 0);
  t.deepEqual(through, direct);
  t.deepEqual(canonical(throughRequests.map(carried)), canonical(directRequests.map(carried)));
  for (const { head, body } of throughRequests) {
    const shown = fieldValue(head.fields, 'authorization') ?? fieldValue(head.fields, 'x-api-key');
    t.true(keys.includes(shown!.replace('Bearer ', '')), head.text);
    t.false(head.text.includes(ACCESS_KEY), head.text);
    t.false(body.data.includes(ACCESS_KEY));
  }
}

/** Our own server does not care for the path after `/v1`, the mock has it too. */
function openai(address: string, options: object = {}): OpenAI {
  return new OpenAI({ baseURL: `${address}/v1`, apiKey: ACCESS_KEY, maxRetries: 0, ...options });
}

function anthropic(address: string): Anthropic {
  return new Anthropic({ baseURL: address, apiKey: ACCESS_KEY, maxRetries: 0 });
}

const hello = [{ role: 'user' as const, content: 'hello' }];
const tools = ['get_weather', 'get_time'].map(name => ({
  type: 'function' as const,
  function: { name, parameters: { type: 'object', properties: {} } },
}));

test.serial('OpenAI’s SDK: a chat, at once and as a stream', async t => {
  await sameThroughPool(t, await places(t), async address => {
    const question = { model: 'gpt-5', messages: hello };
    const { data, response } = await openai(address).chat.completions.create(question).withResponse();
    const options = { stream: true as const, stream_options: { include_usage: true } };
    const chunks = await collect(await openai(address).chat.completions.create({ ...question, ...options }));
    return { data, status: response.status, fields: answerFields(response.headers), chunks };
  });
});

test.serial('OpenAI’s SDK: tool calls, at once and as deltas', async t => {
  const question = { model: 'gpt-5', messages: [{ role: 'user' as const, content: 'weather' }], tools };
  await sameThroughPool(t, await places(t), async address => ({
    whole: await openai(address).chat.completions.create(question),
    deltas: await collect(await openai(address).chat.completions.create({ ...question, stream: true })),
  }));
});

test.serial('OpenAI’s SDK: responses, at once and as events, and embeddings', async t => {
  await sameThroughPool(t, await places(t), async address => {
    const question = { model: 'gpt-5', input: 'hello' };
    return {
      whole: await openai(address).responses.create(question),
      events: await collect(await openai(address).responses.create({ ...question, stream: true })),
      embeddings: await openai(address).embeddings.create({
        model: 'text-embedding-3-small',
        input: ['one', 'two'],
      }),
    };
  });
});

test.serial('OpenAI’s SDK: a file goes up, and comes down by the key that it went up with', async t => {
  const found = await places(t);
  const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 31) ^ (index >> 7));
  const file = () => new File([bytes], 'наставления.bin', { type: 'application/octet-stream' });
  const play = async (address: string) => {
    const { files } = openai(address);
    const created = await files.create({ file: file(), purpose: 'user_data' });
    const down = await files.content(created.id);
    t.deepEqual(new Uint8Array(await down.arrayBuffer()), bytes);
    return { created, type: down.headers.get('content-type'), deleted: await files.delete(created.id) };
  };
  // An upload is not repeated, so it keeps to keys that were not refused last; here each is met once.
  for (let turn = 0; turn < 5; turn += 1) await server.chat({ stream: true });
  await sameThroughPool(t, found, play);
  await play(server.url);
  const used = (await found.tap.take()).map(({ head }) => fieldValue(head.fields, 'authorization'));
  t.is(used.length, 3);
  t.is(new Set(used).size, 1);
});

test.serial('OpenAI’s SDK: the list of models, while every key rests too', async t => {
  cleared(t, server);
  const vendor = await startPoolVendor(t);
  const key = vendor.key(good);
  await server.add(vendor, key);
  const first = await collect(openai(server.url).models.list());
  t.deepEqual(
    first.map(({ id }) => id),
    ['gpt-4o'],
  );
  vendor.treat(key, limited('Retry-After: 600'));
  t.is((await server.chat()).status, 429);
  t.deepEqual(await collect(openai(server.url).models.list()), first);
  t.is((await openai(server.url).models.retrieve('gpt-4o')).id, 'gpt-4o');
  await t.throwsAsync(openai(server.url).models.retrieve('gpt-none'), { instanceOf: OpenAI.NotFoundError });
  t.is(vendor.calls().filter(({ target }) => target.endsWith('/models')).length, 1, 'it is kept');
  await t.throwsAsync(openai(server.url, { apiKey: 'wrong' }).models.list(), {
    instanceOf: OpenAI.AuthenticationError,
  });
});

test.serial('a list of models is first asked for while every key rests', async t => {
  cleared(t, server);
  const vendor = await startPoolVendor(t);
  const key = vendor.key(limited('Retry-After: 600'));
  await server.add(vendor, key);
  t.is((await server.chat({ model: undefined })).status, 429);
  vendor.treat(key, good);
  t.deepEqual(
    (await collect(openai(server.url).models.list())).map(({ id }) => id),
    ['gpt-4o'],
  );
});

test.serial('OpenAI’s SDK: our errors are its errors, and it waits as long as it is told', async t => {
  cleared(t, server);
  const vendor = await startPoolVendor(t);
  const key = vendor.key(limited('Retry-After: 600'));
  await server.add(vendor, key);
  const question = { model: 'gpt-5', messages: hello };
  const resting = await t.throwsAsync<InstanceType<typeof OpenAI.RateLimitError>>(
    openai(server.url).chat.completions.create(question),
    { instanceOf: OpenAI.RateLimitError },
  );
  t.like(resting, { status: 429, code: 'ERR_KEYS_RESTING', type: 'rate_limit_error' });
  t.true(Number(resting.headers.get('retry-after')) > 500);

  // A second's rest is over before the SDK asks again.
  const id = (await server.json('/admin/keys')).keys[0].id;
  await server.admin('POST', `/admin/keys/${id}/wake`);
  let times = 0;
  vendor.treat(key, (call, own) => {
    times += 1;
    return (times === 1 ? limited('Retry-After: 1') : good)(call, own);
  });
  const patient = await openai(server.url, { maxRetries: 1 }).chat.completions.create(question);
  t.is(patient.choices[0]!.message.content, 'ok');

  vendor.treat(key, refused());
  const dead = await t.throwsAsync<InstanceType<typeof OpenAI.InternalServerError>>(
    openai(server.url).chat.completions.create({ ...question, model: 'gpt-5-mini' }),
    { instanceOf: OpenAI.InternalServerError },
  );
  t.like(dead, { status: 503, code: 'ERR_NO_USABLE_KEY' });
  await t.throwsAsync(openai(server.url, { apiKey: 'wrong' }).chat.completions.create(question), {
    instanceOf: OpenAI.AuthenticationError,
  });
});

test.serial('OpenAI’s SDK: a realtime session over WebSocket', async t => {
  const { tap, keys } = await places(t);
  const authority = createAuthority();
  t.teardown(authority.remove);
  const identity = authority.issue('IP:127.0.0.1');
  const fronts = [await startTlsFront(identity, tap.port), await startTlsFront(identity, server.port)];
  for (const { close } of fronts) t.teardown(close);
  const played: unknown[] = [];
  for (const { port } of fronts) {
    const baseURL = `https://127.0.0.1:${port}/v1`;
    played.push(canonical(await playRealtime(new OpenAI({ baseURL, apiKey: ACCESS_KEY }), authority.cert)));
  }
  t.deepEqual(played[1], played[0]);
  const [, pooled] = await tap.take();
  t.true(keys.includes(fieldValue(pooled!.head.fields, 'authorization')!.replace('Bearer ', '')));
  t.false(pooled!.head.text.includes(ACCESS_KEY));
  await server.untilIdle();
});

/** One turn of a conversation; gives every event of the server and how the socket closed. */
async function playRealtime(client: OpenAI, ca: string) {
  const events: RealtimeServerEvent[] = [];
  const realtime = new OpenAIRealtimeWS({ model: 'gpt-realtime', options: { ca } }, client);
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

test.serial('Anthropic’s SDK: a message, at once and as a stream, with a key of Anthropic', async t => {
  const question = { model: 'claude-sonnet-4-5', max_tokens: 100, messages: hello };
  const found = await places(t, 'sk-ant-');
  await sameThroughPool(t, found, async address => {
    const { data, response } = await anthropic(address).messages.create(question).withResponse();
    const events = await collect(await anthropic(address).messages.create({ ...question, stream: true }));
    const weather = { ...question, messages: [{ role: 'user' as const, content: 'weather' }] };
    const final = await anthropic(address).messages.stream(weather).finalMessage();
    return { data, status: response.status, events, final };
  });
});

test.serial('Anthropic’s SDK: our errors are its errors', async t => {
  cleared(t, server);
  const vendor = await startPoolVendor(t);
  const question = { model: 'claude-sonnet-4-5', max_tokens: 100, messages: hello };
  await t.throwsAsync(anthropic(server.url).messages.create(question), {
    instanceOf: Anthropic.InternalServerError,
  });
  await server.add(vendor, vendor.key(limited('Retry-After: 600'), 'sk-ant-'));
  const resting = await t.throwsAsync<InstanceType<typeof Anthropic.RateLimitError>>(
    anthropic(server.url).messages.create(question),
    { instanceOf: Anthropic.RateLimitError },
  );
  t.like(resting.error, { type: 'error', error: { type: 'rate_limit_error', code: 'ERR_KEYS_RESTING' } });
});
