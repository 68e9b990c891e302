import test from 'ava';
import { freshKey, NOW_MS, openPool } from './pool-harness.ts';

test('the test of a key answers with what it showed, and the key keeps it', async t => {
  const harness = await openPool(t);
  const { ask, add, stores } = harness;
  const { id } = await add({ key: freshKey() });
  const result = { atMs: NOW_MS, ok: false, status: 401, detail: 'invalid key' };
  harness.testKey = async keyId => {
    await stores.keys.update(keyId, { lastTest: result });
    return result;
  };
  const reply = await ask('POST', `/admin/keys/${id}/test`);
  t.is(reply.status, 200);
  t.deepEqual(reply.json.test, result);
  t.like(reply.json.key, { id, lastTest: result });
  t.is((await ask('POST', '/admin/keys/none/test')).status, 404);
});

test('many keys are tested after the answer, with progress, one run at a time, and can be cancelled', async t => {
  const harness = await openPool(t);
  const { ask, add } = harness;
  const ids: string[] = [];
  for (let count = 0; count < 5; count += 1) ids.push((await add({ key: freshKey() })).id);
  const started: string[] = [];
  const waiting = new Map<string, (ok: boolean) => void>();
  let onStart = (): void => {};
  harness.testKey = (keyId, signal) =>
    new Promise(resolve => {
      const end = (ok: boolean): void => resolve({ atMs: NOW_MS, ok, status: ok ? 200 : 401, detail: '' });
      signal?.addEventListener('abort', () => end(false));
      waiting.set(keyId, end);
      started.push(keyId);
      onStart();
    });
  const next = (): Promise<void> =>
    new Promise(resolve => {
      onStart = resolve;
    });

  t.like((await ask('GET', '/admin/keys/test-all')).json, { state: 'idle', total: 0, endedAtMs: null });
  const begun = await ask('POST', '/admin/keys/test-all');
  t.is(begun.status, 202);
  t.deepEqual(begun.json, {
    state: 'running',
    total: 5,
    done: 0,
    ok: 0,
    failed: 0,
    startedAtMs: NOW_MS,
    endedAtMs: null,
  });
  t.is(started.length, 2);
  const second = await ask('POST', '/admin/keys/test-all');
  t.is(second.status, 409);
  t.is(second.error.code, 'ERR_CONFLICT');

  for (const ok of [true, false]) {
    const another = next();
    waiting.get(started.shift()!)!(ok);
    await another;
  }
  t.like((await ask('GET', '/admin/keys/test-all')).json, { state: 'running', done: 2, ok: 1, failed: 1 });
  t.is((await ask('DELETE', '/admin/keys/test-all')).status, 200);
  const ended = (await ask('GET', '/admin/keys/test-all')).json;
  t.like(ended, { state: 'cancelled', done: 2, ok: 1, failed: 1, endedAtMs: NOW_MS });
  t.is((await ask('DELETE', '/admin/keys/test-all')).status, 200);
});

test('a run takes the keys that fit its filters', async t => {
  const harness = await openPool(t);
  const { ask, add } = harness;
  const openai = await add({ key: freshKey() });
  const disabled = await add({ key: freshKey() });
  await add({ key: freshKey('xai-') });
  await ask('PATCH', `/admin/keys/${disabled.id}/toggle`);
  const tested: string[] = [];
  harness.testKey = async keyId => {
    tested.push(keyId);
    return { atMs: NOW_MS, ok: true, status: 200, detail: '' };
  };
  await ask('POST', '/admin/keys/test-all', { provider: 'openai', status: 'active' });
  t.deepEqual(tested, [openai.id]);
  t.is((await ask('POST', '/admin/keys/test-all', { status: 'dead' })).error.field, 'status');
  t.is((await ask('POST', '/admin/keys/test-all', { pool: 7 })).error.field, 'pool');
  t.is((await ask('POST', '/admin/keys/test-all', { poolGroup: 'x' })).error.field, 'poolGroup');
  t.is((await ask('POST', '/admin/keys/test-all', { pool: 'nowhere' })).json.total, 0);
});
