import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Asked, cleared, type PoolServer, startPoolServer } from '../support/pool-server.ts';
import {
  chatChunk,
  events,
  good,
  limited,
  type PoolVendor,
  refused,
  startPoolVendor,
} from '../support/pool-vendor.ts';

let server: PoolServer;
test.before(async () => {
  server = await startPoolServer();
});
test.after.always('no key stands in a log, a page, an answer or a file', async t => {
  t.deepEqual(await server.leaks(), []);
});

/** A vendor with four good keys: what one of them made is unknown to the three others. */
async function fourKeys(
  t: ExecutionContext,
  on = server,
): Promise<{ vendor: PoolVendor; ids: Map<string, string> }> {
  if (on === server) cleared(t, on);
  const vendor = await startPoolVendor(t);
  const keys = [1, 2, 3, 4].map(() => vendor.key(good));
  const ids = await on.addAll(vendor, keys);
  return { vendor, ids: new Map(keys.map((key, index) => [key, ids[index]!])) };
}

function post(path: string, body: object, on = server): Promise<Asked> {
  return on.ask(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

function upload(on = server): Promise<Asked> {
  const form = new FormData();
  form.set('purpose', 'batch');
  form.set('file', new File(['{}'], 'a.jsonl'));
  return on.ask('/v1/files', { method: 'POST', body: form });
}

test.serial('a file, and all that is asked of it, goes to the key that took it', async t => {
  const { vendor } = await fourKeys(t);
  for (let round = 0; round < 3; round += 1) {
    const { status, json: file } = await upload();
    t.is(status, 200);
    for (const path of [`/v1/files/${file.id}`, `/v1/files/${file.id}/content`, `/v1/files/${file.id}?x=1`]) {
      t.is((await server.ask(path)).status, 200, path);
    }
    t.is((await server.ask(`/v1/files/${file.id}`, { method: 'DELETE' })).status, 200);
    t.is(
      (
        await post('/v1/chat/completions', {
          model: 'gpt-4o',
          messages: [{ content: [{ file: { file_id: file.id } }] }],
        })
      ).status,
      200,
    );
    const maker = vendor.objects.get(file.id);
    t.deepEqual(
      vendor
        .calls()
        .slice(-6)
        .map(({ key }) => key),
      Array(6).fill(maker),
    );
  }
  t.true(new Set(vendor.calls().map(({ key }) => key)).size > 1, 'other files go to other keys');
});

test.serial('a batch goes where its input is, and its output comes from there', async t => {
  const { vendor } = await fourKeys(t);
  for (let round = 0; round < 3; round += 1) {
    const file = (await upload()).json;
    const batch = await post('/v1/batches', { input_file_id: file.id, endpoint: '/v1/chat/completions' });
    t.is(batch.status, 200, batch.text);
    const done = await server.ask(`/v1/batches/${batch.json.id}`);
    t.is(done.status, 200);
    t.is((await server.ask(`/v1/files/${done.json.output_file_id}/content`)).status, 200);
    t.is(vendor.objects.get(batch.json.id), vendor.objects.get(file.id));
  }
});

test.serial('a response goes on at its key, by its path and by what a body refers to', async t => {
  const { vendor } = await fourKeys(t);
  for (let round = 0; round < 4; round += 1) {
    const first = (await post('/v1/responses', { model: 'gpt-4o', input: 'a' })).json;
    t.is((await server.ask(`/v1/responses/${first.id}`)).status, 200);
    const next = await post('/v1/responses', { model: 'gpt-4o', input: 'b', previous_response_id: first.id });
    t.is(next.status, 200, next.text);
    const last = await post('/v1/responses', {
      model: 'gpt-4o',
      input: 'c',
      previous_response_id: next.json.id,
    });
    t.is(last.status, 200, last.text);
    t.is((await server.ask(`/v1/responses/${first.id}/cancel`, { method: 'POST' })).status, 200);
    t.is(vendor.objects.get(last.json.id), vendor.objects.get(first.id));
  }
  t.true(new Set(vendor.objects.values()).size > 1);
});

test.serial('a response that came as a stream is remembered too', async t => {
  cleared(t, server);
  const vendor = await startPoolVendor(t);
  const created = { type: 'response.created', response: { id: 'resp_streamed1', status: 'in_progress' } };
  const streaming = events([created, { type: 'response.output_text.delta', delta: 'x' }, chatChunk({})]);
  const keys = [1, 2, 3].map(() => vendor.key(streaming));
  await server.addAll(vendor, keys);
  await post('/v1/responses', { model: 'gpt-4o', stream: true });
  const maker = vendor.calls()[0]!.key;
  for (let turn = 0; turn < 4; turn += 1)
    await post('/v1/responses', { model: 'gpt-4o', previous_response_id: 'resp_streamed1' });
  // Each of those streams names the same response as its own, so only the first one after it tells.
  t.is(vendor.calls()[1]!.key, maker);
});

test.serial(
  'while its key rests an object is 429, when the key is dead 503: no other key would know it',
  async t => {
    const { vendor, ids } = await fourKeys(t);
    const { id } = (await upload()).json;
    const maker = vendor.objects.get(id)!;
    vendor.treat(maker, limited('Retry-After: 300'));
    const resting = await server.ask(`/v1/files/${id}`);
    t.is(resting.status, 429);
    t.true(Number(resting.headers.get('retry-after')) > 200);
    t.is((await server.ask('/v1/files')).status, 200, 'what is about no object goes to any key');

    vendor.treat(maker, refused());
    await server.admin('POST', `/admin/keys/${ids.get(maker)}/wake`);
    t.is((await server.ask(`/v1/files/${id}`)).status, 503);
    await server.admin('PATCH', `/admin/keys/${ids.get(maker)}/toggle`, { status: 'disabled' });
    t.is((await server.ask(`/v1/files/${id}`)).status, 503);
    const strangers = vendor.calls().filter(({ key, target }) => target.includes(id) && key !== maker);
    t.deepEqual(strangers, []);
  },
);

test.serial('an object whose key was deleted is asked of any, and its vendor says what it knows', async t => {
  const { vendor, ids } = await fourKeys(t);
  const { id } = (await upload()).json;
  await server.admin('DELETE', `/admin/keys/${ids.get(vendor.objects.get(id)!)}`);
  const answer = await server.ask(`/v1/files/${id}`);
  t.is(answer.status, 404);
  t.regex(answer.json.error.message, /No such object/);
});

test.serial('which key made an object is known after a restart', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-pool-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const first = await startPoolServer({ folder });
  t.teardown(first.stop);
  const { vendor } = await fourKeys(t, first);
  const made: string[] = [];
  for (let round = 0; round < 4; round += 1) made.push((await upload(first)).json.id);
  await first.stop();
  const second = await startPoolServer({ folder });
  t.teardown(second.stop);
  for (const id of made) t.is((await second.ask(`/v1/files/${id}`)).status, 200);
  t.is(new Set(made.map(id => vendor.objects.get(id))).size, 4);
  t.deepEqual([...(await first.leaks().catch(() => [])), ...(await second.leaks())], []);
});
