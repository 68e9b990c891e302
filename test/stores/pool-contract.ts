import test, { type ExecutionContext } from 'ava';
import type { PoolStores, StoredStatus } from '../../src/stores/pool-types.ts';
import type { PrepareStore } from './contract.ts';
import { keyOf, keysOf, listed, Reader, recordOf, recordsOf } from './pool-keys.ts';

/** What every implementation of the pool's ports must do. */
export function poolContract(name: string, prepare: PrepareStore): void {
  const pool = async (t: ExecutionContext): Promise<PoolStores> => (await (await prepare(t))()).pool;
  const pools = async (t: ExecutionContext): Promise<[PoolStores, PoolStores]> => {
    const again = await prepare(t);
    const [one, two] = await Promise.all([again(), again()]);
    return [one.pool, two.pool];
  };

  test(`${name}: a new store has no keys, no settings, no cool-downs, and the group default`, async t => {
    const { keys, groups, settings, rests, sealed, owners } = await pool(t);
    t.like(await keys.changes(0, 10), { changed: [], removed: [], startOver: false });
    t.deepEqual(await groups.readAll(), [{ id: 'default', name: 'default', priority: 1, description: '' }]);
    t.is((await settings.readAll()).size, 0);
    t.deepEqual(await rests.readAll(0), []);
    t.deepEqual(await sealed.names(), []);
    t.is(await owners.find('file-1', 0), undefined);
  });

  test(`${name}: a record comes back as it was added, whatever its texts hold`, async t => {
    const again = await prepare(t);
    const { keys } = (await again()).pool;
    const full = keyOf('full', {
      baseUrl: 'https://example.test/v1',
      quotaTokens: Number.MAX_SAFE_INTEGER,
      notes: 'line\nbreak "quoted" \\ \u0000 中文 🔑 __proto__',
      pool: 'team\n"one"/__proto__ 池',
      status: 'banned',
      statusReason: '401 from the upstream',
      statusAtMs: 1_763_000_000_123,
      failedRecoveries: 3,
      lastTest: { atMs: 1_763_000_000_124, ok: false, status: 401, detail: 'Incorrect API key' },
    });
    const odd = ['__proto__', 'constructor', 'a b', 'ключ', '42'].map(id => ({ ...keyOf(id), id }));
    await keys.add([full, keyOf('plain'), ...odd]);
    const records = await recordsOf((await again()).pool.keys);
    t.deepEqual(records.get('key-full'), full);
    t.deepEqual(records.get('key-plain'), keyOf('plain'));
    t.false('baseUrl' in records.get('key-plain')!);
    t.deepEqual(
      odd.map(({ id }) => records.get(id)),
      odd,
    );
  });

  test(`${name}: a record whose fingerprint or id exists is left out, in one batch too`, async t => {
    const { keys } = await pool(t);
    t.deepEqual(await keys.add([keyOf(2), keyOf(1)]), ['key-2', 'key-1']);
    const added = await keys.add([
      keyOf(3),
      keyOf(4, { fingerprint: 'print-1' }),
      keyOf(5, { fingerprint: 'print-3' }),
      keyOf(2, { fingerprint: 'print-new', notes: 'other' }),
      keyOf(6),
    ]);
    t.deepEqual(added, ['key-3', 'key-6']);
    t.deepEqual((await new Reader(keys).follow()).ids, ['key-1', 'key-2', 'key-3', 'key-6']);
    t.is((await recordOf(keys, 'key-2'))?.notes, '');
    t.deepEqual(await keys.add([keyOf(7, { fingerprint: 'print-new' })]), ['key-7']);
  });

  test(`${name}: a record is a duplicate by its fingerprint under another encryption key, which is not stored`, async t => {
    const { keys } = await pool(t);
    await keys.add([keyOf(1)]);
    t.deepEqual(
      await keys.add([
        keyOf(2, { otherFingerprints: ['print-x', 'print-1'] }),
        keyOf(3, { otherFingerprints: ['print-y'] }),
      ]),
      ['key-3'],
    );
    t.deepEqual(await recordOf(keys, 'key-3'), keyOf(3));
    t.deepEqual(await keys.add([keyOf(4, { fingerprint: 'print-y' })]), ['key-4']);
  });

  test(`${name}: nothing added, changed or removed leaves the revision as it is`, async t => {
    const { keys } = await pool(t);
    await keys.add([keyOf(1)]);
    const { revision } = await keys.changes(0, 10);
    await keys.add([]);
    await keys.add([keyOf(1)]);
    await keys.update('key-9', { notes: 'x' });
    await keys.update('key-1', { notes: 'x' }, 'banned');
    await keys.remove(['key-9']);
    await keys.removeByStatus('banned');
    t.deepEqual(await keys.changes(revision, 10), { revision, changed: [], removed: [], startOver: false });
  });

  test(`${name}: a change sets what it names, takes away what is null, and leaves the rest`, async t => {
    const { keys } = await pool(t);
    const before = keyOf(1, { baseUrl: 'https://a.example', quotaTokens: 5, notes: 'kept' });
    await keys.add([before, keyOf(2)]);
    t.is(await keys.update('key-1', { baseUrl: null, status: 'banned', statusReason: 'why' }), 'updated');
    const { baseUrl, ...rest } = before;
    t.deepEqual(await recordOf(keys, 'key-1'), { ...rest, status: 'banned', statusReason: 'why' });
    const lastTest = { atMs: 7, ok: true, status: 200, detail: '' };
    t.is(await keys.update('key-1', { quotaTokens: 9, pool: 'other', provider: 'xai', lastTest }), 'updated');
    t.like(await recordOf(keys, 'key-1'), { quotaTokens: 9, pool: 'other', provider: 'xai', lastTest });
    t.deepEqual(await recordOf(keys, 'key-2'), keyOf(2));
    t.is(await keys.update('key-3', { notes: 'x' }), 'missing');
  });

  test(`${name}: a change is made only while the record says what the writer saw`, async t => {
    const { keys } = await pool(t);
    await keys.add([keyOf(1)]);
    t.is(await keys.update('key-1', { status: 'banned' }, 'disabled'), 'changed');
    t.is(await keys.update('key-1', { status: 'banned' }, 'active'), 'updated');
    t.is(await keys.update('key-1', { status: 'banned' }, 'active'), 'changed');
    t.is(await keys.update('key-1', { sealed: 'b' }, { sealed: 'other' }), 'changed');
    t.is(await keys.update('key-1', { sealed: 'b' }, { sealed: 'sealed-1', status: 'active' }), 'changed');
    t.is(await keys.update('key-1', { sealed: 'b' }, { sealed: 'sealed-1', status: 'banned' }), 'updated');
    t.is(await keys.update('key-9', { sealed: 'b' }, 'active'), 'missing');
    t.like(await recordOf(keys, 'key-1'), { status: 'banned', sealed: 'b' });
  });

  test(`${name}: a new fingerprint must be free, and frees the old one`, async t => {
    const { keys } = await pool(t);
    await keys.add([keyOf(1), keyOf(2)]);
    t.is(await keys.update('key-1', { fingerprint: 'print-2', notes: 'x' }), 'duplicate');
    t.deepEqual(await recordOf(keys, 'key-1'), keyOf(1));
    t.is(await keys.update('key-1', { fingerprint: 'print-1', notes: 'same' }), 'updated');
    t.is(await keys.update('key-1', { fingerprint: 'print-3' }), 'updated');
    t.deepEqual(await keys.add([keyOf(4, { fingerprint: 'print-3' })]), []);
    t.deepEqual(await keys.add([keyOf(5, { fingerprint: 'print-1' })]), ['key-5']);
  });

  test(`${name}: removed records are told of, and their fingerprints are free again`, async t => {
    const { keys } = await pool(t);
    await keys.add(keysOf(1, 5));
    const reader = await new Reader(keys).follow();
    t.deepEqual(await keys.remove(['key-2', 'key-9', 'key-4', 'key-2']), ['key-2', 'key-4']);
    t.deepEqual(await keys.remove(['key-2']), []);
    t.deepEqual((await keys.changes(reader.revision, 10)).removed, ['key-2', 'key-4']);
    t.deepEqual((await reader.follow()).ids, ['key-1', 'key-3']);
    t.deepEqual((await keys.changes(0, 10)).removed, []);
    t.deepEqual(await keys.add([keyOf(7, { fingerprint: 'print-2' })]), ['key-7']);
  });

  test(`${name}: a record that is removed and added again is there, for whoever looks when`, async t => {
    const { keys } = await pool(t);
    await keys.add([keyOf(1), keyOf(2)]);
    const reader = await new Reader(keys).follow();
    await keys.remove(['key-1']);
    await keys.add([keyOf(1, { notes: 'again' })]);
    const { changed, removed } = await keys.changes(reader.revision, 10);
    t.deepEqual([changed.map(({ id }) => id), removed], [['key-1'], []]);
    await keys.remove(['key-1']);
    t.deepEqual((await reader.follow()).ids, ['key-2']);
  });

  test(`${name}: all records of a status are deleted, and no other`, async t => {
    const { keys } = await pool(t);
    await keys.add([
      ...keysOf(0, 30, { status: 'banned' }),
      ...keysOf(30, 40, { status: 'disabled' }),
      ...keysOf(40, 50),
    ]);
    const reader = await new Reader(keys).follow();
    t.is(await keys.removeByStatus('banned'), 30);
    t.is(await keys.removeByStatus('banned'), 0);
    t.deepEqual(
      (await reader.follow()).ids,
      keysOf(30, 50).map(({ id }) => id),
    );
    t.is(await keys.removeByStatus('active'), 10);
    t.is((await reader.follow()).records.size, 10);
  });

  test(`${name}: changes come in pages, oldest first, each once`, async t => {
    const { keys } = await pool(t);
    for (let from = 0; from < 25; from += 5) await keys.add(keysOf(from, from + 5));
    const seen: string[] = [];
    let since = 0;
    for (const length of [10, 10, 5]) {
      const page = await keys.changes(since, 10);
      t.is(page.changed.length, length);
      t.true(page.revision > since);
      seen.push(...page.changed.map(({ id }) => id));
      since = page.revision;
    }
    t.deepEqual(
      seen,
      keysOf(0, 25).map(({ id }) => id),
    );
    await keys.update('key-3', { notes: 'x' });
    await keys.update('key-1', { notes: 'x' });
    const page = await keys.changes(since, 1);
    t.deepEqual(
      page.changed.map(({ id }) => id),
      ['key-3'],
    );
    t.deepEqual(
      (await keys.changes(page.revision, 10)).changed.map(({ id }) => id),
      ['key-1'],
    );
  });

  test(`${name}: removals come in pages too, and a page that is full of them skips no change`, async t => {
    const { keys } = await pool(t);
    await keys.add(keysOf(0, 20));
    const reader = await new Reader(keys).follow();
    for (let number = 0; number < 9; number += 1) {
      await keys.remove([`key-${number}`]);
      await keys.update(`key-${number + 10}`, { notes: `${number}` });
    }
    const page = await keys.changes(reader.revision, 4);
    t.true(page.changed.length <= 4 && page.removed.length === 4);
    await reader.follow(4);
    t.deepEqual(listed(reader.records), listed(await recordsOf(keys)));
  });

  test(`${name}: whoever is ahead of the store starts over`, async t => {
    const { keys } = await pool(t);
    await keys.add([keyOf(1)]);
    const { revision } = await keys.changes(0, 10);
    t.deepEqual(await keys.changes(revision + 1, 10), {
      revision: 0,
      changed: [],
      removed: [],
      startOver: true,
    });
  });

  test(`${name}: after very many removals an old reader starts over, one that begins or is current does not`, async t => {
    const { keys } = await pool(t);
    await keys.add(keysOf(0, 12));
    const old = await new Reader(keys).follow();
    const current = await new Reader(keys).follow();
    const midway = await keys.changes(0, 5);
    for (let from = 100; from < 10_100; from += 5_000) await keys.add(keysOf(from, from + 5_000));
    await current.follow();
    const ids = keysOf(100, 10_100).map(({ id }) => id);
    await keys.remove([...ids.slice(0, 9_000), 'key-0']);
    await current.follow();
    t.is(current.startedOver, 0);
    await keys.remove(['key-1', ...ids.slice(9_000)]);

    t.true((await keys.changes(midway.revision, 5)).startOver);
    for (const reader of [old, current, new Reader(keys)]) {
      await reader.follow(3);
      t.deepEqual(
        reader.ids,
        keysOf(2, 12)
          .map(({ id }) => id)
          .sort(),
      );
    }
    t.is(old.startedOver, 1);
    await keys.update('key-5', { notes: 'later' });
    await keys.remove(['key-6']);
    await old.follow();
    t.is(old.startedOver, 1);
    t.deepEqual(listed(old.records), listed(await recordsOf(keys)));
  });

  test(`${name}: ten thousand records are added and found as duplicates, and moved and removed in one call each`, async t => {
    const { keys, groups } = await pool(t);
    await groups.put({ id: 'big', name: 'Big', priority: 2, description: '' });
    const many = keysOf(0, 10_000, { pool: 'big' });
    for (let from = 0; from < 10_000; from += 2_500) {
      const batch = many.slice(from, from + 2_500);
      t.is((await keys.add(batch)).length, 2_500);
      t.deepEqual(await keys.add(batch.map(key => ({ ...key, id: `${key.id}-copy` }))), []);
    }
    const reader = await new Reader(keys).follow(4_000);
    t.is(reader.records.size, 10_000);
    t.is(await groups.remove('big'), 10_000);
    await reader.follow(4_000);
    t.true([...reader.records.values()].every(key => key.pool === 'default'));
    t.is((await keys.remove(many.slice(0, 8_000).map(({ id }) => id))).length, 8_000);
    t.is(await keys.removeByStatus('active'), 2_000);
    t.is((await reader.follow()).records.size, 0);
  });

  test(`${name}: of two instances that ban and revive one key at once, each change has one winner`, async t => {
    const [one, two] = await pools(t);
    await one.keys.add([keyOf(1)]);
    for (let round = 0; round < 20; round += 1) {
      const [from, to]: StoredStatus[] = round % 2 === 0 ? ['active', 'banned'] : ['banned', 'active'];
      const outcomes = await Promise.all(
        [one, two].map(({ keys }, instance) =>
          keys.update('key-1', { status: to!, statusReason: `instance ${instance}` }, from),
        ),
      );
      t.deepEqual([...outcomes].sort(), ['changed', 'updated']);
      const winner = `instance ${outcomes.indexOf('updated')}`;
      t.like(await recordOf(two.keys, 'key-1'), { status: to, statusReason: winner });
    }
  });

  test(`${name}: changes of different fields by two instances at once are all kept`, async t => {
    const [one, two] = await pools(t);
    await one.keys.add([keyOf(1)]);
    const changes = [
      one.keys.update('key-1', { notes: 'by one' }),
      two.keys.update('key-1', { quotaTokens: 7 }),
      one.keys.update('key-1', { statusReason: 'reason' }),
      two.keys.update('key-1', { baseUrl: 'https://a.example' }),
      one.keys.update('key-1', { failedRecoveries: 2 }),
      two.keys.update('key-1', { provider: 'gemini' }),
    ];
    t.deepEqual(await Promise.all(changes), Array(6).fill('updated'));
    t.like(await recordOf(one.keys, 'key-1'), {
      notes: 'by one',
      quotaTokens: 7,
      statusReason: 'reason',
      baseUrl: 'https://a.example',
      failedRecoveries: 2,
      provider: 'gemini',
    });
  });

  test(`${name}: a key added by two instances at once is there once`, async t => {
    const [one, two] = await pools(t);
    const added = await Promise.all(
      [one, two].map(({ keys }, instance) =>
        keys.add(keysOf(0, 50).map(key => ({ ...key, id: `${instance}-${key.id}` }))),
      ),
    );
    t.is(added.flat().length, 50);
    const records = await recordsOf(one.keys);
    t.is(new Set([...records.values()].map(({ fingerprint }) => fingerprint)).size, 50);
    t.deepEqual([...records.keys()].sort(), added.flat().sort());
  });

  test(`${name}: a reader that pages while others write ends with what is stored`, async t => {
    const [one, two] = await pools(t);
    await one.keys.add(keysOf(0, 200));
    const reader = new Reader(two.keys);
    await Promise.all([
      reader.follow(7),
      (async () => {
        for (let number = 0; number < 60; number += 1) {
          await one.keys.update(`key-${number * 3}`, { notes: `${number}` });
          if (number % 3 === 0) await one.keys.remove([`key-${number}`]);
          if (number % 5 === 0) await one.keys.add([keyOf(1_000 + number)]);
        }
      })(),
    ]);
    await reader.follow(7);
    t.deepEqual(listed(reader.records), listed(await recordsOf(one.keys)));
  });

  test(`${name}: a closed pool rejects with its code`, async t => {
    const stores = await (await prepare(t))();
    await stores.close();
    const { keys, groups, settings, rests, leases, sealed, owners } = stores.pool;
    const calls: (() => Promise<unknown>)[] = [
      () => keys.changes(0, 1),
      () => keys.add([keyOf(1)]),
      () => keys.update('key-1', {}),
      () => keys.remove(['key-1']),
      () => keys.removeByStatus('banned'),
      () => groups.readAll(),
      () => groups.remove('x'),
      () => settings.write(new Map()),
      () => rests.readAll(0),
      () => rests.rest({ keyId: 'k', model: '*', untilMs: 2 }, 1),
      () => leases.take('x', 'y', { nowMs: 0, forMs: 1 }),
      () => sealed.replace('x', 'y', 0),
      () => owners.find('x', 0),
    ];
    for (const call of calls) await t.throwsAsync(call, { code: 'ERR_STORE_UNAVAILABLE' });
  });
}
