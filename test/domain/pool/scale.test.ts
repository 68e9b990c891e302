import test from 'ava';
import { Secret } from '../../../src/base/secret.ts';
import { KeyPool } from '../../../src/domain/pool/key-pool.ts';
import { ALGORITHM_NAMES } from '../../../src/domain/pool/pool-config.ts';
import { configOf, liveKey, NOW_MS, refusal, rest, SUCCESS, seededRandom, take } from './support.ts';

const KEYS = 100_000;
/** Entries that one choice may look at: a set of up to 64 is looked at whole. */
const MOST_LOOKS = 70;

function largePool(statusOf: (index: number) => 'active' | 'banned'): KeyPool {
  const pool = new KeyPool({ config: configOf(), random: seededRandom() });
  const secret = new Secret('sk-any');
  const changed = Array.from({ length: KEYS }, (_, index) =>
    liveKey(`k${index}`, { secret, status: statusOf(index), quotaTokens: 1_000_000 }),
  );
  pool.apply({ changed, removed: [] });
  return pool;
}

test('with 100,000 keys, half of them banned or resting, a choice looks at a handful', t => {
  const pool = largePool(index => (index % 4 === 0 ? 'banned' : 'active'));
  const rests = Array.from({ length: KEYS / 4 }, (_, index) => ({
    keyId: `k${index * 4 + 1}`,
    model: index % 2 === 0 ? '*' : 'gpt-4o',
    untilMs: NOW_MS + 3_600_000,
  }));
  pool.setRests(rests, NOW_MS);
  t.deepEqual(pool.counts(NOW_MS), { ready: 62_500, resting: 12_500, busy: 0, disabled: 0, banned: 25_000 });
  const tried = new Set(Array.from({ length: 9 }, (_, index) => `k${index * 4 + 2}`));
  for (const algorithm of ALGORITHM_NAMES) {
    pool.configure(configOf({ algorithm }));
    for (let number = 0; number < 500; number += 1) {
      const before = pool.work;
      const lease = take(pool, NOW_MS + number, number % 3 === 0 ? { tried } : {});
      t.true(pool.work - before <= MOST_LOOKS, `${algorithm}: ${pool.work - before}`);
      const { id } = lease.key;
      if (Number(id.slice(1)) % 4 < 2 || (number % 3 === 0 && tried.has(id)))
        t.fail(`${algorithm} took ${id}`);
      pool.release(lease, number % 5 === 0 ? rest(NOW_MS + 3_600_000) : SUCCESS, NOW_MS + number);
    }
  }
});

test('with 100,000 keys and all but a few at rest for a model the few are found at once', t => {
  const pool = largePool(() => 'active');
  const few = new Set(['k17', 'k50000', 'k99999']);
  const rests = [...pool.keys()].flatMap(({ id }) =>
    few.has(id) ? [] : [{ keyId: id, model: 'gpt-4o', untilMs: NOW_MS + 60_000 }],
  );
  pool.setRests(rests, NOW_MS);
  const found = new Set<string>();
  for (let number = 0; number < 30; number += 1) {
    const before = pool.work;
    const lease = take(pool);
    t.true(pool.work - before <= MOST_LOOKS);
    found.add(lease.key.id);
    pool.abandon(lease);
  }
  t.deepEqual([...found].sort(), [...few].sort());
  for (const id of few) pool.release(take(pool, NOW_MS, { onlyKeyId: id }), rest(NOW_MS + 30_000), NOW_MS);
  const before = pool.work;
  t.deepEqual(refusal(pool), { kind: 'resting', retryAfterMs: 30_000 });
  t.true(pool.work - before <= MOST_LOOKS);

  // All come back at one moment: no request pays for all of them.
  let returned = 0;
  for (let number = 0; number < 500; number += 1) {
    const beforeReturn = pool.work;
    pool.abandon(take(pool, NOW_MS + 60_000));
    const work = pool.work - beforeReturn;
    returned += work;
    t.true(work <= 400, `${work} entries in one request`);
  }
  t.true(returned > KEYS);
});
