import test from 'ava';
import {
  createdObjectId,
  createsObject,
  isObjectId,
  objectIdOf,
  producedObjectIds,
} from '../../src/openai/stored-objects.ts';

for (const [path, id] of [
  ['/v1/files/file-abc123', 'file-abc123'],
  ['/v1/files/file-abc123/content?x=1', 'file-abc123'],
  ['/v1/files/file_011CNha8iCJcU1wXNR6q4V8w', 'file_011CNha8iCJcU1wXNR6q4V8w'],
  ['/v1/batches/batch_abc123/cancel', 'batch_abc123'],
  ['/v1/responses/resp_67ccd2bed1ec8190/input_items', 'resp_67ccd2bed1ec8190'],
  ['/v1/responses/ad5663da-63e6-86c6-e0be-ff15effa8357', 'ad5663da-63e6-86c6-e0be-ff15effa8357'],
  ['/v1/conversations/conv_123/items/msg_abc', 'conv_123'],
  ['/v1/threads/thread_abc123/runs/run_abc123/steps', 'thread_abc123'],
  ['/v1/assistants/asst_abc123', 'asst_abc123'],
  ['/v1/vector_stores/vs_abc123/files/file-abc123', 'vs_abc123'],
  ['/v1/uploads/upload_abc123/parts', 'upload_abc123'],
  ['/v1/videos/video_123/content', 'video_123'],
  ['/v1/fine_tuning/jobs/ftjob-abc123/events', 'ftjob-abc123'],
  ['/v1/messages/batches/msgbatch_013Zva2CMHLNnXjNJJKqJ2EF/results', 'msgbatch_013Zva2CMHLNnXjNJJKqJ2EF'],
  ['/v1/chat/completions/chatcmpl-abc123', 'chatcmpl-abc123'],
  ['/v1/chat/deferred-completion/36e3f3ac-7a5c', '36e3f3ac-7a5c'],
  ['/v1/containers/cntr_682e0e7318108198aa783fd921ff305e/files', 'cntr_682e0e7318108198aa783fd921ff305e'],
  ['/v1/skills/skill_01AbCd', 'skill_01AbCd'],
  ['/v1/evals/eval_67abd54d9b0081909a86353f6fb9317a/runs/evalrun_1', 'eval_67abd54d9b0081909a86353f6fb9317a'],
  ['/v1/files', undefined],
  ['/v1/files/', undefined],
  ['/v1/files?after=file-abc123', undefined],
  ['/v1/responses/input_tokens', undefined],
  ['/v1/responses/compact', undefined],
  ['/v1/threads/runs', undefined],
  ['/v1/chat/completions', undefined],
  ['/v1/messages/count_tokens', undefined],
  ['/v1/models/gpt-4o', undefined],
  ['/v1/filesx/file-abc123', undefined],
  ['/v1/files/<script>1', undefined],
  [`/v1/files/file-${'1'.repeat(300)}`, undefined],
] as const) {
  test(`the path ${path.slice(0, 80)} is about ${id ?? 'no object'}`, t => {
    t.is(objectIdOf(path), id);
  });
}

const created =
  'event: response.created\ndata: {"type":"response.created","response":{"id":"resp_67c9","object":"response","output":[{"id":"msg_1"}]},"sequence_number":0}\n\n';

for (const [method, path, body, id] of [
  ['POST', '/v1/files', '{"id":"file-abc123","object":"file"}', 'file-abc123'],
  ['POST', '/v1/files?x', '{\n  "object": "file",\n  "id": "file-abc123"\n}', 'file-abc123'],
  ['POST', '/v1/files', '{"type":"file","id":"file_011CN"}', 'file_011CN'],
  ['POST', '/v1/batches', '{"id":"batch_abc123","input_file_id":"file-x1"}', 'batch_abc123'],
  ['POST', '/v1/responses', '{"id":"resp_67c9","output":[{"id":"msg_1"}]}', 'resp_67c9'],
  ['POST', '/v1/responses', '{"output":[{"id":"msg_1"}],"id":"resp_67c9"}', 'resp_67c9'],
  ['POST', '/v1/responses', created, 'resp_67c9'],
  ['POST', '/v1/responses', created.replaceAll('\n', '\r\n'), 'resp_67c9'],
  ['POST', '/v1/responses', ': hello\n\n', undefined],
  ['POST', '/v1/responses', created.slice(0, created.indexOf('67c9') + 2), undefined],
  ['POST', '/v1/responses', '{"id":"resp_6', undefined],
  ['POST', '/v1/threads', '{"id":"thread_abc123"}', 'thread_abc123'],
  ['POST', '/v1/threads/runs', '{"id":"run_1","thread_id":"thread_abc123"}', 'thread_abc123'],
  [
    'POST',
    '/v1/threads/runs',
    'event: thread.created\ndata: {"id":"thread_abc123"}\n\nevent: thread.run.created\ndata: {"id":"run_1","thread_id":"thread_abc123"}\n\n',
    'thread_abc123',
  ],
  ['POST', '/v1/vector_stores', '{"id":"vs_abc123"}', 'vs_abc123'],
  ['POST', '/v1/uploads', '{"id":"upload_abc123"}', 'upload_abc123'],
  [
    'POST',
    '/v1/uploads/upload_abc123/complete',
    '{"id":"upload_abc123","file":{"id":"file-xyz321"}}',
    'file-xyz321',
  ],
  ['POST', '/v1/videos', '{"id":"video_123"}', 'video_123'],
  ['POST', '/v1/videos/video_123/remix', '{"id":"video_456"}', 'video_456'],
  ['POST', '/v1/fine_tuning/jobs', '{"id":"ftjob-abc123"}', 'ftjob-abc123'],
  ['POST', '/v1/messages/batches', '{"id":"msgbatch_013Z"}', 'msgbatch_013Z'],
  ['POST', '/v1/conversations', '{"id":"conv_123"}', 'conv_123'],
  ['POST', '/v1/chat/completions', '{"id":"chatcmpl-123"}', undefined],
  ['POST', '/v1/messages', '{"id":"msg_123"}', undefined],
  ['POST', '/v1/batches/batch_1/cancel', '{"id":"batch_1"}', undefined],
  ['GET', '/v1/files', '{"id":"file-abc123"}', undefined],
  ['POST', '/v1/files', '{"id":5}', undefined],
  ['POST', '/v1/files', 'no JSON', undefined],
  ['POST', '/v1/files', '', undefined],
] as const) {
  test(`${method} ${path} that answers ${JSON.stringify(body).slice(0, 70)} made ${id ?? 'nothing'}`, t => {
    t.is(createdObjectId(method, path, body), id);
    if (id !== undefined) t.true(createsObject(method, path));
  });
}

test('a chat makes no object, so nobody needs to look at its answers', t => {
  t.false(createsObject('POST', '/v1/chat/completions'));
  t.false(createsObject('POST', '/v1/embeddings'));
});

test('the files that a batch or a job wrote are found', t => {
  const batch =
    '{"id":"batch_1","input_file_id":"file-in1","output_file_id":"file-out1","error_file_id":null}';
  t.deepEqual(producedObjectIds('/v1/batches/batch_1', batch), ['file-out1']);
  t.deepEqual(producedObjectIds('/v1/fine_tuning/jobs/ftjob-1', '{"result_files": ["file-r1"]}'), [
    'file-r1',
  ]);
  t.deepEqual(producedObjectIds('/v1/files/file-1', batch), []);
});

test('names of actions are no ids', t => {
  for (const text of ['input_tokens', 'compact', 'cancel', 'none', 'x', '', 'a b1', 'file-1\n'])
    t.false(isObjectId(text), text);
});
