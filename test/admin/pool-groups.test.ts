import test from 'ava';
import { freshKey, openPool, type PoolHarness } from './pool-harness.ts';

async function order({ ask }: PoolHarness): Promise<string> {
  const { groups } = (await ask('GET', '/admin/pool-groups')).json as {
    groups: { id: string; priority: number }[];
  };
  return groups.map(({ id, priority }) => `${id}:${priority}`).join(' ');
}

test('pool groups are added, changed, put in order and deleted', async t => {
  const harness = await openPool(t);
  const { ask } = harness;
  t.is(await order(harness), 'default:1');
  const free = await ask('POST', '/admin/pool-groups', { name: ' Free Keys! ', description: 'from friends' });
  t.is(free.status, 201);
  t.deepEqual(free.json, {
    id: 'free-keys',
    name: 'Free Keys!',
    priority: 2,
    description: 'from friends',
    counts: { total: 0, active: 0, resting: 0, disabled: 0, banned: 0 },
  });
  t.is((await ask('POST', '/admin/pool-groups', { name: '白嫖池' })).json.id, 'pool-2');
  t.is((await ask('POST', '/admin/pool-groups', { name: 'Free keys' })).json.id, 'free-keys-2');
  t.is(
    (await ask('POST', '/admin/pool-groups', { id: 'Main_1', name: 'Main', priority: 1 })).json.priority,
    1,
  );
  t.is(await order(harness), 'Main_1:1 default:1 free-keys:2 pool-2:3 free-keys-2:4');

  const changed = await ask('PATCH', '/admin/pool-groups/pool-2', { name: 'B', priority: 9 });
  t.like(changed.json, { id: 'pool-2', name: 'B', priority: 9, description: '' });
  const ids = ['free-keys', 'Main_1', 'default', 'free-keys-2', 'pool-2'];
  t.is((await ask('PUT', '/admin/pool-groups/order', { order: ids })).status, 200);
  t.is(await order(harness), 'free-keys:1 Main_1:2 default:3 free-keys-2:4 pool-2:5');
});

test('deleting a group moves its keys to default, and default stays', async t => {
  const { ask, add, pool } = await openPool(t);
  await ask('POST', '/admin/pool-groups', { id: 'free', name: 'Free' });
  const { id } = await add({ key: freshKey(), poolGroup: 'free' });
  await add({ key: freshKey() });
  t.deepEqual((await ask('DELETE', '/admin/pool-groups/free')).json, { movedKeys: 1 });
  t.is((await ask('GET', `/admin/keys/${id}`)).json.poolGroup, 'default');
  t.is(pool.get(id)?.pool, 'default');
  t.is((await ask('DELETE', '/admin/pool-groups/free')).status, 404);
  const kept = await ask('DELETE', '/admin/pool-groups/default');
  t.is(kept.status, 409);
  t.is(kept.error.code, 'ERR_CONFLICT');
});

test('a group that is not valid is refused and changes nothing', async t => {
  const harness = await openPool(t);
  const { ask } = harness;
  await ask('POST', '/admin/pool-groups', { id: 'free', name: 'Free' });
  const before = await order(harness);
  for (const [body, field] of [
    [{}, 'name'],
    [{ name: ' ' }, 'name'],
    [{ name: 'x'.repeat(101) }, 'name'],
    [{ name: 'x', id: 'a b' }, 'id'],
    [{ name: 'x', id: '' }, 'id'],
    [{ name: 'x', id: 'x'.repeat(65) }, 'id'],
    [{ name: 'x', priority: 0 }, 'priority'],
    [{ name: 'x', priority: '1' }, 'priority'],
    [{ name: 'x', description: 'x'.repeat(1001) }, 'description'],
    [{ name: 'x', keys: [] }, 'keys'],
  ] as const) {
    const reply = await ask('POST', '/admin/pool-groups', body);
    t.is(reply.status, 400, JSON.stringify(body));
    t.is(reply.error.field, field);
  }
  const taken = await ask('POST', '/admin/pool-groups', { id: 'free', name: 'Other' });
  t.is(taken.status, 409);
  t.is(taken.error.code, 'ERR_DUPLICATE');
  t.is((await ask('PATCH', '/admin/pool-groups/free', {})).status, 400);
  t.is((await ask('PATCH', '/admin/pool-groups/free', { id: 'other' })).error.field, 'id');
  t.is((await ask('PATCH', '/admin/pool-groups/none', { name: 'x' })).status, 404);
  for (const ids of [
    undefined,
    'free',
    [],
    ['free'],
    ['free', 'free'],
    ['free', 'default', 'none'],
    [1, 2],
  ]) {
    const reply = await ask('PUT', '/admin/pool-groups/order', { order: ids });
    t.is(reply.status, 400, JSON.stringify(ids));
    t.is(reply.error.field, 'order');
  }
  t.is(await order(harness), before);
});

test('a group named as objects name things is a group as any other', async t => {
  const { ask, add } = await openPool(t);
  for (const id of ['constructor', 'toString', 'hasOwnProperty']) {
    t.is((await ask('POST', '/admin/pool-groups', { id, name: id })).status, 201);
    t.is((await add({ key: freshKey(), poolGroup: id })).poolGroup, id);
    t.deepEqual((await ask('DELETE', `/admin/pool-groups/${id}`)).json, { movedKeys: 1 });
  }
  t.is((await ask('POST', '/admin/pool-groups', { id: '__proto__', name: 'x' })).status, 400);
});
