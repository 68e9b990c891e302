import test from 'ava';
import {
  type ListedModel,
  ModelList,
  type ModelSource,
  modelsPath,
  parseModels,
} from '../../src/openai/models.ts';

const model = (id: string, ownedBy = 'openai', created = 1686935002): ListedModel => ({
  id,
  created,
  ownedBy,
});
const OPENAI: ModelSource = { provider: 'openai', baseUrl: 'https://api.openai.com/v1' };
const XAI: ModelSource = { provider: 'xai', baseUrl: 'https://api.x.ai/v1' };

/** A list whose fetches answer by provider; an `Error` rejects. */
function listOf(
  answers: Record<string, readonly ListedModel[] | Promise<ListedModel[]> | Error>,
  { sources = [OPENAI, XAI], fixed = [] as string[] } = {},
) {
  const state = { nowMs: 1_000_000, fetched: [] as string[], sources };
  const list = new ModelList({
    sources: () => state.sources,
    fetchModels: async source => {
      state.fetched.push(source.provider);
      const answer = answers[source.provider]!;
      if (answer instanceof Error) throw answer;
      return answer;
    },
    fixed,
    nowMs: () => state.nowMs,
  });
  const ids = async () => {
    const { body } = await list.answer('/v1/models', 'r1');
    return (JSON.parse(body) as { data: { id: string }[] }).data.map(row => row.id);
  };
  return { list, state, ids, answers };
}

test('the list has the models of all sources and the fixed ones, each once, in OpenAI’s shape', async t => {
  const { list } = listOf(
    { openai: [model('gpt-4o'), model('both')], xai: [model('grok-4', 'xai'), model('both', 'xai')] },
    { fixed: ['my-model', 'gpt-4o'] },
  );
  const { status, body } = await list.answer('/v1/models?limit=5', 'r1');
  t.is(status, 200);
  const read = JSON.parse(body);
  t.is(read.object, 'list');
  t.deepEqual(
    read.data.map((row: { id: string }) => row.id),
    ['both', 'gpt-4o', 'grok-4', 'my-model'],
  );
  t.like(read.data[1], { id: 'gpt-4o', object: 'model', created: 1686935002, owned_by: 'openai' });
  // What Anthropic's clients read of it.
  t.like(read, { has_more: false, first_id: 'both', last_id: 'my-model' });
  t.like(read.data[1], { type: 'model', display_name: 'gpt-4o', created_at: '2023-06-16T17:03:22.000Z' });
});

test('one model is answered by its id, also with a slash or escapes in it', async t => {
  const { list } = listOf({ openai: [model('gpt-4o'), model('anthropic/claude')], xai: [] });
  for (const [path, id] of [
    ['/v1/models/gpt-4o', 'gpt-4o'],
    ['/v1/models/gpt%2D4o?x=1', 'gpt-4o'],
    ['/v1/models/models/gpt-4o', 'gpt-4o'],
    ['/v1/models/anthropic/claude', 'anthropic/claude'],
    ['/v1/models/anthropic%2Fclaude', 'anthropic/claude'],
  ] as const) {
    const { status, body } = await list.answer(path, 'r1');
    t.is(status, 200, path);
    t.is(JSON.parse(body).id, id);
  }
});

test('a model that is not in the list is a 404 in OpenAI’s words', async t => {
  const { list } = listOf({ openai: [model('gpt-4o')], xai: [] });
  for (const path of ['/v1/models/gpt-5', '/v1/models/%zz', '/v1/models/__proto__']) {
    const { status, body } = await list.answer(path, 'r1');
    t.is(status, 404);
    t.like(JSON.parse(body).error, { code: 'model_not_found', type: 'invalid_request_error' });
  }
});

test('a source is asked once in ten minutes, and once for many that wait', async t => {
  const { ids, state } = listOf({ openai: [model('gpt-4o')], xai: [model('grok-4')] });
  await Promise.all([ids(), ids(), ids()]);
  state.nowMs += 10 * 60_000 - 1;
  await ids();
  t.deepEqual(state.fetched, ['openai', 'xai']);
  state.nowMs += 1;
  await ids();
  t.deepEqual(state.fetched, ['openai', 'xai', 'openai', 'xai']);
});

test('a list that is due is served as it was while the new one is fetched', async t => {
  const { promise, resolve } = Promise.withResolvers<ListedModel[]>();
  const { ids, state, answers } = listOf({ openai: [model('old')] }, { sources: [OPENAI] });
  t.deepEqual(await ids(), ['old']);
  answers.openai = promise;
  state.nowMs += 10 * 60_000;
  t.deepEqual(await ids(), ['old']);
  t.deepEqual(await ids(), ['old']);
  resolve([model('new')]);
  await new Promise(setImmediate);
  t.deepEqual(await ids(), ['new']);
  t.is(state.fetched.length, 2);
});

test('a source that fails hides nothing that was known and is asked again after a minute', async t => {
  const { ids, state, answers } = listOf({ openai: [model('gpt-4o')], xai: new Error('down') });
  t.deepEqual(await ids(), ['gpt-4o']);
  state.nowMs += 59_999;
  await ids();
  t.deepEqual(state.fetched, ['openai', 'xai']);
  state.nowMs += 1;
  answers.xai = [model('grok-4')];
  t.deepEqual(await ids(), ['gpt-4o', 'grok-4']);
  state.nowMs += 10 * 60_000;
  answers.openai = new Error('down');
  await ids();
  await new Promise(resolve => setImmediate(resolve));
  t.deepEqual(await ids(), ['gpt-4o', 'grok-4']);
});

test('where no source has ever answered, the fixed models are the list', async t => {
  const { ids } = listOf({ openai: new Error('down'), xai: new Error('down') }, { fixed: ['a'] });
  t.deepEqual(await ids(), ['a']);
});

test('where nothing is known at all the answer is 503 with the request id', async t => {
  const { list } = listOf({ openai: new Error('secret text'), xai: new Error('down') });
  const { status, body } = await list.answer('/v1/models', 'req-7');
  t.is(status, 503);
  t.like(JSON.parse(body).error, { type: 'server_error', code: 'models_unavailable' });
  t.true(body.includes('req-7'));
  t.false(body.includes('secret text'));
});

test('a fetch that throws at once counts as a failure', async t => {
  const list = new ModelList({
    sources: () => [OPENAI],
    fetchModels: () => {
      throw new Error('at once');
    },
    fixed: [],
    nowMs: () => 1,
  });
  t.is((await list.answer('/v1/models', 'r1')).status, 503);
  t.is((await list.answer('/v1/models', 'r1')).status, 503);
});

test('a pool without sources has an empty list, and a source that has gone takes its models along', async t => {
  const { list, ids, state } = listOf({ openai: [model('gpt-4o')], xai: [model('grok-4')] });
  t.deepEqual(await ids(), ['gpt-4o', 'grok-4']);
  state.sources = [XAI];
  t.deepEqual(await ids(), ['grok-4']);
  state.sources = [];
  const { status, body } = await list.answer('/v1/models', 'r1');
  t.is(status, 200);
  t.like(JSON.parse(body), { object: 'list', data: [], first_id: null });
});

for (const [shows, provider, body, expected] of [
  [
    // https://platform.openai.com/docs/api-reference/models/list
    'OpenAI',
    'openai',
    { object: 'list', data: [{ id: 'gpt-4o', object: 'model', created: 1686935002, owned_by: 'system' }] },
    [model('gpt-4o', 'system')],
  ],
  [
    // https://platform.claude.com/docs/en/api/models-list
    'Anthropic',
    'anthropic',
    {
      data: [{ type: 'model', id: 'claude-opus-4-6', display_name: 'x', created_at: '2026-02-04T00:00:00Z' }],
      has_more: false,
    },
    [model('claude-opus-4-6', 'anthropic', 1770163200)],
  ],
  [
    // https://ai.google.dev/gemini-api/docs/openai#list-models
    'Gemini',
    'gemini',
    { object: 'list', data: [{ id: 'models/gemini-2.5-flash', object: 'model', owned_by: 'google' }] },
    [model('gemini-2.5-flash', 'google', 0)],
  ],
  [
    // https://ai.google.dev/api/models
    'Gemini’s own list',
    'gemini',
    { models: [{ name: 'models/gemini-2.5-flash', version: '001' }] },
    [model('gemini-2.5-flash', 'gemini', 0)],
  ],
  [
    'rows that are none',
    'openai',
    { data: [null, 5, {}, { id: 7 }, { id: '' }, { id: 'a', created_at: 'never' }] },
    [model('a', 'openai', 0)],
  ],
  ['an error', 'openai', { error: { message: 'x' } }, undefined],
  ['a text', 'openai', 'x', undefined],
  ['nothing', 'openai', undefined, undefined],
] as const) {
  test(`the models of ${shows} are read`, t => {
    t.deepEqual(parseModels(body, provider), expected as ListedModel[] | undefined);
  });
}

test('every provider but Factory has a path for its models', t => {
  t.is(modelsPath('openai'), '/v1/models');
  t.is(modelsPath('anthropic'), '/v1/models?limit=1000');
  t.is(modelsPath('factory'), undefined);
});
