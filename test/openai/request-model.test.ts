import test from 'ava';
import fc from 'fast-check';
import { modelInPath, readModel, readRequestFacts } from '../../src/openai/request-model.ts';

const JSON_TYPE = 'application/json';

function facts(body: unknown, contentType: string | undefined = JSON_TYPE) {
  return readRequestFacts(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), contentType);
}

for (const [shows, body, model, stream] of [
  ['a chat', { model: 'gpt-4o', messages: [], stream: true }, 'gpt-4o', true],
  ['no stream', { model: 'gpt-4o', stream: false }, 'gpt-4o', false],
  ['a stream that is no flag', { model: 'm', stream: 'true' }, 'm', false],
  ['no model', { input: 'x' }, undefined, false],
  ['a model that is no text', { model: 5 }, undefined, false],
  ['a model that is null', { model: null, stream: true }, undefined, true],
  [
    'a nested model only',
    { session: { model: 'x', stream: true }, list: [{ model: 'y' }] },
    undefined,
    false,
  ],
  ['a model after nested ones', { a: { model: 'x' }, b: [{ model: 'y' }], model: 'z' }, 'z', false],
  ['a text that looks like a model', { text: '","model":"x","a":"', model: 'y' }, 'y', false],
  ['the last of two models', '{"model":"a","model":"b"}', 'b', false],
  ['a last model that is no text', '{"model":"a","model":{}}', undefined, false],
  ['escapes in key and value', '{"m\\u006fdel":"a\\"\\u4f60\\\\","str\\u0065am":true}', 'a"你\\', true],
  ['white space', ' \r\n\t{ "model" \n:\t "a" , "stream" : true }', 'a', true],
  ['characters of several bytes', { text: '你好 🌊', model: '模型-🌊' }, '模型-🌊', false],
  ['an empty object', {}, undefined, false],
  ['a list', [{ model: 'x' }], undefined, false],
  ['a text', '"model"', undefined, false],
  ['nothing', '', undefined, false],
  ['a body that is cut off after the model', '{"model":"a","messages":[{"con', 'a', false],
  ['a body that is cut off in the model', '{"model":"a', undefined, false],
  ['a body that is no JSON', 'model=gpt-4o', undefined, false],
] as const) {
  test(`of a body with ${shows} the model is ${model} and stream ${stream}`, t => {
    const found = facts(body);
    t.is(found.model, model);
    t.is(found.stream, stream);
  });
}

test('a body without content type is read as JSON', t => {
  t.is(readModel(Buffer.from('{"model":"m"}'), undefined), 'm');
});

test('a model of absurd length is none', t => {
  t.is(facts({ model: 'm'.repeat(5000) }).model, undefined);
});

test('a megabyte of text, of escapes and of an image before the model is passed over', t => {
  for (const text of ['x'.repeat(1 << 20), '\\"'.repeat(1 << 18), '"'.repeat(1 << 18), 'a\\'.repeat(9999)]) {
    t.is(facts({ messages: [{ content: text }], model: 'm' }).model, 'm');
  }
});

// https://platform.openai.com/docs/api-reference: batch/create, fine-tuning/create, responses/create, runs/createRun, …
for (const [shows, body, references] of [
  ['a batch', { input_file_id: 'file-abc123', endpoint: '/v1/chat/completions' }, ['file-abc123']],
  [
    'a fine-tuning job',
    { model: 'gpt-4o', training_file: 'file-a1b2', validation_file: 'file-c3d4' },
    ['file-a1b2', 'file-c3d4'],
  ],
  ['a response that goes on', { model: 'm', previous_response_id: 'resp_123', input: 'x' }, ['resp_123']],
  ['a conversation by id', { conversation: 'conv_123' }, ['conv_123']],
  [
    'a conversation as object',
    { conversation: { id: 'conv_123' }, metadata: { id: 'u_1234' } },
    ['conv_123'],
  ],
  ['a run', { assistant_id: 'asst_abc123' }, ['asst_abc123']],
  [
    'file search',
    { tools: [{ type: 'file_search', vector_store_ids: ['vs_1234', 'vs_5678'] }] },
    ['vs_1234', 'vs_5678'],
  ],
  [
    'a file in a message',
    { messages: [{ content: [{ file: { file_id: 'file-xyz789' } }] }] },
    ['file-xyz789'],
  ],
  [
    'files of a vector store',
    { file_ids: ['file-a111', 'file-b222', 'file-a111'] },
    ['file-a111', 'file-b222'],
  ],
  // https://platform.claude.com/docs/en/build-with-claude/files
  [
    'a file for Anthropic',
    { messages: [{ content: [{ type: 'document', source: { type: 'file', file_id: 'file_011CN' } }] }] },
    ['file_011CN'],
  ],
  ['nothing stored', { model: 'm', previous_response_id: null, container: { type: 'auto' } }, []],
  ['a name that is no id', { file_id: 'x', conversation: 'none' }, []],
] as const) {
  test(`a body with ${shows} refers to ${references.join(', ') || 'nothing'}`, t => {
    t.deepEqual(facts(body).references, [...references]);
  });
}

test('no more than 32 references are taken', t => {
  t.is(facts({ file_ids: Array.from({ length: 100 }, (_, index) => `file-${index}`) }).references.length, 32);
});

const key = fc.oneof(
  fc.constantFrom('model', 'stream', 'messages', 'conversation', 'file_id', 'id', 'mod\u0065l', 'x"y\\'),
  fc.string({ maxLength: 6 }),
);
const { value } = fc.letrec(tie => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('m', 'gpt-4o', true, false, null, 'a"b\\', '🌊', '"model":"x"', '{"model":"x"}'),
    fc.string({ unit: 'binary', maxLength: 80 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(key, tie('value'), { maxKeys: 4 }),
  ),
}));
const body = fc.dictionary(key, value, { maxKeys: 6 });

test('model and stream are those that JSON.parse finds', t => {
  fc.assert(
    fc.property(body, fc.constantFrom(0, 1, '\t'), (written, indent) => {
      const text = JSON.stringify(written, undefined, indent);
      const read = JSON.parse(text) as Record<string, unknown>;
      const found = facts(text);
      t.is(found.model, typeof read.model === 'string' ? read.model : undefined);
      t.is(found.stream, read.stream === true);
    }),
    { numRuns: 2000 },
  );
});

test('any bytes are read without an error', t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      readRequestFacts(Buffer.from(bytes), JSON_TYPE);
      readRequestFacts(Buffer.concat([Buffer.from('{"model":'), bytes]), JSON_TYPE);
    }),
  );
  t.pass();
});

function form(fields: readonly (readonly [string, string])[], boundary = 'X-BOUNDARY'): string {
  const parts = fields.map(
    ([head, text]) => `--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n${text}\r\n`,
  );
  return `preamble\r\n${parts.join('')}--${boundary}--\r\n`;
}
const FORM = 'multipart/form-data; boundary=X-BOUNDARY';

test('of a form the fields model and stream are read, in any order', t => {
  const file = [
    'name="file"; filename="a.wav"\r\nContent-Type: audio/wav',
    'RIFF name="model"\r\n\r\nnot me\r\n',
  ] as const;
  for (const fields of [
    [file, ['name="model"', 'whisper-1'], ['name="stream"', 'true']],
    [['name=model', 'whisper-1'], ['name=stream', 'true'], file],
    [['name="empty"', ''], file, ['name="stream"', 'true'], ['name="model"; x="y"', 'whisper-1']],
  ] as const) {
    t.deepEqual(facts(form(fields), FORM), { model: 'whisper-1', stream: true, references: [] });
    t.is(facts(form(fields), 'Multipart/Form-Data; charset=utf-8; boundary="X-BOUNDARY"').model, 'whisper-1');
  }
});

test('of the beginning of a form the model is read when all of it is there', t => {
  const text = form([
    ['name="model"', 'whisper-1'],
    ['name="file"; filename="a"', 'x'.repeat(100)],
  ]);
  const end = text.indexOf('whisper-1') + 'whisper-1\r\n--X-BOUNDARY'.length;
  t.is(facts(text.slice(0, end), FORM).model, 'whisper-1');
  for (let cut = 0; cut < end; cut += 1) t.is(facts(text.slice(0, cut), FORM).model, undefined, `at ${cut}`);
});

test('a form without boundary, without the field or with a huge one has no model', t => {
  const text = form([['name="prompt"', 'x']]);
  t.is(facts(text, 'multipart/form-data').model, undefined);
  t.is(facts(text, FORM).model, undefined);
  t.is(facts(form([['name="model"', 'x'.repeat(1000)]]), FORM).model, undefined);
  t.is(facts(form([['name="model"', '']]), FORM).model, '');
});

for (const [path, model] of [
  ['/v1/realtime?model=gpt-realtime', 'gpt-realtime'],
  ['/v1/realtime?x=1&model=gpt%2Drealtime&y=2', 'gpt-realtime'],
  ['/v1/realtime?model=%zz', '%zz'],
  ['/v1/models/gemini-2.5-flash:generateContent', 'gemini-2.5-flash'],
  ['/v1/models/gemini-2.5-flash:streamGenerateContent?alt=sse', 'gemini-2.5-flash'],
  ['/v1/models/gpt-4o', undefined],
  ['/v1/files?purpose=x', undefined],
  ['/v1/chat/completions', undefined],
] as const) {
  test(`the path ${path} names the model ${model}`, t => {
    t.is(modelInPath(path), model);
  });
}
