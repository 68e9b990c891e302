import test from 'ava';
import { Secret } from '../../../src/base/secret.ts';
import { isLease } from '../../../src/domain/pool/key-pool.ts';
import type { PoolEffect } from '../../../src/domain/pool/types.ts';
import { DEFAULT_POOL, type PoolGroup } from '../../../src/stores/pool-types.ts';
import {
  BAN,
  configOf,
  liveKey,
  NOTHING,
  NOW_MS,
  poolOf,
  refusal,
  request,
  rest,
  STRIKE,
  SUCCESS,
  take,
  usable,
  use,
} from './support.ts';

function group(id: string, priority: number): PoolGroup {
  return { id, name: id, priority, description: '' };
}

test('a resting key is skipped until exactly its time', t => {
  const pool = poolOf(['a']);
  use(pool, rest(NOW_MS + 34_000));
  t.deepEqual(refusal(pool, NOW_MS), { kind: 'resting', retryAfterMs: 34_000 });
  t.deepEqual(refusal(pool, NOW_MS + 33_999), { kind: 'resting', retryAfterMs: 1 });
  t.is(take(pool, NOW_MS + 34_000).key.id, 'a');
});

test('a rest holds for its model alone, a rest for `*` for all', t => {
  const pool = poolOf(['a']);
  use(pool, rest(NOW_MS + 1000, 'gpt-4o'));
  t.is(refusal(pool).kind, 'resting');
  t.deepEqual(usable(pool, NOW_MS, { model: 'o3' }), ['a']);
  t.is(pool.counts(NOW_MS).ready, 1);
  pool.release(take(pool, NOW_MS, { model: 'o3' }), rest(NOW_MS + 5000, '*'), NOW_MS);
  t.deepEqual(refusal(pool, NOW_MS, { model: 'gpt-5' }), { kind: 'resting', retryAfterMs: 5000 });
  t.deepEqual(refusal(pool), { kind: 'resting', retryAfterMs: 5000 });
  t.is(pool.counts(NOW_MS).resting, 1);
  t.deepEqual(usable(pool, NOW_MS + 5000), ['a']);
  t.is(pool.counts(NOW_MS + 5000).ready, 1);
});

test('a later, shorter rest never cuts a longer one, from wherever it comes', t => {
  const pool = poolOf(['a']);
  const [one, two, three] = [take(pool), take(pool), take(pool)];
  pool.release(one!, rest(NOW_MS + 60_000), NOW_MS);
  pool.release(two!, rest(NOW_MS + 2000), NOW_MS);
  pool.setRests([{ keyId: 'a', model: 'gpt-4o', untilMs: NOW_MS + 3000 }], NOW_MS);
  t.deepEqual(refusal(pool), { kind: 'resting', retryAfterMs: 60_000 });
  pool.release(three!, rest(NOW_MS + 90_000), NOW_MS);
  t.deepEqual(refusal(pool), { kind: 'resting', retryAfterMs: 90_000 });
  for (const waitMs of [200_000, 100_000, 150_000]) {
    pool.setRests([{ keyId: 'a', model: '*', untilMs: NOW_MS + waitMs }], NOW_MS);
    t.deepEqual(refusal(pool), { kind: 'resting', retryAfterMs: 200_000 });
  }
});

test('with all keys resting the soonest return is told', t => {
  const pool = poolOf(['a', 'b', 'c']);
  for (const waitMs of [50_000, 20_000, 70_000]) use(pool, rest(NOW_MS + waitMs));
  t.deepEqual(refusal(pool), { kind: 'resting', retryAfterMs: 20_000 });
  t.deepEqual(refusal(pool, NOW_MS + 5000), { kind: 'resting', retryAfterMs: 15_000 });
  t.is(usable(pool, NOW_MS + 20_000).length, 1);
  t.is(usable(pool, NOW_MS + 50_000).length, 2);
});

test('a rest is no strike, and lets a run of strikes stand', t => {
  const pool = poolOf(['a'], { autoBan: { threshold: 2 } });
  use(pool, STRIKE);
  use(pool, rest(NOW_MS + 1000));
  t.is(pool.view('a', NOW_MS)!.strikes, 1);
  use(pool, STRIKE, NOW_MS + 1000);
  t.is(pool.view('a', NOW_MS)!.state, 'banned');
});

test('strikes ban when they come in a row up to the threshold; a success begins anew', t => {
  const effects: PoolEffect[] = [];
  const pool = poolOf(['a'], { autoBan: { threshold: 3 } }, { onEffect: effect => effects.push(effect) });
  for (const verdict of [STRIKE, STRIKE, SUCCESS, STRIKE, STRIKE, NOTHING]) use(pool, verdict);
  t.is(pool.view('a', NOW_MS)!.strikes, 2);
  t.deepEqual(effects, []);
  use(pool, STRIKE);
  t.deepEqual(refusal(pool), { kind: 'unusable' });
  t.deepEqual(effects, [
    {
      kind: 'ban',
      keyId: 'a',
      source: 'stored',
      reason: '3 failures in a row, the last: 401 invalid_api_key',
      atMs: NOW_MS,
    },
  ]);
});

test('without automatic bans strikes are counted and nobody is banned', t => {
  const pool = poolOf(['a'], { autoBan: { enabled: false, threshold: 1 } });
  for (let count = 0; count < 10; count += 1) use(pool, STRIKE);
  t.is(pool.view('a', NOW_MS)!.state, 'ready');
  t.is(pool.view('a', NOW_MS)!.strikes, 10);
});

test('a ban is told once, however many requests find the key dead', t => {
  const effects: PoolEffect[] = [];
  const pool = poolOf(['a'], {}, { onEffect: effect => effects.push(effect) });
  const leases = [take(pool), take(pool), take(pool)];
  for (const lease of leases) pool.release(lease, BAN, NOW_MS);
  t.is(effects.length, 1);
  t.is(pool.counts(NOW_MS).banned, 1);
});

test('a ban does not overrule an admin who disabled the key meanwhile', t => {
  const effects: PoolEffect[] = [];
  const pool = poolOf(['a'], {}, { onEffect: effect => effects.push(effect) });
  const lease = take(pool);
  pool.apply({ changed: [liveKey('a', { status: 'disabled' })], removed: [] });
  pool.release(lease, BAN, NOW_MS);
  t.is(pool.view('a', NOW_MS)!.state, 'disabled');
  t.deepEqual(effects, []);
});

test('a lease is given back once: the second time is an error', t => {
  const pool = poolOf(['a']);
  const one = take(pool);
  pool.release(one, SUCCESS, NOW_MS);
  t.throws(() => pool.release(one, SUCCESS, NOW_MS), { message: /twice/ });
  t.throws(() => pool.abandon(one), { message: /twice/ });
  const two = take(pool);
  pool.abandon(two);
  t.throws(() => pool.release(two, BAN, NOW_MS), { message: /twice/ });
  t.throws(() => pool.abandon({ key: two.key, model: 'x' }), { instanceOf: TypeError });
  t.is(pool.view('a', NOW_MS)!.inFlight, 0);
  t.is(pool.view('a', NOW_MS)!.state, 'ready');
});

test('a client that left blames nobody', t => {
  const pool = poolOf(['a'], { autoBan: { threshold: 1 } });
  const before = pool.view('a', NOW_MS)!;
  pool.abandon(take(pool));
  const { strikes, successes, failures, inFlight } = pool.view('a', NOW_MS)!;
  t.deepEqual(
    { strikes, successes, failures, inFlight },
    { strikes: 0, successes: 0, failures: 0, inFlight: 0 },
  );
  t.is(before.state, 'ready');
});

test('a key at its limit of requests in flight is left out until one ends', t => {
  const pool = poolOf(['a', 'b'], { concurrentLimit: 2 });
  const leases = [take(pool), take(pool), take(pool), take(pool)];
  t.deepEqual(leases.map(lease => lease.key.id).sort(), ['a', 'a', 'b', 'b']);
  t.deepEqual(refusal(pool), { kind: 'busy' });
  t.is(pool.counts(NOW_MS).busy, 2);
  pool.abandon(leases[0]!);
  t.deepEqual(usable(pool), [leases[0]!.key.id]);
  t.is(pool.counts(NOW_MS).busy, 1);
});

test('the limit is shared by the processes of an installation', t => {
  const pool = poolOf(['a'], { concurrentLimit: 10 }, { processes: 4 });
  for (let count = 0; count < 3; count += 1) take(pool);
  t.is(refusal(pool).kind, 'busy');
  const small = poolOf(['a'], { concurrentLimit: 1 }, { processes: 4 });
  take(small);
  t.is(refusal(small).kind, 'busy');
});

test('keys that the request tried and that are at their limit do not make it wait', t => {
  const pool = poolOf(['a'], { concurrentLimit: 1 });
  take(pool);
  t.is(refusal(pool).kind, 'busy');
  t.is(refusal(pool, NOW_MS, { tried: new Set(['a']) }).kind, 'unusable');
});

test('the reason why there is no key is told', t => {
  t.deepEqual(refusal(poolOf([])), { kind: 'none' });
  t.deepEqual(refusal(poolOf([liveKey('a', { provider: 'xai' })])), { kind: 'none' });
  t.deepEqual(refusal(poolOf([liveKey('a', { status: 'banned' }), liveKey('b', { status: 'disabled' })])), {
    kind: 'unusable',
  });
  t.deepEqual(refusal(poolOf(['a']), NOW_MS, { tried: new Set(['a']) }), { kind: 'unusable' });
  t.deepEqual(refusal(poolOf(['a']), NOW_MS, { avoids: () => true }), {
    kind: 'avoided',
    upstreams: ['openai'],
  });
  const mixed = poolOf(['a', 'b', liveKey('c', { status: 'banned' })]);
  const first = use(mixed, rest(NOW_MS + 1000));
  const other = first === 'a' ? 'b' : 'a';
  t.deepEqual(refusal(mixed, NOW_MS, { tried: new Set([other]) }), { kind: 'resting', retryAfterMs: 1000 });
});

test('a request that must use one key gets it or the reason why not', t => {
  const pool = poolOf(['a', 'b', 'c'], { concurrentLimit: 1 });
  const only = (onlyKeyId: string, fields = {}) => pool.lease(request({ onlyKeyId, ...fields }), NOW_MS);
  t.deepEqual(only('x'), { kind: 'none' });
  t.deepEqual(only('a', { providers: ['xai'] }), { kind: 'none' });
  t.deepEqual(only('a', { tried: new Set(['a']) }), { kind: 'unusable' });
  t.deepEqual(only('a', { avoids: (upstream: string) => upstream === 'openai' }), {
    kind: 'avoided',
    upstreams: ['openai'],
  });
  const lease = only('b');
  t.true(isLease(lease) && lease.key.id === 'b');
  t.deepEqual(only('b'), { kind: 'busy' });
  if (isLease(lease)) pool.release(lease, rest(NOW_MS + 500), NOW_MS);
  t.deepEqual(only('b'), { kind: 'resting', retryAfterMs: 500 });
  t.true(isLease(only('b', { model: 'o3' })));
  pool.apply({ changed: [liveKey('c', { status: 'banned' })], removed: [] });
  t.deepEqual(only('c'), { kind: 'unusable' });
});

test('asking whether there is a key takes none', t => {
  const pool = poolOf(['a'], { concurrentLimit: 1 });
  t.true(pool.hasKeyFor(request(), NOW_MS));
  t.true(pool.hasKeyFor(request({ onlyKeyId: 'a' }), NOW_MS));
  t.is(pool.view('a', NOW_MS)!.inFlight, 0);
  take(pool);
  t.false(pool.hasKeyFor(request(), NOW_MS));
  t.false(pool.hasKeyFor(request({ onlyKeyId: 'a' }), NOW_MS));
});

test('a key that is deleted while it is in use does no harm', t => {
  const effects: PoolEffect[] = [];
  const pool = poolOf(['a', 'b'], {}, { onEffect: effect => effects.push(effect) });
  const leases = [take(pool), take(pool), take(pool), take(pool)];
  pool.apply({ changed: [], removed: ['a'] });
  const verdicts = [BAN, rest(NOW_MS + 1000, '*')];
  for (const lease of leases) {
    if (lease.key.id === 'a') pool.release(lease, verdicts.pop()!, NOW_MS);
    else pool.abandon(lease);
  }
  t.deepEqual(effects, []);
  t.deepEqual(usable(pool), ['b']);
  pool.apply({ changed: [liveKey('a')], removed: [] });
  t.deepEqual(usable(pool), ['a', 'b']);
  t.is(pool.view('a', NOW_MS)!.inFlight, 0);
});

test('a verdict on another secret, or from before a key was taken back, does not count', t => {
  const pool = poolOf(['a']);
  const old = take(pool);
  pool.apply({ changed: [liveKey('a', { secret: new Secret('sk-new') })], removed: [] });
  pool.release(old, BAN, NOW_MS);
  t.is(pool.view('a', NOW_MS)!.state, 'ready');

  const early = take(pool);
  use(pool, BAN);
  t.is(pool.view('a', NOW_MS)!.state, 'banned');
  pool.apply({ changed: [liveKey('a', { secret: new Secret('sk-new') })], removed: [] });
  t.is(pool.view('a', NOW_MS)!.strikes, 0);
  pool.release(early, BAN, NOW_MS);
  t.is(pool.view('a', NOW_MS)!.state, 'ready');
  t.is(pool.view('a', NOW_MS)!.inFlight, 0);
});

test('a change of notes or pool keeps what is known of a key', t => {
  const pool = poolOf(['a'], { autoBan: { threshold: 3 } });
  use(pool, STRIKE);
  use(pool, rest(NOW_MS + 1000));
  pool.apply({ changed: [liveKey('a', { pool: 'other', quotaTokens: 5 })], removed: [] });
  const view = pool.view('a', NOW_MS)!;
  t.is(view.strikes, 1);
  t.deepEqual(view.rests, [{ model: 'gpt-4o', untilMs: NOW_MS + 1000 }]);
  t.is(refusal(pool).kind, 'resting');
});

test('a key is woken for one model or for all', t => {
  const pool = poolOf(['a']);
  const rests = ['gpt-4o', 'o3', '*'].map(model => ({ keyId: 'a', model, untilMs: NOW_MS + 1000 }));
  pool.setRests(rests, NOW_MS);
  pool.wake('a', '*');
  t.is(refusal(pool).kind, 'resting');
  t.deepEqual(usable(pool, NOW_MS, { model: 'gpt-5' }), ['a']);
  pool.wake('a', 'gpt-4o');
  t.deepEqual(usable(pool), ['a']);
  t.is(refusal(pool, NOW_MS, { model: 'o3' }).kind, 'resting');
  pool.setRests(rests, NOW_MS);
  pool.wake('a');
  pool.wake('unknown');
  for (const model of ['gpt-4o', 'o3', 'gpt-5']) t.deepEqual(usable(pool, NOW_MS, { model }), ['a']);
});

test('a rest stands through a ban and what follows it', t => {
  const pool = poolOf(['a', 'b']);
  pool.setRests([{ keyId: 'a', model: 'gpt-4o', untilMs: NOW_MS + 9000 }], NOW_MS);
  pool.apply({ changed: [liveKey('a', { status: 'banned' })], removed: [] });
  // Others come and go for the model meanwhile.
  pool.setRests([{ keyId: 'b', model: 'gpt-4o', untilMs: NOW_MS + 10 }], NOW_MS);
  t.deepEqual(usable(pool, NOW_MS + 10), ['b']);
  pool.setRests([{ keyId: 'b', model: 'o3', untilMs: NOW_MS + 100 }], NOW_MS + 20);
  pool.apply({ changed: [liveKey('a')], removed: [] });
  t.deepEqual(usable(pool, NOW_MS + 8999), ['b']);
  t.deepEqual(usable(pool, NOW_MS + 9000), ['a', 'b']);
});

test('more models with rests than a pool keeps apart never lose a rest', t => {
  const pool = poolOf(['a', 'b']);
  const models = Array.from({ length: 2000 }, (_, index) => `model-${index}`);
  for (const model of models) pool.setRests([{ keyId: 'a', model, untilMs: NOW_MS + 1000 }], NOW_MS);
  for (const model of models) t.deepEqual(usable(pool, NOW_MS, { model }), ['b']);
  for (const model of models) t.deepEqual(usable(pool, NOW_MS + 1000, { model }), ['a', 'b']);
});

test('names of models are kept to a length', t => {
  const pool = poolOf(['a']);
  const model = 'm'.repeat(100_000);
  pool.release(take(pool, NOW_MS, { model }), rest(NOW_MS + 1000, model), NOW_MS);
  t.is(refusal(pool, NOW_MS, { model }).kind, 'resting');
  t.true(pool.view('a', NOW_MS)!.rests[0]!.model.length <= 200);
});

test('time never runs backwards in a pool', t => {
  const pool = poolOf(['a']);
  use(pool, rest(NOW_MS + 1000), NOW_MS + 500);
  t.is(refusal(pool, NOW_MS - 5000).kind, 'resting');
  t.is(take(pool, NOW_MS + 1000).key.id, 'a');
});

test('pools are asked in order of their priority while one has a usable key', t => {
  const pool = poolOf([
    liveKey('a', { pool: 'free' }),
    liveKey('b', { pool: 'paid' }),
    liveKey('c', { pool: 'last' }),
  ]);
  pool.setGroups([group('paid', 2), group('free', 1), group('last', 3), group(DEFAULT_POOL, 9)]);
  for (let count = 0; count < 20; count += 1) t.is(use(pool), 'a');
  use(pool, rest(NOW_MS + 1000));
  t.is(use(pool), 'b');
  t.is(use(pool, SUCCESS, NOW_MS + 1000), 'a');
  pool.setGroups([group('paid', 1), group('free', 2), group('last', 3), group(DEFAULT_POOL, 9)]);
  t.is(use(pool, SUCCESS, NOW_MS + 1000), 'b');
});

test('pools of equal priority are one tier', t => {
  const pool = poolOf([liveKey('a', { pool: 'x' }), liveKey('b', { pool: 'y' })]);
  pool.setGroups([group('x', 1), group('y', 1), group(DEFAULT_POOL, 9)]);
  const used = new Set(Array.from({ length: 20 }, () => use(pool)));
  t.is(used.size, 2);
});

test('without fallback the next pool is asked only when all keys of this one are banned or disabled', t => {
  const pool = poolOf([liveKey('a', { pool: 'free' }), liveKey('b', { pool: 'paid' })], {
    multiTier: { autoFallback: false },
    concurrentLimit: 1,
  });
  pool.setGroups([group('free', 1), group('paid', 2)]);
  const lease = take(pool);
  t.is(refusal(pool).kind, 'busy');
  pool.release(lease, rest(NOW_MS + 1000), NOW_MS);
  t.deepEqual(refusal(pool), { kind: 'resting', retryAfterMs: 1000 });
  pool.apply({ changed: [liveKey('a', { pool: 'free', status: 'banned' })], removed: [] });
  t.is(use(pool), 'b');
});

test('strict mode never leaves the first pool that has keys for the request', t => {
  const pool = poolOf(
    [
      liveKey('x', { pool: 'first', provider: 'xai' }),
      liveKey('a', { pool: 'free' }),
      liveKey('b', { pool: 'paid' }),
    ],
    { multiTier: { strictMode: true } },
  );
  pool.setGroups([group('first', 1), group('free', 2), group('paid', 3)]);
  t.is(use(pool, BAN), 'a');
  t.deepEqual(refusal(pool), { kind: 'unusable' });
  pool.configure(configOf({ multiTier: { strictMode: false } }));
  t.is(use(pool), 'b');
});

test('with tiers off all pools are one', t => {
  const pool = poolOf([liveKey('a', { pool: 'free' }), liveKey('b', { pool: 'paid' })], {
    multiTier: { enabled: false, strictMode: true },
  });
  pool.setGroups([group('free', 1), group('paid', 2)]);
  t.is(new Set(Array.from({ length: 10 }, () => use(pool))).size, 2);
  pool.configure(configOf({ multiTier: { enabled: true } }));
  t.deepEqual([...new Set(Array.from({ length: 10 }, () => use(pool)))], ['a']);
});

test('keys of a pool that is gone are of `default`', t => {
  const pool = poolOf([liveKey('a', { pool: 'gone' }), liveKey('b', { pool: 'late' })]);
  pool.setGroups([group(DEFAULT_POOL, 1), group('late', 2)]);
  t.deepEqual([...new Set(Array.from({ length: 10 }, () => use(pool)))], ['a']);
  t.is(pool.counts(NOW_MS, { pool: DEFAULT_POOL }).ready, 1);
  t.is(pool.counts(NOW_MS, { pool: 'gone' }).ready, 0);
});

test('sources are asked in their order, each with keys of its own', t => {
  const pool = poolOf([liveKey('stored')]);
  pool.replaceAll('environment', [liveKey('env', { source: 'environment' })]);
  pool.replaceAll('oauth', [liveKey('token', { source: 'oauth' })]);
  t.is(use(pool), 'env');
  use(pool, BAN);
  t.is(use(pool), 'stored');
  pool.replaceAll('environment', []);
  t.deepEqual(usable(pool), ['stored', 'token']);
  use(pool, BAN);
  t.is(use(pool), 'token');
});

test('a read-only source that is read again keeps its bans, unless the secret is another one', t => {
  const pool = poolOf([]);
  const keys = () => [liveKey('one', { source: 'file' }), liveKey('two', { source: 'file' })];
  pool.replaceAll('file', keys());
  const dead = use(pool, BAN);
  pool.replaceAll('file', keys());
  t.is(pool.view(dead, NOW_MS)!.state, 'banned');
  pool.replaceAll(
    'file',
    keys().map(key => (key.id === dead ? { ...key, secret: new Secret('sk-other') } : key)),
  );
  t.is(pool.view(dead, NOW_MS)!.state, 'ready');
});

test("the client's own key takes the same path and nothing is held against it", t => {
  const effects: PoolEffect[] = [];
  const pool = poolOf(['a'], {}, { onEffect: effect => effects.push(effect) });
  const lease = pool.lendForeign(liveKey('client', { source: 'client' }), 'gpt-4o');
  t.is(lease.key.secret.reveal(), 'sk-client');
  pool.release(lease, BAN, NOW_MS);
  t.throws(() => pool.abandon(lease), { message: /twice/ });
  t.deepEqual(effects, []);
  t.is(pool.size, 1);
});

test('a banned key can be leased for a test, which does not revive it', t => {
  const pool = poolOf([liveKey('a', { status: 'banned' })], { concurrentLimit: 1 });
  const lease = pool.leaseForTest('a', '*')!;
  t.is(lease.key.id, 'a');
  t.is(pool.view('a', NOW_MS)!.inFlight, 1);
  pool.release(lease, SUCCESS, NOW_MS);
  t.is(pool.view('a', NOW_MS)!.state, 'banned');
  t.is(pool.leaseForTest('x', '*'), undefined);
});

test('keys of upstreams to be avoided are left out, whatever the number of upstreams', t => {
  const keys = Array.from({ length: 100 }, (_, index) =>
    liveKey(`k${index}`, { baseUrl: `https://${index}.example` }),
  );
  const pool = poolOf([...keys, liveKey('plain')]);
  const bad = new Set(keys.slice(0, 99).map(key => key.baseUrl!));
  const fields = { avoids: (upstream: string) => bad.has(upstream) || upstream === 'openai' };
  t.deepEqual(usable(pool, NOW_MS, fields), ['k99']);
  const refused = refusal(pool, NOW_MS, { avoids: () => true });
  t.true(refused.kind === 'avoided' && refused.upstreams.length > 10 && refused.upstreams.length <= 100);
  t.deepEqual(usable(pool, NOW_MS, { avoids: upstream => upstream !== 'openai' }), ['plain']);
});

test('a request that met bad keys goes on to one that works', t => {
  const keys = Array.from({ length: 40 }, (_, index) => `k${index}`);
  const pool = poolOf(keys, { algorithm: 'random', autoBan: { enabled: false } });
  pool.release(take(pool, NOW_MS, { onlyKeyId: 'k7' }), SUCCESS, NOW_MS);
  for (const id of keys) {
    if (id !== 'k7') pool.release(take(pool, NOW_MS, { onlyKeyId: id }), STRIKE, NOW_MS);
  }
  t.is(take(pool, NOW_MS, { tried: new Set(['k1']) }).key.id, 'k7');
  t.not(take(pool, NOW_MS, { tried: new Set(['k7']) }).key.id, 'k7');
});

test('settings are live: limits of requests in flight grow and shrink', t => {
  const pool = poolOf(['a'], { concurrentLimit: 1 });
  const leases = [take(pool)];
  t.is(refusal(pool).kind, 'busy');
  pool.configure(configOf({ concurrentLimit: 3 }));
  leases.push(take(pool), take(pool));
  t.is(refusal(pool).kind, 'busy');
  pool.configure(configOf({ concurrentLimit: 2 }));
  pool.abandon(leases.pop()!);
  t.is(refusal(pool).kind, 'busy');
  pool.abandon(leases.pop()!);
  t.is(take(pool).key.id, 'a');
});

test('counts tell every key once, by source, pool and provider', t => {
  const pool = poolOf(
    [
      liveKey('a'),
      liveKey('b', { provider: 'xai' }),
      liveKey('c', { pool: 'x', status: 'banned' }),
      liveKey('d', { pool: 'x', status: 'disabled' }),
      liveKey('e', { pool: 'x', provider: 'gemini' }),
    ],
    { concurrentLimit: 1 },
  );
  pool.replaceAll('environment', [liveKey('f', { source: 'environment' })]);
  pool.setRests([{ keyId: 'e', model: '*', untilMs: NOW_MS + 1000 }], NOW_MS);
  const lease = take(pool, NOW_MS, { onlyKeyId: 'a' });
  t.deepEqual(pool.counts(NOW_MS), { ready: 2, resting: 1, busy: 1, disabled: 1, banned: 1 });
  t.deepEqual(pool.counts(NOW_MS, { source: 'environment' }), {
    ready: 1,
    resting: 0,
    busy: 0,
    disabled: 0,
    banned: 0,
  });
  t.deepEqual(pool.counts(NOW_MS, { pool: 'x' }), { ready: 0, resting: 1, busy: 0, disabled: 1, banned: 1 });
  t.deepEqual(pool.counts(NOW_MS, { provider: 'xai' }), {
    ready: 1,
    resting: 0,
    busy: 0,
    disabled: 0,
    banned: 0,
  });
  t.deepEqual([...pool.providers()].sort(), ['gemini', 'openai', 'xai']);
  t.is(
    pool.tallies(NOW_MS).reduce((sum, { counts }) => sum + counts.ready, 0),
    2,
  );
  pool.release(lease, SUCCESS, NOW_MS);
  pool.apply({ changed: [liveKey('b', { provider: 'xai', status: 'banned' })], removed: ['c'] });
  t.deepEqual(pool.counts(NOW_MS + 1000), { ready: 3, resting: 0, busy: 0, disabled: 1, banned: 1 });
  t.false(pool.providers().has('xai'));
});

test('a pool runs dry when fewer keys are usable than the threshold', t => {
  const pool = poolOf(['a', 'b'], { dryThreshold: 2, concurrentLimit: 1 });
  t.false(pool.runningDry(NOW_MS));
  take(pool);
  t.false(pool.runningDry(NOW_MS), 'a key at work is usable');
  use(pool, rest(NOW_MS + 1000, '*'));
  t.true(pool.runningDry(NOW_MS));
  t.false(pool.runningDry(NOW_MS + 1000));
  pool.configure(configOf({ dryThreshold: 0 }));
  use(pool, BAN, NOW_MS + 1000);
  t.false(pool.runningDry(NOW_MS + 1000));
  t.false(poolOf([], { dryThreshold: 5 }).runningDry(NOW_MS));
});

test('rests are told to others with what they need to know', t => {
  const effects: PoolEffect[] = [];
  const pool = poolOf(['a'], {}, { onEffect: effect => effects.push(effect) });
  const leases = [take(pool), take(pool)];
  pool.release(leases[0]!, rest(NOW_MS + 5000), NOW_MS);
  pool.release(leases[1]!, rest(NOW_MS + 1000), NOW_MS);
  t.deepEqual(effects, [
    { kind: 'rest', keyId: 'a', source: 'stored', model: 'gpt-4o', untilMs: NOW_MS + 5000 },
  ]);
});
