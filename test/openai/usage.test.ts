import test from 'ava';
import { mergedCounts, usageFrom } from '../../src/openai/usage.ts';

// Each usage object as the vendor's own page or its SDK's types have it.
for (const [shows, counts, expected] of [
  [
    // https://platform.openai.com/docs/api-reference/chat/object
    'OpenAI chat',
    {
      prompt_tokens: 19,
      completion_tokens: 10,
      total_tokens: 29,
      prompt_tokens_details: { cached_tokens: 7, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 4, accepted_prediction_tokens: 0 },
    },
    { input: 19, output: 10, cached: 7, reasoning: 4 },
  ],
  [
    'OpenAI chat without details',
    { prompt_tokens: 19, completion_tokens: 10, total_tokens: 29 },
    { input: 19, output: 10, cached: 0, reasoning: 0 },
  ],
  [
    // https://platform.openai.com/docs/api-reference/responses/object
    'OpenAI responses',
    {
      input_tokens: 81,
      input_tokens_details: { cached_tokens: 64 },
      output_tokens: 1035,
      output_tokens_details: { reasoning_tokens: 832 },
      total_tokens: 1116,
    },
    { input: 81, output: 1035, cached: 64, reasoning: 832 },
  ],
  [
    // https://platform.openai.com/docs/api-reference/embeddings/create
    'OpenAI embeddings',
    { prompt_tokens: 8, total_tokens: 8 },
    { input: 8, output: 0, cached: 0, reasoning: 0 },
  ],
  [
    // https://platform.openai.com/docs/api-reference/images/object
    'OpenAI images',
    {
      total_tokens: 100,
      input_tokens: 50,
      output_tokens: 50,
      input_tokens_details: { text_tokens: 10, image_tokens: 40 },
    },
    { input: 50, output: 50, cached: 0, reasoning: 0 },
  ],
  ['a transcription billed by the second', { type: 'duration', seconds: 9 }, undefined],
  [
    // https://platform.claude.com/docs/en/api/messages
    'Anthropic with a cache',
    {
      input_tokens: 2095,
      cache_creation_input_tokens: 2051,
      cache_read_input_tokens: 500,
      output_tokens: 503,
      output_tokens_details: { thinking_tokens: 120 },
      service_tier: 'standard',
    },
    { input: 4646, output: 503, cached: 500, reasoning: 120 },
  ],
  [
    'Anthropic with null caches',
    { input_tokens: 12, cache_creation_input_tokens: null, cache_read_input_tokens: null, output_tokens: 6 },
    { input: 12, output: 6, cached: 0, reasoning: 0 },
  ],
  [
    'Anthropic without caches',
    { input_tokens: 12, output_tokens: 6 },
    { input: 12, output: 6, cached: 0, reasoning: 0 },
  ],
  [
    // https://ai.google.dev/api/generate-content#UsageMetadata
    'Gemini, which counts thoughts and tool results apart',
    {
      promptTokenCount: 100,
      cachedContentTokenCount: 60,
      candidatesTokenCount: 20,
      toolUsePromptTokenCount: 5,
      thoughtsTokenCount: 30,
      totalTokenCount: 155,
      promptTokensDetails: [{ modality: 'TEXT', tokenCount: 100 }],
    },
    { input: 105, output: 50, cached: 60, reasoning: 30 },
  ],
  [
    'Gemini that has only thought so far',
    { promptTokenCount: 21, thoughtsTokenCount: 60, totalTokenCount: 81 },
    { input: 21, output: 60, cached: 0, reasoning: 60 },
  ],
  [
    // Gemini's compatible endpoint leaves thoughts out of all counts but the total.
    'Gemini in OpenAI’s format',
    { prompt_tokens: 20, completion_tokens: 198, total_tokens: 623 },
    { input: 20, output: 603, cached: 0, reasoning: 405 },
  ],
  [
    // The example of https://docs.x.ai/docs/api-reference#chat-completions: 32 + 9 + 94 = 135.
    'xAI chat, where reasoning is not in the completion',
    {
      prompt_tokens: 32,
      completion_tokens: 9,
      total_tokens: 135,
      prompt_tokens_details: { text_tokens: 32, audio_tokens: 0, image_tokens: 0, cached_tokens: 6 },
      completion_tokens_details: { reasoning_tokens: 94, audio_tokens: 0 },
      num_sources_used: 0,
    },
    { input: 32, output: 103, cached: 6, reasoning: 94 },
  ],
  [
    'xAI responses, where reasoning is in the output',
    {
      input_tokens: 2,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: 381,
      output_tokens_details: { reasoning_tokens: 224 },
      total_tokens: 383,
      num_sources_used: 0,
      context_details: { input_tokens: 2, output_tokens: 381 },
    },
    { input: 2, output: 381, cached: 0, reasoning: 224 },
  ],
  [
    'reasoning above the completion and no total',
    { prompt_tokens: 5, completion_tokens: 3, completion_tokens_details: { reasoning_tokens: 40 } },
    { input: 5, output: 43, cached: 0, reasoning: 40 },
  ],
  [
    // https://api-docs.deepseek.com/api/create-chat-completion
    'DeepSeek, with the cache beside the details',
    {
      prompt_tokens: 30,
      completion_tokens: 5,
      total_tokens: 35,
      prompt_cache_hit_tokens: 20,
      prompt_cache_miss_tokens: 10,
    },
    { input: 30, output: 5, cached: 20, reasoning: 0 },
  ],
  ['a total alone', { total_tokens: 12 }, { input: 12, output: 0, cached: 0, reasoning: 0 }],
  ['nothing', {}, undefined],
  ['no numbers', { prompt_tokens: null, completion_tokens: '7', total_tokens: -1 }, undefined],
  [
    'one number that is none',
    { prompt_tokens: 1.5, completion_tokens: 7 },
    { input: 0, output: 7, cached: 0, reasoning: 0 },
  ],
] as const) {
  test(`the usage of ${shows} is read in our sense`, t => {
    t.deepEqual(usageFrom(counts), expected);
  });
}

test('of two states of one answer the greater counts stay, and null takes nothing away', t => {
  const start = {
    input_tokens: 25,
    cache_read_input_tokens: 7,
    cache_creation_input_tokens: 0,
    output_tokens: 1,
    output_tokens_details: { thinking_tokens: 1 },
    service_tier: 'standard',
  };
  const delta = {
    input_tokens: null,
    cache_read_input_tokens: 0,
    output_tokens: 15,
    output_tokens_details: { thinking_tokens: 9 },
  };
  const merged = mergedCounts(start, delta);
  t.deepEqual(usageFrom(merged), { input: 32, output: 15, cached: 7, reasoning: 9 });
  t.is(merged.service_tier, 'standard');
});

test('a later state adds what the earlier one lacked', t => {
  t.deepEqual(mergedCounts({ a: 1, b: null }, { b: { c: 2 }, d: 3 }), { a: 1, b: { c: 2 }, d: 3 });
});
