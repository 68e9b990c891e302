import test from 'ava';
import fc from 'fast-check';
import { EventPeek } from '../../src/openai/event-peek.ts';
import { cutAt, oneByOne, places, pushAll } from './pieces.ts';

/** The verdict after all pieces, those after the first verdict left out, as the caller does. */
function peek(pieces: readonly Buffer[]) {
  const peeked = new EventPeek();
  let verdict = 'more' as ReturnType<EventPeek['push']>;
  pushAll(pieces, piece => {
    if (verdict === 'more') verdict = peeked.push(piece);
  });
  return { verdict, peeked };
}

function verdictOf(text: string) {
  const { verdict, peeked } = peek([Buffer.from(text)]);
  return verdict === 'more' ? peeked.end() : verdict;
}

const role =
  'data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}]}\n\n';
const content =
  'data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n';
const messageStart =
  'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","content":[]}}\n\n';
const ping = 'event: ping\ndata: {"type": "ping"}\n\n';
const created =
  'event: response.created\ndata: {"type":"response.created","response":{"id":"resp_1","error":null}}\n\n';

for (const [shows, text, status, body] of [
  [
    // https://platform.openai.com/docs/guides/error-codes
    'OpenAI server error',
    'data: {"error":{"message":"The server had an error processing your request.","type":"server_error","param":null,"code":null}}\n\n',
    500,
    {
      error: {
        message: 'The server had an error processing your request.',
        type: 'server_error',
        param: null,
        code: null,
      },
    },
  ],
  [
    'OpenAI empty purse',
    'data: {"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}\n\n',
    429,
    {
      error: {
        message: 'You exceeded your current quota',
        type: 'insufficient_quota',
        param: null,
        code: 'insufficient_quota',
      },
    },
  ],
  [
    'OpenAI wrong key',
    'data: {"error":{"message":"Incorrect API key provided","type":"invalid_request_error","code":"invalid_api_key"}}\n\n',
    401,
    {
      error: {
        message: 'Incorrect API key provided',
        type: 'invalid_request_error',
        code: 'invalid_api_key',
      },
    },
  ],
  [
    'OpenAI bad request after a role',
    `${role}data: {"error":{"message":"x","type":"invalid_request_error","code":null}}\n\n`,
    400,
    { error: { message: 'x', type: 'invalid_request_error', code: null } },
  ],
  [
    // https://platform.openai.com/docs/api-reference/responses-streaming/error
    'Responses error event',
    `${created}event: error\ndata: {"type":"error","code":"rate_limit_exceeded","message":"x","param":null,"sequence_number":1}\n\n`,
    429,
    {
      error: { code: 'rate_limit_exceeded', message: 'x', param: null, sequence_number: 1, type: undefined },
    },
  ],
  [
    // https://platform.openai.com/docs/api-reference/responses-streaming/response/failed
    'failed response',
    `${created}event: response.failed\ndata: {"type":"response.failed","sequence_number":3,"response":{"id":"resp_1","status":"failed","error":{"code":"server_error","message":"x"}}}\n\n`,
    500,
    { error: { code: 'server_error', message: 'x' } },
  ],
  [
    // https://platform.claude.com/docs/en/build-with-claude/streaming#error-events
    'Anthropic overload',
    'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}\n\n',
    529,
    { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
  ],
  [
    'Anthropic limit after the start and a ping',
    `${messageStart}${ping}event: error\ndata: {"type":"error","error":{"type":"rate_limit_error","message":"x"}}\n\n`,
    429,
    { type: 'error', error: { type: 'rate_limit_error', message: 'x' } },
  ],
  [
    // https://ai.google.dev/gemini-api/docs/troubleshooting
    'Gemini limit in an array',
    'data: [{"error":{"code":429,"message":"x","status":"RESOURCE_EXHAUSTED"}}]\n\n',
    429,
    { error: { code: 429, message: 'x', status: 'RESOURCE_EXHAUSTED' } },
  ],
  [
    'Gemini limit without any event',
    '[{\n  "error": {\n    "code": 429,\n    "message": "x",\n    "status": "RESOURCE_EXHAUSTED"\n  }\n}\n]\n',
    429,
    { error: { code: 429, message: 'x', status: 'RESOURCE_EXHAUSTED' } },
  ],
  [
    'Gemini overload',
    'data: {"error":{"code":503,"message":"x","status":"UNAVAILABLE"}}\n\n',
    503,
    { error: { code: 503, message: 'x', status: 'UNAVAILABLE' } },
  ],
  [
    // https://openrouter.ai/docs/api-reference/errors
    'aggregator error after keep-alives, beside choices',
    ': OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\ndata: {"id":"x","choices":[{"finish_reason":"error","delta":{"content":""}}],"error":{"code":502,"message":"x"}}\n\n',
    502,
    {
      id: 'x',
      choices: [{ finish_reason: 'error', delta: { content: '' } }],
      error: { code: 502, message: 'x' },
    },
  ],
  [
    'error that is a text',
    'data: {"error":"rate_limit_exceeded"}\n\n',
    429,
    { error: 'rate_limit_exceeded' },
  ],
  ['error with its status as text', 'data: {"error":{"code":"403"}}\n\n', 403, { error: { code: '403' } }],
  ['error that is named only', 'event: error\ndata: boom\n\n', 500, 'boom'],
  [
    'unknown error',
    'data: {"error":{"message":"x","code":"whatever"}}\n\n',
    500,
    { error: { message: 'x', code: 'whatever' } },
  ],
  [
    'error without its blank line',
    'data: {"error":{"type":"authentication_error"}}',
    401,
    { error: { type: 'authentication_error' } },
  ],
  [
    'error in JSON instead of a stream',
    ' {"error":{"type":"permission_error"}}',
    403,
    { error: { type: 'permission_error' } },
  ],
  ['stream without any event', '', 502, undefined],
  ['stream of keep-alives alone', `: hi\n\n${ping}\n`, 502, undefined],
] as const) {
  test(`a stream that begins with ${shows} is an error with status ${status}, however it is cut`, t => {
    const bytes = Buffer.from(text);
    t.deepEqual(verdictOf(text), { error: { status, body } });
    for (const pieces of [oneByOne(bytes), cutAt(bytes, [7]), cutAt(bytes, [bytes.length >> 1, 40])]) {
      const { verdict, peeked } = peek(pieces);
      t.deepEqual(verdict === 'more' ? peeked.end() : verdict, { error: { status, body } });
    }
  });
}

for (const [shows, text] of [
  ['content', content],
  ['a role and content', role + content],
  ['content in the role chunk', role.replace('"content":""', '"content":"Hi"')],
  ['a tool call', role.replace('"content":""', '"tool_calls":[{"index":0}]')],
  ['the end at once', role.replace('"finish_reason":null', '"finish_reason":"stop"')],
  ['a chunk without choices', 'data: {"id":"x","choices":[]}\n\n'],
  [
    'a delta of Anthropic',
    `${messageStart}${ping}event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"error"}}\n\n`,
  ],
  [
    'an item of a response',
    `${created}event: response.output_item.added\ndata: {"type":"response.output_item.added"}\n\n`,
  ],
  ['an incomplete response', 'data: {"type":"response.incomplete","response":{"error":null}}\n\n'],
  ['a chunk of Gemini', 'data: {"candidates":[{"content":{"parts":[{"text":"error"}]}}]}\n\n'],
  ['nothing but the end', 'data: [DONE]\n\n'],
  ['text that is no JSON', 'data: hello\n\n'],
  ['an error that is null', 'data: {"error":null,"choices":[{"delta":{"content":"x"}}]}\n\n'],
  ['JSON without an error', '{"choices":[]}'],
  ['an opening and its end', role],
  ['characters of several bytes', 'data: {"choices":[{"delta":{"content":"你好 🌊"}}]}\n\n'],
] as const) {
  test(`a stream that begins with ${shows} is an answer, held byte for byte`, t => {
    t.is(verdictOf(text), 'ok');
    const bytes = Buffer.from(text);
    const { verdict, peeked } = peek(oneByOne(bytes));
    t.is(verdict === 'more' ? peeked.end() : verdict, 'ok');
    t.deepEqual(peeked.held, bytes.subarray(0, peeked.held.length));
  });
}

test('the verdict comes with the event that tells, not later', t => {
  const peeked = new EventPeek();
  t.is(peeked.push(Buffer.from(': hello\n\n')), 'more');
  t.false(peeked.opened);
  t.is(peeked.push(Buffer.from(role)), 'more');
  t.true(peeked.opened);
  t.is(peeked.push(Buffer.from(content.slice(0, -1))), 'more');
  t.is(peeked.push(Buffer.from('\n')), 'ok');
  t.is(peeked.held.toString(), `: hello\n\n${role}${content}`);
});

test('what comes in one piece after the first event is held too', t => {
  const text = `${content}${content}data: {"error":{"type":"server_error"}}\n\n`;
  const { verdict, peeked } = peek([Buffer.from(text)]);
  t.is(verdict, 'ok');
  t.is(peeked.held.toString(), text);
});

test('at 64 KiB without a verdict it is an answer', t => {
  for (const text of [
    `data: {"error":{"message":"${'x'.repeat(70_000)}`,
    `{"error":"${'x'.repeat(70_000)}`,
    ': x\n\n'.repeat(14_000),
  ]) {
    const peeked = new EventPeek();
    const bytes = Buffer.from(text);
    let at = 0;
    while (peeked.push(bytes.subarray(at, at + 1000)) === 'more') {
      at += 1000;
      t.true(at < 64 * 1024);
    }
    t.is(peeked.held.length, at + 1000);
    t.true(at + 1000 >= 64 * 1024);
  }
});

test('any bytes, cut anywhere, are judged without an error and held as they came', t => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom('', 'data: ', '[', role),
      places(),
      (noise, head, cuts) => {
        const bytes = Buffer.concat([Buffer.from(head), noise, Buffer.from('\n\n')]);
        const peeked = new EventPeek();
        for (const piece of cutAt(bytes, cuts)) if (peeked.push(piece) !== 'more') return;
        peeked.end();
        t.deepEqual(peeked.held, bytes);
      },
    ),
  );
});
