import Anthropic from '@anthropic-ai/sdk';
import { LLMock } from '@copilotkit/aimock';
import test from 'ava';
import { answerText, startRawUpstream } from '../support/raw-upstream.ts';
import { type Server, startServer } from '../support/server.ts';
import { startTap } from '../support/tap.ts';
import { answerFields, collect, sameAsDirect } from './sdk.ts';

let server: Server;
let mock: LLMock;
test.before(async () => {
  mock = new LLMock({ port: 0, chunkSize: 3 });
  mock.onMessage('hello', { content: 'Hi there, 你好 🎉!', reasoning: 'A greeting.', id: 'message-1' });
  mock.onMessage('weather', {
    content: 'Let me see.',
    toolCalls: [{ name: 'get_weather', arguments: '{"city":"東京"}', id: 'call-a' }],
  });
  await mock.start();
  server = await startServer();
});
test.after.always(async () => {
  await server?.stop();
  await mock?.stop();
});

async function places(t: { teardown(clear: () => Promise<void>): void }, prefix: string, port = mock.port) {
  const tap = await startTap(port);
  t.teardown(tap.close);
  await server.map(prefix, tap.url);
  return { tap, proxied: server.url + prefix };
}

function client(baseURL: string): Anthropic {
  return new Anthropic({
    baseURL,
    apiKey: 'sk-ant-test',
    maxRetries: 0,
    defaultHeaders: { 'X-Request-Id': 'request-of-the-test' },
  });
}

function question(content: string) {
  return { model: 'claude-test', max_tokens: 100, messages: [{ role: 'user' as const, content }] };
}

test('a message is what the vendor sent, its fields included', async t => {
  await sameAsDirect(t, await places(t, '/message'), async address => {
    const { data, response } = await client(address).messages.create(question('hello')).withResponse();
    return { data, status: response.status, fields: answerFields(response.headers) };
  });
});

test('a streamed message gives the same events in the same order', async t => {
  await sameAsDirect(t, await places(t, '/stream'), async address => {
    const events = await collect(
      await client(address).messages.create({ ...question('hello'), stream: true }),
    );
    const stream = client(address).messages.stream(question('weather'));
    return { events, final: await stream.finalMessage() };
  });
});

test("the vendor's error is the SDK's error", async t => {
  const body = '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}';
  const vendor = await startRawUpstream(async exchange => {
    await exchange.body();
    exchange.send(
      answerText(body, ['Content-Type: application/json', 'request-id: req_1'], '529 Overloaded'),
    );
  });
  t.teardown(vendor.close);
  await sameAsDirect(t, await places(t, '/overloaded', vendor.port), async address => {
    const error = await t.throwsAsync<InstanceType<typeof Anthropic.APIError>>(
      client(address).messages.create(question('hello')),
      { instanceOf: Anthropic.InternalServerError },
    );
    return { ...error, message: error.message, headers: answerFields(error.headers!) };
  });
});

test('an error within a stream reaches the SDK as the vendor sent it', async t => {
  const start = {
    type: 'message_start',
    message: { id: 'm', type: 'message', role: 'assistant', content: [] },
  };
  const error = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };
  const events = [start, error].map(event => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  const vendor = await startRawUpstream(async exchange => {
    await exchange.body();
    exchange.send(answerText(events.join(''), ['Content-Type: text/event-stream']));
  });
  t.teardown(vendor.close);
  await sameAsDirect(t, await places(t, '/broken', vendor.port), async address => {
    const got: unknown[] = [];
    const thrown = await t.throwsAsync(async () => {
      for await (const event of await client(address).messages.create({
        ...question('hello'),
        stream: true,
      })) {
        got.push(event);
      }
    });
    return { got, message: thrown.message };
  });
});
