import test from 'ava';
import { freshKey, NOW_MS, openPool } from './pool-harness.ts';

interface Row {
  readonly id: string;
  readonly status: string;
  readonly notes: string;
}

test('a key is added, read, changed and deleted, each live in the pool when its answer arrives', async t => {
  const { ask, pool } = await openPool(t);
  const key = freshKey('sk-ant-');
  const added = await ask('POST', '/admin/keys', { key: ` ${key}\n`, notes: 'team key' });
  t.is(added.status, 201);
  const { id } = added.json as { id: string };
  t.is(added.headers.location, `/admin/keys/${id}`);
  t.deepEqual(added.json, {
    id,
    hint: `sk-ant-…${key.slice(-4)}`,
    provider: 'anthropic',
    baseUrl: null,
    poolGroup: 'default',
    notes: 'team key',
    quotaTokens: null,
    status: 'active',
    statusReason: '',
    statusAtMs: NOW_MS,
    createdAtMs: NOW_MS,
    lastTest: null,
    allTime: { requests: 0, successes: 0, failures: 0 },
    strikes: 0,
    damaged: false,
    requests: 0,
    successes: 0,
    failures: 0,
    inFlight: 0,
    usedTokens: 0,
    lastUsedMs: null,
    rests: [],
  });
  t.is(pool.get(id)?.secret.reveal(), key);

  const changed = await ask('PATCH', `/admin/keys/${id}`, {
    provider: 'openai',
    baseUrl: 'https://llm.example/v1',
    quotaTokens: 5_000_000,
  });
  t.is(changed.status, 200);
  t.like(changed.json, { provider: 'openai', baseUrl: 'https://llm.example/v1', quotaTokens: 5_000_000 });
  t.like(pool.get(id), { provider: 'openai', baseUrl: 'https://llm.example/v1', quotaTokens: 5_000_000 });
  const taken = await ask('PATCH', `/admin/keys/${id}`, { baseUrl: null, quotaTokens: null });
  t.like(taken.json, { provider: 'openai', baseUrl: null, quotaTokens: null });
  t.deepEqual((await ask('GET', `/admin/keys/${id}`)).json, taken.json);

  t.is((await ask('DELETE', `/admin/keys/${id}`)).status, 204);
  t.is(pool.get(id), undefined);
  for (const method of ['GET', 'DELETE']) {
    const reply = await ask(method, `/admin/keys/${id}`);
    t.is(reply.status, 404);
    t.is(reply.error.code, 'ERR_NOT_FOUND');
  }
});

test('a key of any format is taken, and its provider can be said', async t => {
  const { add } = await openPool(t);
  for (const [key, fields, provider] of [
    [freshKey('AIza'), {}, 'gemini'],
    [freshKey('xai-'), {}, 'xai'],
    [freshKey('fk-'), {}, 'factory'],
    [freshKey(''), {}, 'openai'],
    ['ollama', { baseUrl: 'http://127.0.0.1:11434/v1' }, 'openai'],
    ['a:b|c+/=~é'.replace('é', 'e'), {}, 'openai'],
    [freshKey('odd_'), { provider: 'anthropic' }, 'anthropic'],
    [`eyJ${'x'.repeat(4000)}`, {}, 'openai'],
  ] as const) {
    t.is((await add({ key, ...fields })).provider, provider, key.slice(0, 10));
  }
});

test('a short key shows nothing of itself', async t => {
  const { add } = await openPool(t);
  t.is((await add({ key: 'ollama' })).hint, '…');
  t.is((await add({ key: 'sk-23-characters-long-x' })).hint, '…');
});

test('the same key twice is refused, and the answer shows the record that has it', async t => {
  const { ask, add } = await openPool(t);
  const key = freshKey();
  const first = await add({ key });
  const second = await ask('POST', '/admin/keys', { key, notes: 'again' });
  t.is(second.status, 409);
  t.is(second.error.code, 'ERR_DUPLICATE');
  t.is(second.error.field, 'key');
  t.is((second.error.current as Row).id, first.id);
  t.false(second.text.includes(key));
});

const REFUSED = [
  ['no key', {}, 'key'],
  ['a key that is no text', { key: 7 }, 'key'],
  ['an empty key', { key: '  ' }, 'key'],
  ['a key with a space in it', { key: 'sk-one sk-two-and-more' }, 'key'],
  ['a key with a line break in it', { key: 'sk-one\r\nx-injected: 1' }, 'key'],
  ['a key with other letters', { key: 'sk-密钥' }, 'key'],
  ['a key that is too long', { key: 'x'.repeat(4097) }, 'key'],
  ['an unknown provider', { key: 'sk-1', provider: 'acme' }, 'provider'],
  ['Azure, which cannot be used yet', { key: 'sk-1', provider: 'azure' }, 'provider'],
  ['a base URL that is none', { key: 'sk-1', baseUrl: 'ftp://x' }, 'baseUrl'],
  ['a base URL with credentials', { key: 'sk-1', baseUrl: 'https://a:b@c.example' }, 'baseUrl'],
  ['a base URL that is a number', { key: 'sk-1', baseUrl: 1 }, 'baseUrl'],
  ['an unknown pool group', { key: 'sk-1', poolGroup: 'nowhere' }, 'poolGroup'],
  ['a quota of nothing', { key: 'sk-1', quotaTokens: 0 }, 'quotaTokens'],
  ['a quota with a fraction', { key: 'sk-1', quotaTokens: 1.5 }, 'quotaTokens'],
  ['notes that are too long', { key: 'sk-1', notes: 'x'.repeat(2001) }, 'notes'],
  ['notes that are no text', { key: 'sk-1', notes: [] }, 'notes'],
  ['a member that is not known', { key: 'sk-1', note: 'x' }, 'note'],
] as const;

test('a key that is not valid is refused with the field it is about, and changes nothing', async t => {
  const { ask, replica } = await openPool(t);
  for (const [title, body, field] of REFUSED) {
    const reply = await ask('POST', '/admin/keys', body);
    t.is(reply.status, 400, title);
    t.is(reply.error.code, 'ERR_VALIDATION', title);
    t.is(reply.error.field, field, title);
  }
  t.is(replica.records.size, 0);
});

test('a change that is not valid changes nothing, be the other members what they may', async t => {
  const { ask, add } = await openPool(t);
  const before = await add({ key: freshKey() });
  for (const body of [
    { notes: 'new', quotaTokens: -1 },
    { notes: 'new', provider: 'azure' },
    { notes: 'new', key: 'sk-another' },
    { poolGroup: 'nowhere' },
    { poolGroup: null },
    {},
  ]) {
    t.is((await ask('PATCH', `/admin/keys/${before.id}`, body)).status, 400, JSON.stringify(body));
  }
  t.deepEqual((await ask('GET', `/admin/keys/${before.id}`)).json, before);
});

test('notes and pool have addresses of their own', async t => {
  const { ask, add, pool } = await openPool(t);
  const { id } = await add({ key: freshKey() });
  await ask('POST', '/admin/pool-groups', { id: 'free', name: 'Free keys' });
  t.is((await ask('PATCH', `/admin/keys/${id}/notes`, { notes: '备注' })).json.notes, '备注');
  t.is((await ask('PATCH', `/admin/keys/${id}/pool`, { poolGroup: 'free' })).json.poolGroup, 'free');
  t.is(pool.get(id)?.pool, 'free');
  t.is((await ask('PATCH', `/admin/keys/${id}/notes`, {})).error.field, 'notes');
  t.is((await ask('PATCH', `/admin/keys/${id}/notes`, { poolGroup: 'free' })).status, 400);
  t.is((await ask('PATCH', '/admin/keys/none/notes', { notes: '' })).status, 404);
});

test('a key is switched off and on, and a banned one comes back', async t => {
  const { ask, add, pool, stores } = await openPool(t);
  const { id } = await add({ key: freshKey() });
  const path = `/admin/keys/${id}/toggle`;
  const off = await ask('PATCH', path);
  t.like(off.json, { status: 'disabled', statusReason: 'by an admin' });
  t.is(pool.get(id)?.status, 'disabled');
  t.is((await ask('PATCH', path)).json.status, 'active');

  await stores.keys.update(id, { status: 'banned', statusReason: '401', statusAtMs: 1, failedRecoveries: 3 });
  t.like((await ask('GET', `/admin/keys/${id}`)).json, { status: 'banned', statusReason: '401' });
  t.like((await ask('PATCH', path)).json, { status: 'active', statusReason: '' });
  t.is(pool.get(id)?.status, 'active');

  t.is((await ask('PATCH', path, { status: 'disabled' })).json.status, 'disabled');
  t.is((await ask('PATCH', path, { status: 'disabled' })).json.status, 'disabled');
  t.is((await ask('PATCH', path, { status: 'banned' })).error.field, 'status');
});

test('a switch that somebody else came before says so', async t => {
  const { ask, add, api, stores } = await openPool(t);
  const { id } = await add({ key: freshKey() });
  const { refresh } = api.live;
  let first = true;
  // Between looking at the key and changing it, another process bans it.
  Object.assign(api.live, {
    refresh: async () => {
      await refresh.call(api.live);
      if (first) await stores.keys.update(id, { status: 'banned', statusReason: 'x', statusAtMs: 1 });
      first = false;
    },
  });
  const reply = await ask('PATCH', `/admin/keys/${id}/toggle`);
  t.is(reply.status, 412);
  t.is(reply.error.code, 'ERR_PRECONDITION');
  t.is((await ask('GET', `/admin/keys/${id}`)).json.status, 'banned');
});

test('a resting key shows until when, and can be woken', async t => {
  const { ask, add, pool, stores } = await openPool(t);
  const { id } = await add({ key: freshKey() });
  await stores.rests.rest({ keyId: id, model: '*', untilMs: NOW_MS + 60_000 }, NOW_MS);
  const resting = await ask('GET', `/admin/keys/${id}`);
  t.like(resting.json, { status: 'resting', rests: [{ model: '*', untilMs: NOW_MS + 60_000 }] });
  const woken = await ask('POST', `/admin/keys/${id}/wake`);
  t.is(woken.status, 200);
  t.like(woken.json, { status: 'active', rests: [] });
  t.deepEqual(await stores.rests.readAll(NOW_MS), []);
  t.is(pool.view(id, NOW_MS)?.state, 'ready');
  t.is((await ask('POST', '/admin/keys/none/wake')).status, 404);
});

test('all banned, or all disabled keys are deleted at once, and never all', async t => {
  const { ask, add, stores, replica } = await openPool(t);
  const ids: string[] = [];
  for (let count = 0; count < 6; count += 1) ids.push((await add({ key: freshKey() })).id);
  for (const id of ids.slice(0, 3)) {
    await stores.keys.update(id, { status: 'banned', statusReason: 'x', statusAtMs: 1 });
  }
  await ask('PATCH', `/admin/keys/${ids[3]}/toggle`);
  for (const query of ['', '?status=', '?status=active', '?status=resting', '?status=all']) {
    const refused = await ask('DELETE', `/admin/keys${query}`);
    t.is(refused.status, 400, query);
    t.is(refused.error.field, 'status');
  }
  t.is(replica.records.size, 6);
  t.deepEqual((await ask('DELETE', '/admin/keys?status=banned')).json, { deleted: 3 });
  t.deepEqual((await ask('DELETE', '/admin/keys?status=disabled')).json, { deleted: 1 });
  t.deepEqual([...replica.records.keys()].sort(), ids.slice(4).sort());
});

test('what another process wrote a moment ago is in the answer', async t => {
  const { ask, add, stores } = await openPool(t);
  const { id } = await add({ key: freshKey() });
  await stores.keys.update(id, { notes: 'from elsewhere' });
  t.is((await ask('GET', `/admin/keys/${id}`)).json.notes, 'from elsewhere');
  await stores.keys.remove([id]);
  t.is((await ask('PATCH', `/admin/keys/${id}/notes`, { notes: 'x' })).status, 404);
});

test('while the store is away keys are shown as they were, and no write is taken', async t => {
  const harness = await openPool(t);
  const { ask, add } = harness;
  const { id } = await add({ key: freshKey() });
  harness.away = true;
  const key = freshKey();
  for (const [method, path, body] of [
    ['POST', '/admin/keys', { key }],
    ['POST', '/admin/keys/batch', { keys: [key] }],
    ['PATCH', `/admin/keys/${id}`, { notes: 'x' }],
    ['PATCH', `/admin/keys/${id}/toggle`, undefined],
    ['POST', `/admin/keys/${id}/wake`, undefined],
    ['DELETE', `/admin/keys/${id}`, undefined],
    ['DELETE', '/admin/keys?status=banned', undefined],
    ['POST', '/admin/pool-groups', { name: 'x' }],
    ['PUT', '/admin/config', { algorithm: 'random' }],
    ['DELETE', '/admin/pool-groups/x', undefined],
  ] as const) {
    const reply = await ask(method, path, body);
    t.is(reply.status, 503, `${method} ${path}`);
    t.is(reply.error.code, 'ERR_STORE_UNAVAILABLE');
  }
  const list = await ask('GET', '/admin/keys');
  t.is(list.status, 200);
  t.true(list.json.stale);
  t.is((list.json.keys as Row[]).length, 1);
  harness.away = false;
  await harness.replica.refresh();
  const back = await ask('GET', '/admin/keys');
  t.false(back.json.stale);
  t.deepEqual(
    (back.json.keys as Row[]).map(row => [row.id, row.status, row.notes]),
    [[id, 'active', '']],
  );
});

test('a row tells what was ever counted of its key, here and where it came from', async t => {
  const harness = await openPool(t);
  const { ask, add, stores, statistics, replica } = harness;
  const { id } = await add({ key: freshKey() });
  const row = { minuteMs: -1, hourMs: -1, dayMs: -1, lastSeenMs: NOW_MS };
  const values = { requests: 10, errors: 2, aborted: 1 };
  await statistics.add({ writer: 'w', sequence: 1, rows: [{ series: `k ${id}`, ...row, values }] });
  const allTime = { requests: 10, successes: 7, failures: 2 };
  t.like((await ask('GET', `/admin/keys/${id}`)).json, { allTime, requests: 0, lastUsedMs: null });

  const { sealed: _, fingerprint: __, ...record } = replica.records.get(id)!;
  const earlier = { requests: 100, failures: 1, lastUsedMs: NOW_MS - 5 };
  const text = freshKey();
  const { sealer } = harness.api.encryption;
  const imported = { ...record, id: 'imported', earlier };
  const sealed = { sealed: sealer.seal('imported', text), fingerprint: sealer.fingerprint(text) };
  await stores.keys.add([{ ...imported, ...sealed }]);
  const { keys } = (await ask('GET', '/admin/keys')).json as { keys: { id: string }[] };
  t.like(
    keys.find(key => key.id === 'imported'),
    { allTime: { requests: 100, successes: 99, failures: 1 }, lastUsedMs: NOW_MS - 5 },
  );
  t.like(
    keys.find(key => key.id === id),
    { allTime },
  );

  harness.away = true;
  const stale = (await ask('GET', '/admin/keys')).json as { keys: { allTime: unknown }[]; stale: boolean };
  t.true(stale.stale);
  t.deepEqual(
    stale.keys.map(key => key.allTime),
    [null, null],
  );
});
