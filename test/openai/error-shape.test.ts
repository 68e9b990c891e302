import test from 'ava';
import { AppError, type ErrorCode } from '../../src/base/errors.ts';
import { anthropicError, errorBodyFor, openAiError } from '../../src/openai/error-shape.ts';

function body(path: string, code: ErrorCode) {
  return JSON.parse(errorBodyFor(path, new AppError(code, 'Words', { cause: new Error('inside') }), 'req-1'));
}

for (const [code, openAiType, anthropicType] of [
  ['ERR_BAD_JSON', 'invalid_request_error', 'invalid_request_error'],
  ['ERR_UNAUTHORIZED', 'authentication_error', 'authentication_error'],
  ['ERR_FORBIDDEN', 'permission_error', 'permission_error'],
  ['ERR_NOT_FOUND', 'invalid_request_error', 'not_found_error'],
  ['ERR_BODY_TOO_LARGE', 'invalid_request_error', 'request_too_large'],
  ['ERR_KEYS_RESTING', 'rate_limit_error', 'rate_limit_error'],
  ['ERR_INTERNAL', 'server_error', 'api_error'],
  ['ERR_UPSTREAM_RESET', 'server_error', 'api_error'],
  ['ERR_NO_USABLE_KEY', 'server_error', 'overloaded_error'],
  ['ERR_UPSTREAM_TIMEOUT', 'server_error', 'timeout_error'],
] as const) {
  test(`${code} is an error that OpenAI's and Anthropic's clients know`, t => {
    t.deepEqual(body('/v1/chat/completions', code), {
      error: { message: 'Words', type: openAiType, param: null, code, request_id: 'req-1' },
    });
    t.deepEqual(body('/v1/messages?beta=true', code), {
      type: 'error',
      error: { type: anthropicType, message: 'Words', code },
      request_id: 'req-1',
    });
  });
}

test('only Anthropic’s own paths get its shape', t => {
  for (const path of ['/v1/messages', '/v1/messages/count_tokens', '/v1/complete']) {
    t.is(body(path, 'ERR_INTERNAL').type, 'error', path);
  }
  for (const path of [
    '/v1/completions',
    '/v1/messagesx',
    '/v1/complete-x',
    '/v1',
    '/v1/threads/t1/messages',
  ]) {
    t.is(body(path, 'ERR_INTERNAL').type, undefined, path);
  }
});

test('the field that an error is about is its param', t => {
  const error = new AppError('ERR_VALIDATION', 'Words', { field: 'model', details: { allowed: ['a'] } });
  t.deepEqual(JSON.parse(errorBodyFor('/v1/x', error, 'r')).error, {
    message: 'Words',
    type: 'invalid_request_error',
    param: 'model',
    code: 'ERR_VALIDATION',
    allowed: ['a'],
    request_id: 'r',
  });
});

test('an error can be made from a status and words alone', t => {
  t.deepEqual(JSON.parse(openAiError(429, 'insufficient_quota', 'Words')), {
    error: { message: 'Words', type: 'insufficient_quota', param: null, code: 'insufficient_quota' },
  });
  t.deepEqual(JSON.parse(anthropicError(529, 'Words')), {
    type: 'error',
    error: { type: 'overloaded_error', message: 'Words' },
  });
});
