import test from 'ava';
import fc from 'fast-check';
import { endpointName } from '../../../src/domain/statistics/endpoint-name.ts';

const kept = [
  '/v1/chat/completions',
  '/v1/responses',
  '/v1beta/models/gemini-2.5-flash:streamGenerateContent',
  '/v1/models/claude-sonnet-4-20250514',
  '/v1/models/text-embedding-3-small',
  '/v1/models/gpt-4o-realtime-preview-2024-12-17',
  '/api/v1/models/meta-llama/llama-3.1-405b-instruct',
  '/openai/deployments/gpt-4o-mini/chat/completions',
  '/v1/files/',
  '/file-upload',
  '/batch_predict',
  '/v1/messages/count_tokens',
  '/v1/messages/batches',
  '/v2/internationalization',
  '/v2/text2image3d',
  '/v1/listVmsByIds',
];

for (const path of kept) {
  test(`${path} is an endpoint as it is`, t => {
    t.is(endpointName(path), path);
  });
}

const replaced = [
  ['', '/'],
  ['?key=secret', '/'],
  ['/v1/models?key=AIzaSyExample', '/v1/models'],
  ['/v1/files/file-abc123', '/v1/files/:id'],
  ['/v1/files/file-9kQ2mLxPzR7sT1vW/content', '/v1/files/:id/content'],
  ['/v1/responses/resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b', '/v1/responses/:id'],
  ['/v1/batches/batch_abc123/cancel', '/v1/batches/:id/cancel'],
  ['/v1/threads/thread_abc123/runs/run_abc123/steps/step_abc123', '/v1/threads/:id/runs/:id/steps/:id'],
  ['/v1/messages/batches/msgbatch_013Zva2CMHLNnXjNJJKqJ2EF', '/v1/messages/batches/:id'],
  ['/v1/fine_tuning/jobs/ftjob-abc123/events', '/v1/fine_tuning/jobs/:id/events'],
  ['/items/42', '/items/:id'],
  ['/items/550e8400-e29b-41d4-a716-446655440000', '/items/:id'],
  ['/blobs/9f86d081884c7d659a2feaa0c55ad015', '/blobs/:id'],
  ['/bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/sendMessage', '/:id/sendMessage'],
  ['/v1/projects/k3j9x2m7q8w1z5t4/keys', '/v1/projects/:id/keys'],
  ['/v1beta/files/x7f3kq9z2m4p', '/v1beta/files/:id'],
] as const;

for (const [path, name] of replaced) {
  test(`${path === '' ? 'an empty path' : path} counts as ${name}`, t => {
    t.is(endpointName(path), name);
  });
}

test('a name is short whatever the path', t => {
  t.true(endpointName(`/${'abc.'.repeat(5000)}`).length <= 70);
  t.is(endpointName('/a'.repeat(5000)), `${'/a'.repeat(10)}/…`);
});

test('a name begins with a slash, has no query and stays the same when it is named again', t => {
  const path = fc
    .array(fc.oneof(fc.string(), fc.uuid(), fc.base64String(), fc.constant('?')))
    .map(parts => parts.join('/'));
  fc.assert(
    fc.property(path, text => {
      const name = endpointName(`/${text}`);
      t.true(name.startsWith('/'));
      t.notRegex(name, /[?#]/);
      t.is(endpointName(name), name);
    }),
  );
});
