import test from 'ava';
import { providersFor } from '../../src/openai/routing.ts';

const CHAT = '/v1/chat/completions';
const RESPONSES = '/v1/responses';
const MESSAGES = '/v1/messages';

for (const [model, path, preferred, otherwise] of [
  ['gpt-4o', CHAT, 'openai', 'factory'],
  ['gpt-5.4-mini', RESPONSES, 'openai,factory', ''],
  ['o1', RESPONSES, 'openai,factory', ''],
  ['o4-mini', CHAT, 'openai', 'factory'],
  ['chatgpt-4o-latest', CHAT, 'openai', 'factory'],
  ['codex-mini-latest', `${RESPONSES}?x`, 'openai,factory', ''],
  ['ft:gpt-4o-mini:acme::7p4lURel', CHAT, 'openai', 'factory'],
  ['text-embedding-3-small', '/v1/embeddings', 'openai', 'factory'],
  ['dall-e-3', '/v1/images/generations', 'openai', 'factory'],
  ['gpt-image-1', '/v1/images/edits', 'openai', 'factory'],
  ['whisper-1', '/v1/audio/transcriptions', 'openai', 'factory'],
  ['tts-1-hd', '/v1/audio/speech', 'openai', 'factory'],
  ['sora-2', '/v1/videos', 'openai', 'factory'],
  ['omni-moderation-latest', '/v1/moderations', 'openai', 'factory'],
  ['claude-opus-4-6', CHAT, 'anthropic', 'openai,factory'],
  ['Claude-3-5-Haiku-latest', CHAT, 'anthropic', 'openai,factory'],
  ['claude-opus-4-6', MESSAGES, 'anthropic,factory', 'openai'],
  ['claude-opus-4-6', `${MESSAGES}?beta=true`, 'anthropic,factory', 'openai'],
  ['claude-opus-4-6', `${MESSAGES}/count_tokens`, 'anthropic,factory', 'openai'],
  ['glm-5', MESSAGES, 'anthropic,factory', 'openai'],
  ['gpt-4o', MESSAGES, 'openai', 'anthropic,factory'],
  ['grok-4', MESSAGES, 'xai', 'openai'],
  [undefined, MESSAGES, 'anthropic,factory', 'openai'],
  [undefined, '/v1/messages/batches/msgbatch_1', 'anthropic', 'openai'],
  ['gemini-2.5-flash', CHAT, 'gemini', 'openai,factory'],
  ['models/gemini-2.5-flash', CHAT, 'gemini', 'openai,factory'],
  ['gemma-3-27b-it', CHAT, 'gemini', 'openai,factory'],
  ['text-embedding-004', '/v1/embeddings', 'gemini', 'openai,factory'],
  ['gemini-2.5-flash', '/v1/models/gemini-2.5-flash:generateContent', 'gemini', 'openai'],
  ['grok-4', CHAT, 'xai', 'openai'],
  ['grok-2-image', '/v1/images/generations', 'xai', 'openai'],
  ['deepseek-chat', CHAT, 'openai', 'xai,gemini,anthropic,factory'],
  ['anthropic/claude-opus-4.6', CHAT, 'openai', 'xai,gemini,anthropic,factory'],
  ['', CHAT, 'openai', 'xai,gemini,anthropic,factory'],
  [undefined, '/v1/files', 'openai', 'xai,gemini,anthropic,factory'],
  [undefined, '/v1/batches/batch_1', 'openai', 'xai,gemini,anthropic,factory'],
  [undefined, '/v1/messagesx', 'openai', 'xai,gemini,anthropic,factory'],
] as const) {
  test(`${model ?? 'no model'} on ${path} is served by ${preferred}, otherwise ${otherwise || 'nobody'}`, t => {
    const route = providersFor({ path, model });
    t.is(route.preferred.join(), preferred);
    t.is(route.otherwise.join(), otherwise);
  });
}

test('anthropic-version on a path that both vendors have means Anthropic, where no model says otherwise', t => {
  t.deepEqual(providersFor({ path: '/v1/files', model: undefined, anthropic: true }).preferred, [
    'anthropic',
  ]);
  t.deepEqual(providersFor({ path: CHAT, model: 'gpt-4o', anthropic: true }).preferred, ['openai']);
});
