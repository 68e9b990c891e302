import { randomBytes } from 'node:crypto';
import test from 'ava';
import type { KeyStore, NewKey } from '../../src/stores/pool-types.ts';
import { rotateKeys } from '../../src/stores/rotate.ts';
import { createSealer, type Sealer } from '../../src/stores/sealing.ts';
import type { PrepareStore } from './contract.ts';
import { keyOf, recordsOf } from './pool-keys.ts';

const textOf = (number: number) => `sk-upstream-${number}`;

/** A record that holds a key of its own. */
function sealedKey(sealer: Sealer, number: number, id = `key-${number}`): NewKey {
  return keyOf(number, {
    id,
    sealed: sealer.seal(id, textOf(number)),
    fingerprint: sealer.fingerprint(textOf(number)),
    otherFingerprints: sealer.otherFingerprints(textOf(number)),
  });
}

function sealers() {
  const [oldKey, newKey] = [randomBytes(32), randomBytes(32)];
  return {
    old: createSealer({ current: oldKey }),
    both: createSealer({ current: newKey, previous: [oldKey] }),
    fresh: createSealer({ current: newKey }),
  };
}

/** The rotation of the encryption key over each implementation of the stores. */
export function rotationContract(name: string, prepare: PrepareStore): void {
  const COUNT = 1_200;
  const addAll = async (keys: KeyStore, sealer: Sealer) =>
    keys.add(Array.from({ length: COUNT }, (_, number) => sealedKey(sealer, number)));

  test(`${name}: after a rotation all opens with the new key alone, and duplicates are still refused`, async t => {
    const { pool } = await (await prepare(t))();
    const { old, both, fresh } = sealers();
    await addAll(pool.keys, old);
    await pool.keys.update('key-7', { notes: 'kept', status: 'banned' });
    await pool.sealed.replace('oauth', old.seal('oauth', 'refresh token'), 0);
    await pool.sealed.replace('encryption-check', old.seal('encryption-check', 'check'), 0);

    const seen: number[] = [];
    const report = await rotateKeys(pool, both, ({ rewritten }) => seen.push(rewritten));
    t.like(report, { rewritten: COUNT + 2, unreadable: [], duplicates: [] });
    t.true(seen.length > 2);
    t.is(seen.at(-1), COUNT + 2);
    t.deepEqual(
      seen,
      seen.toSorted((a, b) => a - b),
    );

    const records = await recordsOf(pool.keys);
    t.is(records.size, COUNT);
    for (let number = 0; number < COUNT; number += 1) {
      const { sealed, fingerprint } = records.get(`key-${number}`)!;
      t.is(fresh.open(`key-${number}`, sealed), textOf(number));
      t.is(fingerprint, fresh.fingerprint(textOf(number)));
    }
    t.like(records.get('key-7'), { notes: 'kept', status: 'banned' });
    const token = await pool.sealed.read('oauth');
    t.is(fresh.open('oauth', token!.sealed), 'refresh token');
    t.deepEqual(await pool.keys.add([sealedKey(fresh, 3, 'again')]), []);
    t.like(await rotateKeys(pool, both), { rewritten: 0 });
  });

  test(`${name}: a rotation that was ended in the middle goes on where it was`, async t => {
    const again = await prepare(t);
    const { old, both, fresh } = sealers();
    const { pool } = await again();
    await addAll(pool.keys, old);
    let first = 0;
    const ended = rotateKeys(pool, both, ({ rewritten }) => {
      first = rewritten;
      throw new Error('killed');
    });
    await t.throwsAsync(ended, { message: 'killed' });
    t.true(first > 0 && first < COUNT);
    const later = (await again()).pool;
    t.is((await rotateKeys(later, both)).rewritten, COUNT - first);
    for (const [id, { sealed }] of await recordsOf(later.keys)) t.notThrows(() => fresh.open(id, sealed));
  });

  test(`${name}: while keys are rotated, a key that is there already is refused under either fingerprint`, async t => {
    const { pool } = await (await prepare(t))();
    const { old, both } = sealers();
    await addAll(pool.keys, old);
    const added: string[] = [];
    await rotateKeys(pool, both, () => {
      const number = added.length;
      added.push(`copy-${number}`);
      void pool.keys.add([
        sealedKey(both, number, `copy-${number}`),
        sealedKey(both, COUNT - 1 - number, 'c'),
      ]);
    });
    await pool.keys.add([sealedKey(both, COUNT + 1, 'last')]);
    const records = await recordsOf(pool.keys);
    t.is(records.size, COUNT + 1);
    t.false([...records.keys()].some(id => id.startsWith('c')));
  });

  test(`${name}: a rotation gives way to a key that was replaced meanwhile`, async t => {
    const again = await prepare(t);
    const { old, both, fresh } = sealers();
    const [{ pool }, { pool: other }] = [await again(), await again()];
    await pool.keys.add([sealedKey(old, 1), sealedKey(old, 2)]);
    await pool.sealed.replace('oauth', old.seal('oauth', 'first'), 0);
    const racing: KeyStore = {
      ...pool.keys,
      update: async (id, patch, onlyIf) => {
        const replaced = both.seal('key-1', 'sk-replaced');
        if (id === 'key-1') await other.keys.update(id, { sealed: replaced, fingerprint: 'replaced' });
        return pool.keys.update(id, patch, onlyIf);
      },
    };
    let raced = false;
    const sealed: typeof pool.sealed = {
      ...pool.sealed,
      read: async name => {
        const value = await pool.sealed.read(name);
        if (name === 'oauth' && !raced) {
          raced = true;
          await other.sealed.replace('oauth', old.seal('oauth', 'second'), 1);
        }
        return value;
      },
    };
    await rotateKeys({ keys: racing, sealed }, both);
    const records = await recordsOf(pool.keys);
    t.is(fresh.open('key-1', records.get('key-1')!.sealed), 'sk-replaced');
    t.is(records.get('key-1')!.fingerprint, 'replaced');
    t.is(fresh.open('key-2', records.get('key-2')!.sealed), textOf(2));
    t.is(fresh.open('oauth', (await pool.sealed.read('oauth'))!.sealed), 'second');
  });

  test(`${name}: what cannot be opened, or is there twice, is reported and holds nothing up`, async t => {
    const { pool } = await (await prepare(t))();
    const { old, both, fresh } = sealers();
    const stranger = createSealer({ current: randomBytes(32) });
    await pool.keys.add([
      sealedKey(old, 1),
      sealedKey(stranger, 2),
      keyOf(3, { sealed: 'rubbish' }),
      // Added by a process that lacked the old key, so it could not know.
      sealedKey(fresh, 1, 'key-4'),
    ]);
    const before = await recordsOf(pool.keys);
    t.deepEqual(await rotateKeys(pool, both), {
      examined: (await recordsOf(pool.keys)).size + 2,
      rewritten: 1,
      unreadable: ['key-2', 'key-3'],
      duplicates: ['key-1'],
    });
    const after = await recordsOf(pool.keys);
    t.is(fresh.open('key-1', after.get('key-1')!.sealed), textOf(1));
    for (const id of ['key-2', 'key-3', 'key-4']) t.deepEqual(after.get(id), before.get(id));
  });
}
