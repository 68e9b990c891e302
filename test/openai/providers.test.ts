import test from 'ava';
import fc from 'fast-check';
import { AppError } from '../../src/base/errors.ts';
import { readConfig } from '../../src/config/read.ts';
import {
  checkBaseUrl,
  detectProvider,
  providerNamed,
  upstreamRequestFor,
  withoutKeyParameter,
  withoutKeyProtocol,
} from '../../src/openai/providers.ts';
import type { ProviderName } from '../../src/stores/pool-types.ts';

for (const [key, provider] of [
  ['sk-ant-api03-abc', 'anthropic'],
  ['sk-ant-oat01-abc', 'anthropic'],
  ['AIzaSyAbc', 'gemini'],
  ['AQ.Ab8RN6abc', 'gemini'],
  ['xai-abc', 'xai'],
  ['fk-abc', 'factory'],
  ['sk-proj-abc', 'openai'],
  ['sk-abc', 'openai'],
  ['sk-or-v1-abc', 'openai'],
  ['gsk_abc', 'openai'],
  ['fk_abc', 'openai'],
  ['0123456789abcdef', 'openai'],
  ['', 'openai'],
] as const) {
  test(`a key like ${key || 'nothing'} is of ${provider}`, t => {
    t.is(detectProvider(key), provider);
  });
}

test('the base URLs of the settings are the documented ones', t => {
  const config = readConfig({});
  for (const [name, baseUrl] of [
    ['openai', config.openaiBaseUrl],
    ['anthropic', config.anthropicBaseUrl],
    ['gemini', config.geminiBaseUrl],
    ['xai', config.xaiBaseUrl],
    ['factory', config.factoryBaseUrl],
  ] as const) {
    t.is(providerNamed(name).baseUrl, baseUrl);
  }
});

function asked(provider: ProviderName, path: string, baseUrl = providerNamed(provider).baseUrl) {
  return upstreamRequestFor({ provider, baseUrl, path, secret: 'KEY' });
}

function url(provider: ProviderName, path: string, baseUrl?: string): string {
  const request = asked(provider, path, baseUrl);
  return `${request.target.tls ? 'https' : 'http'}://${request.target.authority}${request.path}`;
}

for (const [provider, path, expected] of [
  ['openai', '/v1/chat/completions', 'https://api.openai.com/v1/chat/completions'],
  ['openai', '/v1/realtime?model=gpt-realtime', 'https://api.openai.com/v1/realtime?model=gpt-realtime'],
  ['openai', '/v1', 'https://api.openai.com/v1'],
  ['openai', '/v1/', 'https://api.openai.com/v1/'],
  ['openai', '/v1?x', 'https://api.openai.com/v1?x'],
  ['anthropic', '/v1/chat/completions', 'https://api.anthropic.com/v1/chat/completions'],
  ['anthropic', '/v1/messages?beta=true', 'https://api.anthropic.com/v1/messages?beta=true'],
  [
    'gemini',
    '/v1/chat/completions',
    'https://generativelanguage.googleapis.com/v1beta/openai/chat/completions',
  ],
  ['gemini', '/v1/models', 'https://generativelanguage.googleapis.com/v1beta/openai/models'],
  [
    'gemini',
    '/v1/models/gemini-2.5-flash:streamGenerateContent?alt=sse&key=x',
    'https://generativelanguage.googleapis.com/v1/models/gemini-2.5-flash:streamGenerateContent?alt=sse',
  ],
  ['xai', '/v1/chat/completions', 'https://api.x.ai/v1/chat/completions'],
  ['xai', '/v1/images/generations', 'https://api.x.ai/v1/images/generations'],
  ['factory', '/v1/chat/completions', 'https://api.factory.ai/api/llm/o/v1/chat/completions'],
  ['factory', '/v1/responses', 'https://api.factory.ai/api/llm/o/v1/responses'],
  ['factory', '/v1/messages', 'https://api.factory.ai/api/llm/a/v1/messages'],
  ['factory', '/v1/messages/count_tokens?x', 'https://api.factory.ai/api/llm/a/v1/messages/count_tokens?x'],
] as const) {
  test(`${provider} is asked for ${path} at ${expected}`, t => {
    t.is(url(provider, path), expected);
  });
}

const CHAT = '/v1/chat/completions';
for (const [provider, baseUrl, expected] of [
  ['openai', 'http://127.0.0.1:9000', 'http://127.0.0.1:9000/v1/chat/completions'],
  ['openai', 'http://127.0.0.1:9000/', 'http://127.0.0.1:9000/v1/chat/completions'],
  ['openai', 'https://[::1]:9000/v1/', 'https://[::1]:9000/v1/chat/completions'],
  ['openai', 'https://openrouter.ai/api/v1', 'https://openrouter.ai/api/v1/chat/completions'],
  ['openai', 'https://api.groq.com/openai/v1', 'https://api.groq.com/openai/v1/chat/completions'],
  ['openai', 'https://open.bigmodel.cn/api/paas/v4', 'https://open.bigmodel.cn/api/paas/v4/chat/completions'],
  ['openai', 'https://host/openai', 'https://host/openai/chat/completions'],
  ['openai', 'https://host/v1/chat/completions', 'https://host/v1/chat/completions'],
  ['openai', 'https://host/x/v2/responses', 'https://host/x/v2/chat/completions'],
  ['xai', 'https://host', 'https://host/v1/chat/completions'],
  ['anthropic', 'https://host', 'https://host/v1/chat/completions'],
  ['anthropic', 'https://host/anthropic', 'https://host/anthropic/v1/chat/completions'],
  ['anthropic', 'https://host/anthropic/v1/messages', 'https://host/anthropic/v1/chat/completions'],
  ['gemini', 'https://host', 'https://host/v1beta/openai/chat/completions'],
  ['gemini', 'https://host/v1beta', 'https://host/v1beta/openai/chat/completions'],
  ['gemini', 'https://host/gem/v1beta/openai/', 'https://host/gem/v1beta/openai/chat/completions'],
  ['factory', 'https://host', 'https://host/api/llm/o/v1/chat/completions'],
  ['factory', 'https://host/api/llm/a/v1/messages', 'https://host/api/llm/o/v1/chat/completions'],
  ['factory', 'https://host/api/llm/o/v1', 'https://host/api/llm/o/v1/chat/completions'],
  ['azure', 'https://me.openai.azure.com', 'https://me.openai.azure.com/openai/v1/chat/completions'],
  ['azure', 'https://me.openai.azure.com/openai', 'https://me.openai.azure.com/openai/v1/chat/completions'],
] as const) {
  test(`the base URL ${baseUrl} of ${provider} leads to ${expected}`, t => {
    t.is(url(provider, CHAT, baseUrl), expected);
    // From the cache too.
    t.is(url(provider, CHAT, baseUrl), expected);
  });
}

test('Gemini’s native methods are found from any base URL', t => {
  const path = '/v1/models/gemini-2.5-flash:generateContent';
  for (const [baseUrl, expected] of [
    ['https://host', 'https://host/v1/models/gemini-2.5-flash:generateContent'],
    ['https://host/gem/v1beta/openai', 'https://host/gem/v1/models/gemini-2.5-flash:generateContent'],
    ['https://host/gem/openai', 'https://host/gem/v1/models/gemini-2.5-flash:generateContent'],
  ] as const) {
    t.is(url('gemini', path, baseUrl), expected);
  }
});

for (const [provider, path, fields, defaults] of [
  ['openai', CHAT, ['Authorization', 'Bearer KEY'], []],
  ['anthropic', CHAT, ['Authorization', 'Bearer KEY'], []],
  ['anthropic', '/v1/messages', ['x-api-key', 'KEY'], ['anthropic-version', '2023-06-01']],
  ['anthropic', '/v1/models?limit=1000', ['x-api-key', 'KEY'], ['anthropic-version', '2023-06-01']],
  ['gemini', CHAT, ['Authorization', 'Bearer KEY'], []],
  ['gemini', '/v1/models/gemini-2.5-flash:generateContent', ['x-goog-api-key', 'KEY'], []],
  ['xai', CHAT, ['Authorization', 'Bearer KEY'], []],
  ['factory', '/v1/messages', ['Authorization', 'Bearer KEY'], []],
  ['azure', CHAT, ['api-key', 'KEY'], []],
] as const) {
  test(`${provider} gets its key in ${fields[0]} for ${path}`, t => {
    const request = asked(provider, path, 'https://host');
    t.deepEqual([...request.credentialFields], [...fields]);
    t.deepEqual([...request.defaultFields], [...defaults]);
  });
}

for (const baseUrl of [
  '',
  'host',
  'ftp://host',
  'https://user:secret@host',
  'https://host?x',
  'https://ho st',
]) {
  test(`the base URL ${baseUrl || 'nothing'} is refused without being shown with its credentials`, t => {
    const error = t.throws(() => checkBaseUrl('openai', baseUrl), { instanceOf: AppError })!;
    t.is(error.code, 'ERR_VALIDATION');
    t.is(error.field, 'baseUrl');
    t.regex(error.message, /^Expected the base URL to /);
    t.false(error.message.includes('secret'));
  });
}

const pathCharacter = fc.constantFrom(
  ..."abz09-._~%2f:@!$&'()*+,;=/?".split(''),
  '%2e',
  '//',
  '/../',
  'é'.normalize(),
);

test('what a path has after /v1 stays byte for byte', t => {
  fc.assert(
    fc.property(fc.array(pathCharacter, { maxLength: 20 }), parts => {
      const rest = `/x${parts.join('')}`;
      t.is(asked('openai', `/v1${rest}`).path, `/v1${withoutKeyParameter(rest)}`);
      t.is(asked('openai', `/v1${rest}`, 'https://host/a/b').path, `/a/b${withoutKeyParameter(rest)}`);
      if (!/[?&]key(?:[=&]|$)/i.test(rest)) t.is(withoutKeyParameter(rest), rest);
    }),
  );
});

for (const [path, expected] of [
  ['/v1/x', '/v1/x'],
  ['/v1/x?key=abc', '/v1/x'],
  ['/v1/x?key=abc&alt=sse', '/v1/x?alt=sse'],
  ['/v1/x?alt=sse&key=abc', '/v1/x?alt=sse'],
  ['/v1/x?a=1&KEY=abc&b=2&key=d', '/v1/x?a=1&b=2'],
  ['/v1/x?key', '/v1/x'],
  ['/v1/x?monkey=1&keys=2&a=key', '/v1/x?monkey=1&keys=2&a=key'],
  ['/v1/x?a=%26key=1', '/v1/x?a=%26key=1'],
  ['/v1/x?', '/v1/x?'],
  ['/v1/key=1', '/v1/key=1'],
  ['/v1/x?&&key=1&', '/v1/x?&&'],
  ['/v1/x?%6bey=abc', '/v1/x'],
] as const) {
  test(`of ${path} the query without its key is ${expected}`, t => {
    t.is(withoutKeyParameter(path), expected);
  });
}

test('a key among the subprotocols of a WebSocket is left out', t => {
  // https://platform.openai.com/docs/guides/realtime-websocket
  t.is(
    withoutKeyProtocol('realtime, openai-insecure-api-key.sk-abc, openai-beta.realtime-v1'),
    'realtime, openai-beta.realtime-v1',
  );
  t.is(withoutKeyProtocol('realtime,chat'), 'realtime,chat');
});
