import test from 'ava';
import fc from 'fast-check';
import { UsageReader } from '../../src/openai/usage-reader.ts';
import { usageSpan } from '../../src/openai/usage-span.ts';
import { cutAt, oneByOne, places, pushAll } from './pieces.ts';

const JSON_TYPE = 'application/json; charset=utf-8';
const EVENTS = 'text/event-stream; charset=utf-8';

function read(pieces: readonly Buffer[], contentType: string | undefined) {
  const reader = new UsageReader({ contentType });
  pushAll(pieces, piece => reader.push(piece));
  return reader.end();
}

function readText(text: string, contentType: string | undefined) {
  return read([Buffer.from(text)], contentType);
}

const sse = (...events: unknown[]) =>
  events.map(event => `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`).join('');

// https://platform.openai.com/docs/api-reference/chat-streaming, with stream_options.include_usage
const chatChunk = {
  id: 'chatcmpl-123',
  object: 'chat.completion.chunk',
  created: 1694268190,
  model: 'gpt-4o-mini',
  choices: [{ index: 0, delta: { content: 'Hello "usage":{"prompt_tokens":1} 你好' }, finish_reason: null }],
  usage: null,
};
const chatUsage = {
  prompt_tokens: 19,
  completion_tokens: 10,
  total_tokens: 29,
  prompt_tokens_details: { cached_tokens: 3 },
};
const chatStream = sse(chatChunk, chatChunk, { ...chatChunk, choices: [], usage: chatUsage }, '[DONE]');

// https://platform.openai.com/docs/api-reference/responses-streaming
const response = {
  id: 'resp_67c9fdcecf488190bdd9a0409de3a1ec07b8b0ad4e5eb654',
  object: 'response',
  status: 'in_progress',
  output: [],
  usage: null,
};
const responseUsage = {
  input_tokens: 37,
  input_tokens_details: { cached_tokens: 5 },
  output_tokens: 11,
  output_tokens_details: { reasoning_tokens: 2 },
  total_tokens: 48,
};
const responsesStream = [
  ['response.created', { type: 'response.created', response }],
  ['response.in_progress', { type: 'response.in_progress', response }],
  ['response.output_text.delta', { type: 'response.output_text.delta', delta: 'Hi' }],
  [
    'response.completed',
    {
      type: 'response.completed',
      response: {
        ...response,
        output: [{ content: [{ text: 'Hi' }] }],
        usage: responseUsage,
        user: null,
        metadata: {},
      },
      sequence_number: 9,
    },
  ],
]
  .map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)
  .join('');

// https://platform.claude.com/docs/en/build-with-claude/streaming
const anthropicStream = `event: message_start
data: {"type": "message_start", "message": {"id": "msg_1nZdL29xx5MUA1yADyHTEsnR8uuvGzszyY", "type": "message", "role": "assistant", "content": [], "model": "claude-opus-4-6", "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 25, "cache_creation_input_tokens": 4, "cache_read_input_tokens": 6, "output_tokens": 1}}}

event: content_block_start
data: {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}

event: ping
data: {"type": "ping"}

event: content_block_delta
data: {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}}

event: content_block_stop
data: {"type": "content_block_stop", "index": 0}

event: message_delta
data: {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence":null}, "usage": {"output_tokens": 15}}

event: message_stop
data: {"type": "message_stop"}

`;

// https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse: each chunk has the counts so far.
const geminiChunk = (candidates: number, thoughts: number) => ({
  candidates: [{ content: { parts: [{ text: 'Hi' }], role: 'model' }, index: 0 }],
  usageMetadata: {
    promptTokenCount: 4,
    candidatesTokenCount: candidates,
    thoughtsTokenCount: thoughts,
    totalTokenCount: 4 + candidates + thoughts,
  },
  modelVersion: 'gemini-2.5-flash',
  responseId: 'x',
});

// https://docs.x.ai/docs/api-reference#chat-completions
const xaiUsage = {
  prompt_tokens: 32,
  completion_tokens: 9,
  total_tokens: 135,
  prompt_tokens_details: { text_tokens: 32, audio_tokens: 0, image_tokens: 0, cached_tokens: 6 },
  completion_tokens_details: { reasoning_tokens: 94 },
  num_sources_used: 0,
};

for (const [shows, contentType, text, expected] of [
  [
    'OpenAI chat',
    JSON_TYPE,
    JSON.stringify({ ...chatChunk, usage: chatUsage }, undefined, 2),
    { input: 19, output: 10, cached: 3, reasoning: 0 },
  ],
  ['OpenAI chat stream', EVENTS, chatStream, { input: 19, output: 10, cached: 3, reasoning: 0 }],
  [
    'OpenAI responses',
    JSON_TYPE,
    JSON.stringify({ ...response, usage: responseUsage, metadata: {} }),
    { input: 37, output: 11, cached: 5, reasoning: 2 },
  ],
  ['OpenAI responses stream', EVENTS, responsesStream, { input: 37, output: 11, cached: 5, reasoning: 2 }],
  [
    'OpenAI embeddings',
    JSON_TYPE,
    JSON.stringify({
      object: 'list',
      data: [{ embedding: [0.1, -0.2] }],
      model: 'm',
      usage: { prompt_tokens: 8, total_tokens: 8 },
    }),
    { input: 8, output: 0, cached: 0, reasoning: 0 },
  ],
  [
    'OpenAI run',
    EVENTS,
    'event: thread.run.step.completed\n' +
      sse({
        object: 'thread.run.step',
        usage: { prompt_tokens: 20, completion_tokens: 11, total_tokens: 31 },
      }) +
      'event: thread.run.completed\n' +
      sse({ object: 'thread.run', usage: { prompt_tokens: 40, completion_tokens: 22, total_tokens: 62 } }),
    { input: 40, output: 22, cached: 0, reasoning: 0 },
  ],
  [
    'Anthropic message',
    JSON_TYPE,
    JSON.stringify({
      id: 'msg_1',
      content: [{ type: 'tool_use', input: { usage: { input_tokens: 999 } } }],
      usage: { input_tokens: 2095, cache_read_input_tokens: 5, output_tokens: 503 },
    }),
    { input: 2100, output: 503, cached: 5, reasoning: 0 },
  ],
  ['Anthropic stream', EVENTS, anthropicStream, { input: 35, output: 15, cached: 6, reasoning: 0 }],
  ['Gemini', JSON_TYPE, JSON.stringify(geminiChunk(9, 5)), { input: 4, output: 14, cached: 0, reasoning: 5 }],
  [
    'Gemini stream',
    EVENTS,
    sse(geminiChunk(1, 5), geminiChunk(4, 5), geminiChunk(9, 5)),
    { input: 4, output: 14, cached: 0, reasoning: 5 },
  ],
  [
    'Gemini stream as an array',
    JSON_TYPE,
    `[${JSON.stringify(geminiChunk(1, 5))}\n,\r\n${JSON.stringify(geminiChunk(9, 5))}\n]\n`,
    { input: 4, output: 14, cached: 0, reasoning: 5 },
  ],
  [
    'Gemini in OpenAI’s format',
    EVENTS,
    sse(
      {
        choices: [],
        model: 'gemini-2.5-flash',
        usage: { completion_tokens: 198, prompt_tokens: 20, total_tokens: 623 },
      },
      '[DONE]',
    ),
    { input: 20, output: 603, cached: 0, reasoning: 405 },
  ],
  [
    'xAI',
    JSON_TYPE,
    JSON.stringify({ ...chatChunk, usage: xaiUsage, system_fingerprint: 'fp' }),
    { input: 32, output: 103, cached: 6, reasoning: 94 },
  ],
  [
    'xAI stream with usage in each chunk',
    EVENTS,
    sse(
      { ...chatChunk, usage: { ...xaiUsage, completion_tokens: 1, total_tokens: 127 } },
      { ...chatChunk, usage: xaiUsage },
      '[DONE]',
    ),
    { input: 32, output: 103, cached: 6, reasoning: 94 },
  ],
  // Factory answers in the format of the model's maker; droid2api reads both the same way.
  [
    'Factory /a/v1/messages',
    EVENTS,
    anthropicStream.replaceAll('\n', '\r\n'),
    { input: 35, output: 15, cached: 6, reasoning: 0 },
  ],
  [
    'Factory /o/v1/responses',
    EVENTS,
    responsesStream.replaceAll('\n', '\r'),
    { input: 37, output: 11, cached: 5, reasoning: 2 },
  ],
  ['an answer without usage', JSON_TYPE, JSON.stringify({ ...chatChunk, usage: undefined }), undefined],
  ['an answer with null usage', JSON_TYPE, JSON.stringify(chatChunk), undefined],
  ['a stream without usage', EVENTS, sse(chatChunk, '[DONE]'), undefined],
  ['an empty answer', JSON_TYPE, '', undefined],
  ['an answer that is no JSON', JSON_TYPE, '<html>usage</html>', undefined],
  ['audio', 'audio/mpeg', '{"usage":{"prompt_tokens":1}}', undefined],
  ['text', 'text/plain', '{"usage":{"prompt_tokens":1}}', undefined],
  [
    'JSON without content type',
    undefined,
    JSON.stringify({ usage: chatUsage }),
    { input: 19, output: 10, cached: 3, reasoning: 0 },
  ],
  ['events without content type', undefined, chatStream, { input: 19, output: 10, cached: 3, reasoning: 0 }],
] as const) {
  test(`usage is read off ${shows}, however it is cut`, t => {
    const bytes = Buffer.from(text);
    t.deepEqual(readText(text, contentType), expected);
    t.deepEqual(read(oneByOne(bytes), contentType), expected);
    for (let place = 1; place < bytes.length; place += 7) {
      t.deepEqual(read(cutAt(bytes, [place, place + 1]), contentType), expected, `cut at ${place}`);
    }
  });
}

test('usage in data over several lines is read', t => {
  const lines = JSON.stringify({ usage: chatUsage }, undefined, 1)
    .split('\n')
    .map(line => `data: ${line}\r\n`);
  t.deepEqual(readText(`${lines.join('')}\r\n`, EVENTS), { input: 19, output: 10, cached: 3, reasoning: 0 });
});

test('a last event without its blank line counts', t => {
  t.is(readText(`data: ${JSON.stringify({ usage: chatUsage })}`, EVENTS)?.input, 19);
});

test('when the client leaves in the middle of a stream, the latest known counts', t => {
  const start = anthropicStream.indexOf('event: message_delta');
  t.deepEqual(readText(anthropicStream.slice(0, start), EVENTS), {
    input: 35,
    output: 1,
    cached: 6,
    reasoning: 0,
  });
  t.deepEqual(readText(anthropicStream.slice(0, start + 60), EVENTS), {
    input: 35,
    output: 1,
    cached: 6,
    reasoning: 0,
  });
  const gemini = sse(geminiChunk(1, 5), geminiChunk(4, 5), geminiChunk(9, 5));
  t.is(readText(gemini.slice(0, gemini.lastIndexOf('data:') + 120), EVENTS)?.output, 9);
  t.is(readText(chatStream.slice(0, 400), EVENTS), undefined);
});

test('a JSON answer that was cut off has no usage, wherever it was cut', t => {
  const text = JSON.stringify({
    id: 'x',
    content: [{ input: { usage: { input_tokens: 7 } } }],
    usage: chatUsage,
  });
  for (let end = 0; end < text.length; end += 1) {
    const found = readText(text.slice(0, end), JSON_TYPE);
    if (text[end - 1] !== '}') t.is(found, undefined, `at ${end}`);
  }
});

test('usage at the end of megabytes is found, in JSON and in one event', t => {
  const output = [
    {
      text: 'x"\\'.repeat(400_000),
      b64: 'A'.repeat(2_000_000),
      list: Array.from({ length: 9999 }, () => 0.5),
    },
  ];
  const json = JSON.stringify({ output, usage: responseUsage, user: null });
  const event = sse({
    type: 'response.completed',
    response: { ...response, output, usage: responseUsage, tools: [] },
    sequence_number: 1,
  });
  const expected = { input: 37, output: 11, cached: 5, reasoning: 2 };
  for (const size of [1 << 16, 1 << 14, 1 << 30]) {
    const cuts = Array.from({ length: Math.ceil(json.length / size) }, (_, index) => index * size);
    t.deepEqual(read(cutAt(Buffer.from(json), cuts), JSON_TYPE), expected);
    t.deepEqual(read(cutAt(Buffer.from(event + sse('[DONE]')), cuts), EVENTS), expected);
  }
});

test('a usage object of absurd size is not held', t => {
  t.is(
    readText(JSON.stringify({ usage: { ...chatUsage, extra: 'x'.repeat(20_000) } }), JSON_TYPE),
    undefined,
  );
});

test('the pieces are left as they are', t => {
  const piece = Buffer.from(chatStream);
  const before = Buffer.from(piece);
  const reader = new UsageReader({ contentType: EVENTS });
  reader.push(piece);
  reader.end();
  t.deepEqual(piece, before);
});

const leaf = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom('usage', '"usage":{"prompt_tokens":5}', '\\', '"}', '{', null, true, 1.5e-7, -3),
);
const name = fc.constantFrom('usage', 'usageMetadata', 'response', 'message', 'a', 'b"\\', '}');
const { node } = fc.letrec(tie => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('node'), { maxLength: 4 }),
    fc.dictionary(name, tie('node'), { maxKeys: 5 }),
  ),
}));

/** As `usageSpan` is described, over the built value. */
function expectedUsage(value: unknown): unknown {
  const object = (candidate: unknown): Record<string, unknown> | undefined =>
    typeof candidate === 'object' && candidate !== null && !Array.isArray(candidate)
      ? (candidate as Record<string, unknown>)
      : undefined;
  const own = (holder: Record<string, unknown>) =>
    Object.entries(holder)
      .filter(([key, usage]) => (key === 'usage' || key === 'usageMetadata') && object(usage) !== undefined)
      .map(([, usage]) => usage)
      .at(-1);
  if (Array.isArray(value))
    return value
      .map(object)
      .flatMap(element => (element && own(element)) ?? [])
      .at(-1);
  const whole = object(value);
  if (whole === undefined) return undefined;
  let last: unknown;
  for (const [key, member] of Object.entries(whole)) {
    const holder = object(member);
    if (holder === undefined) continue;
    if (key === 'usage' || key === 'usageMetadata') last = holder;
    else if (key === 'response' || key === 'message') last = own(holder) ?? last;
  }
  return last;
}

test('the usage object of any JSON is the one that a full parse finds', t => {
  fc.assert(
    fc.property(
      fc.oneof(fc.dictionary(name, node, { maxKeys: 6 }), fc.array(node, { maxLength: 4 })),
      fc.constantFrom(undefined, 1),
      (value, indent) => {
        const written = JSON.parse(JSON.stringify(value)) as unknown;
        const span = usageSpan(Buffer.from(JSON.stringify(value, undefined, indent)));
        t.deepEqual(span === undefined ? undefined : JSON.parse(span), expectedUsage(written));
      },
    ),
    { numRuns: 3000 },
  );
});

test('any bytes are read without an error', t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), places(), (bytes, cuts) => {
      for (const contentType of [JSON_TYPE, EVENTS, undefined]) {
        const around = Buffer.concat([Buffer.from('{"usage":{'), bytes, Buffer.from('"usage":{"a":1}}')]);
        read(cutAt(around, cuts), contentType);
        read(cutAt(Buffer.from(bytes), cuts), contentType);
      }
    }),
  );
  t.pass();
});

test('streams of any vendor, with any line ends and cut anywhere, give the same usage', t => {
  fc.assert(
    fc.property(
      fc.constantFrom(
        chatStream,
        responsesStream,
        anthropicStream,
        sse(geminiChunk(1, 2), geminiChunk(9, 5)),
      ),
      fc.constantFrom('\n', '\r\n', '\r'),
      places(),
      (stream, lineEnd, cuts) => {
        const expected = readText(stream, EVENTS);
        t.not(expected, undefined);
        t.deepEqual(read(cutAt(Buffer.from(stream.replaceAll('\n', lineEnd)), cuts), EVENTS), expected);
      },
    ),
    { numRuns: 300 },
  );
});
