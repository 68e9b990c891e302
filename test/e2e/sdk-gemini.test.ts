import { LLMock } from '@copilotkit/aimock';
import { ApiError, GoogleGenAI } from '@google/genai';
import test from 'ava';
import { answerText, startRawUpstream } from '../support/raw-upstream.ts';
import { type Server, startServer } from '../support/server.ts';
import { startTap } from '../support/tap.ts';
import { answerFields, collect, sameAsDirect } from './sdk.ts';

let server: Server;
let mock: LLMock;
test.before(async () => {
  mock = new LLMock({ port: 0, chunkSize: 3 });
  mock.onMessage('hello', { content: 'Hi there, 你好 🎉!', id: 'answer-1' });
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

function client(baseUrl: string): GoogleGenAI {
  const headers = { 'X-Request-Id': 'request-of-the-test' };
  return new GoogleGenAI({ apiKey: 'AIza-test', httpOptions: { baseUrl, apiVersion: 'v1beta', headers } });
}

/** The SDK hands the answer's fields on inside the answer. */
function comparable<T extends { sdkHttpResponse?: { headers?: Record<string, string> } }>(answer: T) {
  return { ...answer, sdkHttpResponse: answerFields(new Headers(answer.sdkHttpResponse?.headers)) };
}

test('generateContent gives what the vendor sent', async t => {
  await sameAsDirect(t, await places(t, '/whole'), async address => {
    const { models } = client(address);
    const model = 'gemini-2.5-pro';
    return {
      text: comparable(await models.generateContent({ model, contents: 'hello' })),
      call: comparable(await models.generateContent({ model, contents: 'weather' })),
    };
  });
});

test('generateContentStream gives the same pieces in the same order', async t => {
  await sameAsDirect(t, await places(t, '/stream'), async address => {
    const { models } = client(address);
    const answers = await collect(
      await models.generateContentStream({ model: 'gemini-2.5-pro', contents: 'hello' }),
    );
    return answers.map(comparable);
  });
});

test("the vendor's error is the SDK's error", async t => {
  const body = '{"error":{"code":400,"message":"API key not valid","status":"INVALID_ARGUMENT"}}';
  const vendor = await startRawUpstream(async exchange => {
    await exchange.body();
    exchange.send(answerText(body, ['Content-Type: application/json; charset=UTF-8'], '400 Bad Request'));
  });
  t.teardown(vendor.close);
  await sameAsDirect(t, await places(t, '/refused', vendor.port), async address => {
    const error = await t.throwsAsync<ApiError>(
      client(address).models.generateContent({ model: 'gemini-2.5-pro', contents: 'hello' }),
      { instanceOf: ApiError },
    );
    return { status: error.status, message: error.message };
  });
});
