import test from 'ava';
import { KeyOrder } from '../../src/admin/key-order.ts';
import type { StoredKey } from '../../src/stores/pool-types.ts';
import { freshKey, NOW_MS, openPool, type PoolHarness } from './pool-harness.ts';

interface Page {
  readonly keys: readonly { readonly id: string; readonly notes: string; readonly status: string }[];
  readonly total: number;
  readonly page: number;
  readonly pages: number;
  readonly limit: number;
  readonly counts: Readonly<Record<string, number>>;
}

async function page({ ask }: PoolHarness, query = ''): Promise<Page> {
  return (await ask('GET', `/admin/keys${query}`)).json as unknown as Page;
}

async function notes(harness: PoolHarness, query = ''): Promise<string> {
  return (await page(harness, query)).keys.map(key => key.notes).join(' ');
}

test('keys come in pages, newest first', async t => {
  const harness = await openPool(t);
  await harness.ask('POST', '/admin/keys/batch', { keys: Array.from({ length: 5 }, () => freshKey()) });
  harness.panel.nowMs += 1;
  for (const name of ['a', 'b', 'c', 'd', 'e']) await harness.add({ key: freshKey(), notes: name });
  t.is(await notes(harness, '?limit=3'), 'e d c');
  t.is(await notes(harness, '?limit=3&page=2'), 'b a ');
  const last = await page(harness, '?limit=3&page=4');
  t.is(last.keys.length, 1);
  t.like(last, { total: 10, page: 4, pages: 4, limit: 3 });
  t.deepEqual((await page(harness, '?page=9')).keys, []);
  t.like(await page(await openPool(t)), { total: 0, page: 1, pages: 1, limit: 50 });
});

test('filters are joined, and counts are those of all keys', async t => {
  const harness = await openPool(t);
  const { add, ask, stores } = harness;
  await ask('POST', '/admin/pool-groups', { id: 'free', name: 'Free' });
  const active = await add({ key: freshKey('sk-'), notes: 'Alpha' });
  const resting = await add({ key: freshKey('sk-'), notes: 'beta', poolGroup: 'free' });
  const disabled = await add({ key: freshKey('sk-ant-'), notes: 'gamma', poolGroup: 'free' });
  const banned = await add({ key: freshKey('sk-ant-'), notes: 'alphabet' });
  await stores.rests.rest({ keyId: resting.id, model: '*', untilMs: NOW_MS + 1000 }, NOW_MS);
  await ask('PATCH', `/admin/keys/${disabled.id}/toggle`);
  await stores.keys.update(banned.id, { status: 'banned', statusReason: 'x', statusAtMs: 1 });

  t.is(await notes(harness, '?status=active'), 'Alpha');
  t.is(await notes(harness, '?status=resting'), 'beta');
  t.is(await notes(harness, '?status=disabled'), 'gamma');
  t.is(await notes(harness, '?status=banned'), 'alphabet');
  t.is(await notes(harness, '?pool=free'), 'gamma beta');
  t.is(await notes(harness, '?pool=free&status=resting'), 'beta');
  t.is(await notes(harness, '?provider=anthropic'), 'alphabet gamma');
  t.is(await notes(harness, '?q=ALPHA'), 'alphabet Alpha');
  t.is(await notes(harness, '?q=ALPHA&provider=openai'), 'Alpha');
  t.is(
    await notes(harness, `?q=${encodeURIComponent(String(active.hint).slice(-4))}&provider=openai`),
    'Alpha',
  );
  t.is(await notes(harness, `?q=${active.id}`), 'Alpha');
  t.is(await notes(harness, '?pool=nowhere'), '');
  t.is(await notes(harness, '?provider=azure'), '');
  t.is(await notes(harness, '?status=&pool=&provider=&q='), 'alphabet gamma beta Alpha');
  t.deepEqual((await page(harness, '?status=active')).counts, {
    total: 4,
    active: 1,
    resting: 1,
    disabled: 1,
    banned: 1,
  });
  harness.panel.nowMs += 1000;
  t.is(await notes(harness, '?status=active'), 'beta Alpha');
});

test('a query that is not valid is refused with the field it is about', async t => {
  const { ask } = await openPool(t);
  for (const [query, field] of [
    ['?limit=0', 'limit'],
    ['?limit=501', 'limit'],
    ['?limit=1e2', 'limit'],
    ['?page=0', 'page'],
    ['?page=-1', 'page'],
    ['?page=99999999999999999', 'page'],
    ['?status=dead', 'status'],
    ['?provider=acme', 'provider'],
    [`?q=${'x'.repeat(201)}`, 'q'],
  ] as const) {
    const reply = await ask('GET', `/admin/keys${query}`);
    t.is(reply.status, 400, query);
    t.is(reply.error.field, field, query);
  }
});

test('figures of the pool: by state, source, pool and provider', async t => {
  const { ask, add } = await openPool(t);
  await ask('POST', '/admin/pool-groups', { id: 'free', name: 'Free', description: 'from friends' });
  await add({ key: freshKey('xai-'), poolGroup: 'free' });
  const { id } = await add({ key: freshKey() });
  await ask('PATCH', `/admin/keys/${id}/toggle`);
  const one = { total: 1, active: 1, resting: 0, disabled: 0, banned: 0 };
  const off = { total: 1, active: 0, resting: 0, disabled: 1, banned: 0 };
  const none = { total: 0, active: 0, resting: 0, disabled: 0, banned: 0 };
  const { json } = await ask('GET', '/admin/stats');
  t.like(json, {
    counts: { total: 2, active: 1, resting: 0, disabled: 1, banned: 0 },
    runningDry: false,
    stale: false,
    algorithm: 'round-robin',
    testRun: { state: 'idle', total: 0 },
  });
  t.deepEqual(json.sources, [
    { name: 'environment', state: 'off', detail: '', counts: none },
    { name: 'stored', state: 'ok', detail: '', counts: { ...off, total: 2, active: 1 } },
  ]);
  t.deepEqual(
    (json.pools as { id: string; counts: unknown }[]).map(({ id, counts }) => [id, counts]),
    [
      ['default', off],
      ['free', one],
    ],
  );
  t.deepEqual(json.providers, [
    { provider: 'openai', counts: off },
    { provider: 'xai', counts: one },
  ]);
});

function record(index: number, createdAtMs: number): StoredKey {
  return { id: `k${String(index).padStart(6, '0')}`, createdAtMs } as StoredKey;
}

test('the order is that of a full sort after any changes', t => {
  const order = new KeyOrder();
  const records = new Map<string, StoredKey>();
  let membership = 0;
  let next = 0;
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    return seed % below;
  };
  for (let round = 0; round < 200; round += 1) {
    for (let count = random(4); count > 0; count -= 1) {
      next += 1;
      const key = record(next, random(50));
      records.set(key.id, key);
      membership += 1;
    }
    const ids = [...records.keys()];
    if (ids.length > 0 && random(2) === 0) {
      records.delete(ids[random(ids.length)]!);
      membership += 1;
    }
    if (ids.length > 0 && random(2) === 0) {
      const old = records.get(ids[random(ids.length)]!);
      if (old !== undefined) records.set(old.id, { ...old, notes: `round ${round}` });
    }
    const expected = [...records.values()]
      .sort((left, right) => right.createdAtMs - left.createdAtMs || (left.id < right.id ? 1 : -1))
      .map(({ id }) => id);
    t.deepEqual(order.newestFirst({ records, membership }), expected);
  }
});

test('an order that nothing changed is not made again', t => {
  const order = new KeyOrder();
  const records = new Map([1, 2, 3].map(index => [`k${index}`, record(index, index)]));
  const live = { records, membership: 3 };
  t.deepEqual(order.newestFirst(live), ['k000003', 'k000002', 'k000001']);
  t.is(order.newestFirst(live), order.newestFirst(live));
});

test('the membership changes when a key comes or goes, and at no other change', async t => {
  const { add, ask, replica } = await openPool(t);
  const seen = [replica.membership];
  const see = () => seen.push(replica.membership);
  const { id } = await add({ key: freshKey() });
  see();
  await ask('PATCH', `/admin/keys/${id}/notes`, { notes: 'x' });
  see();
  await ask('DELETE', `/admin/keys/${id}`);
  see();
  t.is(seen[1], seen[0]! + 1);
  t.is(seen[2], seen[1]);
  t.is(seen[3], seen[2]! + 1);
});

test('a search takes every character as it is, in upper and lower case', async t => {
  const harness = await openPool(t);
  for (const name of ['a.b*c(', 'aXbbc', 'Straße', '中文 Notes', '[x]\\d+', '7']) {
    await harness.add({ key: freshKey(), notes: name });
  }
  const found = (text: string) => notes(harness, `?q=${encodeURIComponent(text)}`);
  t.is(await found('a.b*'), 'a.b*c(');
  t.is(await found('AXB'), 'aXbbc');
  t.is(await found('STRAßE'), 'Straße');
  t.is(await found('文 notes'), '中文 Notes');
  t.is(await found('\\d+'), '[x]\\d+');
  t.is(await found('(?:'), '');
});
