import test, { type ExecutionContext } from 'ava';
import type { PoolStores } from '../../src/stores/pool-types.ts';
import type { PrepareStore } from './contract.ts';
import { keyOf, keysOf, listed, Reader, recordsOf } from './pool-keys.ts';

/** What every implementation of the ports beside the keys must do. */
export function poolPartsContract(name: string, prepare: PrepareStore): void {
  const pool = async (t: ExecutionContext): Promise<PoolStores> => (await (await prepare(t))()).pool;
  const pools = async (t: ExecutionContext): Promise<[PoolStores, PoolStores]> => {
    const again = await prepare(t);
    const [one, two] = await Promise.all([again(), again()]);
    return [one.pool, two.pool];
  };
  const group = (id: string, priority = 2) => ({ id, name: `Pool ${id}`, priority, description: `of ${id}` });
  const sorted = async ({ groups }: PoolStores) =>
    (await groups.readAll()).sort((a, b) => (a.id < b.id ? -1 : 1));

  test(`${name}: groups are added and replaced, default among them, and seen elsewhere`, async t => {
    const [one, two] = await pools(t);
    await one.groups.put(group('b'));
    await one.groups.put(group('__proto__', 7));
    await one.groups.put({ ...group('b', 3), name: '池 "b"' });
    t.like(await sorted(two), [
      group('__proto__', 7),
      { ...group('b', 3), name: '池 "b"' },
      { id: 'default', priority: 1 },
    ]);
    await two.groups.put({ id: 'default', name: 'Main', priority: 4, description: 'all else' });
    t.deepEqual((await sorted(one))[2], {
      id: 'default',
      name: 'Main',
      priority: 4,
      description: 'all else',
    });
  });

  test(`${name}: groups are reordered in one step; unknown ones are passed over`, async t => {
    const one = await pool(t);
    await one.groups.put(group('a', 1));
    await one.groups.put(group('b', 2));
    await one.groups.reorder(
      new Map([
        ['b', 1],
        ['a', 2],
        ['default', 3],
        ['nobody', 4],
      ]),
    );
    t.deepEqual(
      (await sorted(one)).map(({ id, priority }) => [id, priority]),
      [
        ['a', 2],
        ['b', 1],
        ['default', 3],
      ],
    );
  });

  test(`${name}: the keys of a deleted group move to default, and readers are told`, async t => {
    const { keys, groups } = await pool(t);
    await groups.put(group('a'));
    await groups.put(group('ab'));
    await keys.add([
      ...keysOf(0, 5, { pool: 'a' }),
      keyOf(5, { pool: 'ab' }),
      keyOf(6),
      keyOf(7, { pool: 'x\na' }),
    ]);
    const reader = await new Reader(keys).follow();
    t.is(await groups.remove('a'), 5);
    const { changed } = await keys.changes(reader.revision, 100);
    t.deepEqual(changed, keysOf(0, 5));
    await reader.follow();
    t.deepEqual(listed(reader.records), listed(await recordsOf(keys)));
    t.is(reader.records.get('key-5')?.pool, 'ab');
    t.is(reader.records.get('key-7')?.pool, 'x\na');
    await groups.put(group('a'));
    t.is(await groups.remove('a'), 0);
  });

  test(`${name}: default is never deleted, an unknown group cannot be, and one is deleted once`, async t => {
    const [one, two] = await pools(t);
    await one.keys.add([keyOf(1), keyOf(2, { pool: 'ghost' })]);
    t.is(await one.groups.remove('default'), undefined);
    t.is(await one.groups.remove('ghost'), undefined);
    t.is((await recordsOf(one.keys)).get('key-2')?.pool, 'ghost');
    await one.groups.put(group('a'));
    const outcomes = await Promise.all([one.groups.remove('a'), two.groups.remove('a')]);
    t.deepEqual(outcomes.map(String).sort(), ['0', 'undefined']);
    t.deepEqual(
      (await sorted(two)).map(({ id }) => id),
      ['default'],
    );
  });

  test(`${name}: settings are set and unset in one step and keep their types`, async t => {
    const [one, two] = await pools(t);
    const values = new Map<string, unknown>([
      ['algorithm', 'random'],
      ['threshold', 5],
      ['enabled', false],
      ['__proto__', { a: [1, 'x', null] }],
      ['empty', ''],
    ]);
    await one.settings.write(values);
    t.deepEqual([...(await two.settings.readAll())].sort(), [...values].sort());
    await two.settings.write(
      new Map<string, unknown>([
        ['threshold', null],
        ['nobody', null],
        ['algorithm', 'least-used'],
      ]),
    );
    values.delete('threshold');
    values.set('algorithm', 'least-used');
    t.deepEqual([...(await one.settings.readAll())].sort(), [...values].sort());
  });

  test(`${name}: a cool-down holds until exactly its time, and a shorter one never cuts it`, async t => {
    const [one, two] = await pools(t);
    await one.rests.rest({ keyId: 'k', model: 'gpt-4o', untilMs: 5_000 }, 1_000);
    await two.rests.rest({ keyId: 'k', model: 'gpt-4o', untilMs: 3_000 }, 1_000);
    await two.rests.rest({ keyId: 'k', model: '*', untilMs: 2_000 }, 1_000);
    await two.rests.rest({ keyId: 'gone', model: '*', untilMs: 900 }, 1_000);
    await two.rests.rest({ keyId: 'now', model: '*', untilMs: 1_000 }, 1_000);
    const untilOf = async ({ rests }: PoolStores, nowMs: number) =>
      (await rests.readAll(nowMs)).map(({ keyId, model, untilMs }) => `${keyId} ${model} ${untilMs}`).sort();
    for (const stores of [one, two]) {
      t.deepEqual(await untilOf(stores, 1_000), ['k * 2000', 'k gpt-4o 5000']);
      t.deepEqual(await untilOf(stores, 1_999), ['k * 2000', 'k gpt-4o 5000']);
      t.deepEqual(await untilOf(stores, 2_000), ['k gpt-4o 5000']);
      t.deepEqual(await untilOf(stores, 5_000), []);
    }
    await two.rests.rest({ keyId: 'k', model: 'gpt-4o', untilMs: 6_000 }, 2_000);
    t.deepEqual(await untilOf(one, 2_000), ['k gpt-4o 6000']);
  });

  test(`${name}: waking a key takes its cool-downs away and those of no other`, async t => {
    const [one, two] = await pools(t);
    const ids = ['k', 'k1', 'k"', 'k",', '["k"', 'к', ''];
    for (const keyId of ids) {
      for (const model of ['*', 'a "b",\n中', '__proto__']) {
        await one.rests.rest({ keyId, model, untilMs: 10 }, 1);
      }
    }
    t.is((await two.rests.readAll(1)).length, 21);
    await one.rests.wake('k');
    await one.rests.wake('nobody');
    const left = await two.rests.readAll(1);
    t.is(left.length, 18);
    t.false(left.some(({ keyId }) => keyId === 'k'));
    for (const keyId of ids) await two.rests.wake(keyId);
    t.deepEqual(await one.rests.readAll(1), []);
    await one.rests.rest({ keyId: 'k', model: '*', untilMs: 5 }, 1);
    t.is((await two.rests.readAll(1)).length, 1);
  });

  test(`${name}: of two holders one has the lease, until it ends or gives it back`, async t => {
    const [one, two] = await pools(t);
    for (let round = 0; round < 10; round += 1) {
      const taken = await Promise.all(
        [one, two].map(({ leases }, holder) =>
          leases.take(`lease-${round}`, `holder ${holder}`, { nowMs: 100, forMs: 50 }),
        ),
      );
      t.deepEqual([...taken].sort(), [false, true]);
    }
    const take = (stores: PoolStores, holder: string, nowMs: number, forMs = 50) =>
      stores.leases.take('oauth', holder, { nowMs, forMs });
    t.true(await take(one, 'first', 100));
    t.false(await take(two, 'second one', 149));
    t.true(await take(one, 'first', 149));
    t.false(await take(two, 'second one', 198));
    t.true(await take(two, 'second one', 199));
    await one.leases.release('oauth', 'first');
    t.false(await take(one, 'first', 200));
    await two.leases.release('oauth', 'second one');
    t.true(await take(one, 'first', 200));
  });

  test(`${name}: a sealed value is replaced only by who has seen its version`, async t => {
    const [one, two] = await pools(t);
    t.is(await one.sealed.read('oauth'), undefined);
    t.false(await one.sealed.replace('oauth', 'x', 1));
    t.true(await one.sealed.replace('oauth', 'first value', 0));
    t.false(await two.sealed.replace('oauth', 'x', 0));
    t.deepEqual(await two.sealed.read('oauth'), { sealed: 'first value', version: 1 });
    t.true(await two.sealed.replace('oauth', 'second', 1));
    t.false(await one.sealed.replace('oauth', 'x', 1));
    t.deepEqual(await one.sealed.read('oauth'), { sealed: 'second', version: 2 });
    await one.sealed.replace('__proto__', 'y', 0);
    t.deepEqual((await two.sealed.names()).sort(), ['__proto__', 'oauth']);
    const outcomes = await Promise.all(
      [one, two, one, two].map(({ sealed }, index) => sealed.replace('oauth', `by ${index}`, 2)),
    );
    t.is(outcomes.filter(Boolean).length, 1);
    t.deepEqual(await two.sealed.read('oauth'), { sealed: `by ${outcomes.indexOf(true)}`, version: 3 });
  });

  test(`${name}: the owner of an object is known until its time is over, and can change`, async t => {
    const [one, two] = await pools(t);
    await one.owners.remember('file-1', 'key one', 100);
    await one.owners.remember('__proto__', 'key-2', 100);
    t.is(await two.owners.find('file-1', 99), 'key one');
    t.is(await two.owners.find('file-1', 100), undefined);
    t.is(await two.owners.find('__proto__', 0), 'key-2');
    t.is(await two.owners.find('file-2', 0), undefined);
    await two.owners.remember('file-1', 'key-3', 300);
    t.is(await one.owners.find('file-1', 299), 'key-3');
  });

  test(`${name}: a note is seen by all instances until its time is over, and can be replaced`, async t => {
    const [one, two] = await pools(t);
    const nowMs = 1_800_000_000_000;
    await one.notes.put('run', '{"done": 1}\n', { nowMs, untilMs: nowMs + 60_000 });
    await one.notes.put('__proto__', '', { nowMs, untilMs: nowMs + 60_000 });
    t.is(await two.notes.read('run', nowMs + 59_999), '{"done": 1}\n');
    t.is(await two.notes.read('run', nowMs + 60_000), undefined);
    t.is(await two.notes.read('__proto__', nowMs), '');
    t.is(await two.notes.read('none', nowMs), undefined);
    await two.notes.put('run', 'over', { nowMs: nowMs + 1, untilMs: nowMs + 90_000 });
    t.is(await one.notes.read('run', nowMs + 89_999), 'over');
    await two.notes.put('run', 'past', { nowMs, untilMs: nowMs });
    t.is(await one.notes.read('run', nowMs), undefined);
  });

  /** Each makes something that watchers are told of. */
  const writes: [what: string, write: (stores: PoolStores) => Promise<unknown>][] = [
    ['an added key', ({ keys }) => keys.add([keyOf(1)])],
    ['a changed key', ({ keys }) => keys.update('key-1', { notes: 'x' })],
    ['a group', ({ groups }) => groups.put(group('a'))],
    ['an order of groups', ({ groups }) => groups.reorder(new Map([['a', 9]]))],
    ['a deleted group', ({ groups }) => groups.remove('a')],
    ['a setting', ({ settings }) => settings.write(new Map([['a', 1]]))],
    ['a cool-down', ({ rests }) => rests.rest({ keyId: 'key-1', model: '*', untilMs: 9 }, 1)],
    ['a woken key', ({ rests }) => rests.wake('key-1')],
    ['a deleted key', ({ keys }) => keys.remove(['key-1'])],
  ];

  test(`${name}: watchers in this and in another process are told of every kind of write`, async t => {
    const [one, two] = await pools(t);
    const hints = [0, 0];
    let told = () => {};
    /** Resolves when both have been told since the last call; a hint that never comes lets the test time out. */
    const bothTold = () => {
      const before = [...hints];
      return new Promise<void>(resolve => {
        told = () => {
          if (hints.every((count, index) => count > before[index]!)) resolve();
        };
      });
    };
    const listening = bothTold();
    for (const [index, { keys }] of [one, two].entries()) {
      t.teardown(
        keys.watch(() => {
          hints[index]! += 1;
          told();
        }),
      );
    }
    await listening;
    for (const [, write] of writes) {
      const both = bothTold();
      await write(one);
      await both;
    }
    t.pass();
  });

  test(`${name}: a watch that ended is told no more`, async t => {
    const { keys } = await pool(t);
    let ended = 0;
    keys.watch(() => {
      ended += 1;
    })();
    await new Promise<void>(resolve => {
      t.teardown(keys.watch(resolve));
      void keys.add([keyOf(1)]);
    });
    t.is(ended, 0);
  });
}
