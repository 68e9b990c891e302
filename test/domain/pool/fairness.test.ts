import test from 'ava';
import { isLease, type KeyPool } from '../../../src/domain/pool/key-pool.ts';
import { ALGORITHM_NAMES, type AlgorithmName } from '../../../src/domain/pool/pool-config.ts';
import type { Lease } from '../../../src/domain/pool/types.ts';
import { judge } from '../../../src/domain/pool/verdict.ts';
import {
  configOf,
  liveKey,
  NOW_MS,
  poolOf,
  request,
  rest,
  STRIKE,
  SUCCESS,
  seededRandom,
  take,
} from './support.ts';

const MINUTE_MS = 60_000;

/** What a vendor allows one key: so many requests in a window. */
interface Limit {
  readonly requests: number;
  readonly windowMs: number;
}

interface Account {
  readonly limit: Limit | undefined;
  used: number;
  windowMs: number;
  /** Until when it told us to wait. */
  toldUntilMs: number;
}

/** A vendor with a limit per key that answers 429 with `Retry-After`. */
class Vendor {
  readonly accounts = new Map<string, Account>();
  /** Epoch ms of each 429. */
  readonly limited: number[] = [];
  /** 429s to keys that had been told to wait. */
  avoidable = 0;

  open(keyId: string, limit: Limit | undefined): void {
    this.accounts.set(keyId, { limit, used: 0, windowMs: 0, toldUntilMs: 0 });
  }

  /** @returns seconds to wait, 0 when it answers */
  ask(keyId: string, nowMs: number): number {
    const account = this.accounts.get(keyId)!;
    const { limit } = account;
    if (limit === undefined) return 0;
    const windowMs = Math.floor(nowMs / limit.windowMs) * limit.windowMs;
    if (windowMs !== account.windowMs) {
      account.windowMs = windowMs;
      account.used = 0;
    }
    account.used += 1;
    if (account.used <= limit.requests) return 0;
    this.limited.push(nowMs);
    if (nowMs < account.toldUntilMs) this.avoidable += 1;
    account.toldUntilMs = windowMs + limit.windowMs;
    return Math.ceil((account.toldUntilMs - nowMs) / 1000);
  }
}

interface Run {
  readonly pool: KeyPool;
  readonly vendor: Vendor;
  readonly random: () => number;
  nowMs: number;
  /** Answered requests by key. */
  readonly answered: Map<string, number>;
  unanswered: number;
  readonly inFlight: { lease: Lease; endMs: number; waitSeconds: number }[];
}

const POLICY = { autoBan: true, ban401: false, ban402: true };

function start(algorithm: AlgorithmName, limits: readonly (Limit | undefined)[]): Run {
  const vendor = new Vendor();
  const keys = limits.map((limit, index) => {
    vendor.open(`k${index}`, limit);
    return liveKey(`k${index}`, { quotaTokens: 50_000_000 });
  });
  return {
    pool: poolOf(keys, { algorithm, concurrentLimit: 20 }),
    vendor,
    random: seededRandom(7),
    nowMs: NOW_MS,
    answered: new Map(),
    unanswered: 0,
    inFlight: [],
  };
}

/** Sends requests at an even rate; each goes on to other keys as the pool's caller does, and takes one to three seconds. */
function send(run: Run, count: number, everyMs: number): void {
  const { pool, vendor, random, answered } = run;
  for (let number = 0; number < count; number += 1) {
    run.nowMs += everyMs;
    finish(run, run.nowMs);
    const tried = new Set<string>();
    for (;;) {
      const lease = pool.lease(request({ tried }), run.nowMs);
      if (!isLease(lease) || tried.size > 10) {
        if (isLease(lease)) pool.abandon(lease);
        run.unanswered += 1;
        break;
      }
      tried.add(lease.key.id);
      const waitSeconds = vendor.ask(lease.key.id, run.nowMs);
      if (waitSeconds === 0) {
        run.inFlight.push({ lease, endMs: run.nowMs + 1000 + random() * 2000, waitSeconds });
        answered.set(lease.key.id, (answered.get(lease.key.id) ?? 0) + 1);
        break;
      }
      const { provider } = lease.key;
      const answer = { status: 429, headers: ['Retry-After', String(waitSeconds)], provider };
      pool.release(lease, judge({ ...answer, model: lease.model, nowMs: run.nowMs }, POLICY), run.nowMs);
    }
  }
}

function finish(run: Run, nowMs: number): void {
  for (let index = run.inFlight.length - 1; index >= 0; index -= 1) {
    const { lease, endMs } = run.inFlight[index]!;
    if (endMs > nowMs) continue;
    run.inFlight.splice(index, 1);
    run.pool.release(lease, SUCCESS, nowMs);
    run.pool.addUsage(lease.key.id, Math.round(200 + run.random() * 1600));
  }
}

/** 50 keys: ten with a small limit per minute, five with a small one per day, the rest without any that matters. */
const MIXED: readonly (Limit | undefined)[] = Array.from({ length: 50 }, (_, index) => {
  if (index % 5 === 0) return { requests: 12, windowMs: MINUTE_MS };
  return index % 10 === 1 ? { requests: 40, windowMs: 1440 * MINUTE_MS } : undefined;
});

for (const algorithm of ALGORITHM_NAMES) {
  test(`${algorithm}: over 10,000 requests on 50 keys with mixed limits no key gets more than twice the mean`, t => {
    const run = start(algorithm, MIXED);
    send(run, 10_000, 60);
    t.is(run.unanswered, 0);
    const most = Math.max(...run.answered.values());
    t.true(most <= 400, `one key got ${most}, the mean is 200`);
    const least = Math.min(
      ...MIXED.flatMap((limit, index) => (limit ? [] : [run.answered.get(`k${index}`) ?? 0])),
    );
    t.true(least >= 100, `a key without limits got ${least}`);
  });

  test(`${algorithm}: no 429 is met that a cool-down told of, and they become fewer as cool-downs are learned`, t => {
    const run = start(algorithm, MIXED);
    send(run, 10_000, 60);
    t.is(run.vendor.avoidable, 0);
    const durationMs = run.nowMs - NOW_MS;
    const first = run.vendor.limited.filter(atMs => atMs < NOW_MS + durationMs / 2).length;
    const second = run.vendor.limited.length - first;
    t.true(second < first, `${first} in the first half, ${second} in the second`);

    // The same, with nothing learned from a 429.
    const blind = start(algorithm, MIXED);
    blind.pool.setRests = () => {};
    const release = blind.pool.release.bind(blind.pool);
    blind.pool.release = (lease, verdict, nowMs) =>
      release(lease, verdict.key.kind === 'rest' ? { ...verdict, key: { kind: 'none' } } : verdict, nowMs);
    send(blind, 10_000, 60);
    t.true(
      blind.vendor.avoidable > 10 * run.vendor.limited.length,
      `${blind.vendor.avoidable} without cool-downs`,
    );
  });

  test(`${algorithm}: a new key gets a fair start, neither left out nor run over`, t => {
    const run = start(
      algorithm,
      Array.from({ length: 50 }, () => undefined),
    );
    send(run, 5000, 60);
    run.vendor.open('new', undefined);
    run.pool.apply({ changed: [liveKey('new', { quotaTokens: 50_000_000 })], removed: [] });
    send(run, 2040, 60);
    const share = (run.answered.get('new') ?? 0) / 40;
    t.true(share >= 0.5 && share <= 2, `${share} of the mean`);
  });

  test(`${algorithm}: in a set too large to look at whole every key gets its share`, t => {
    const run = start(
      algorithm,
      Array.from({ length: 400 }, () => undefined),
    );
    send(run, 16_000, 60);
    const counts = Array.from({ length: 400 }, (_, index) => run.answered.get(`k${index}`) ?? 0);
    t.true(Math.max(...counts) <= 80, `one key got ${Math.max(...counts)}, the mean is 40`);
    t.true(Math.min(...counts) >= 12, `one key got ${Math.min(...counts)}, the mean is 40`);
  });

  test(`${algorithm}: processes that know the same do not all take the same key`, t => {
    const first = new Map<string, number>();
    for (let seed = 1; seed <= 200; seed += 1) {
      const pool = poolOf(['a', 'b', 'c', 'd', 'e'], { algorithm }, { random: seededRandom(seed) });
      const { id } = take(pool).key;
      first.set(id, (first.get(id) ?? 0) + 1);
    }
    t.is(first.size, 5);
    t.true(Math.max(...first.values()) <= 80, JSON.stringify([...first]));
  });
}

/** Ways in which keys are dead, as vendors tell them. */
const DEAD: readonly { status: number; headers: readonly string[]; bodyError: unknown }[] = [
  { status: 401, headers: [], bodyError: { error: { code: 'invalid_api_key' } } },
  { status: 402, headers: [], bodyError: { detail: 'No active subscription found.', status: 402 } },
  { status: 403, headers: [], bodyError: { error: { message: 'Your API key was reported as leaked.' } } },
  { status: 400, headers: [], bodyError: { error: { details: [{ reason: 'API_KEY_INVALID' }] } } },
  { status: 429, headers: [], bodyError: { error: { type: 'insufficient_quota' } } },
  { status: 429, headers: ['Retry-After', '3600'], bodyError: { error: { code: 'rate_limit_exceeded' } } },
];

for (const algorithm of ALGORITHM_NAMES) {
  test(`${algorithm}: with half the keys dead in every way none of 64 clients at once is left without an answer`, t => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const random = seededRandom(seed);
      const keys = Array.from({ length: 50 }, (_, index) => `k${index}`);
      const pool = poolOf(keys, { algorithm }, { random });
      const clients = Array.from({ length: 64 }, () => ({ tried: new Set<string>(), answers: 0 }));
      // Answers come in any order, the first ones after all have asked.
      const waiting = clients.map(client => ({ client, lease: take(pool), atMs: NOW_MS + random() * 900 }));
      for (let next = waiting; next.length > 0; ) {
        next.sort((left, right) => right.atMs - left.atMs);
        const { client, lease, atMs } = next.pop()!;
        client.tried.add(lease.key.id);
        const number = Number(lease.key.id.slice(1));
        const dead = number % 2 === 0 ? DEAD[(number / 2) % DEAD.length]! : undefined;
        const answer = {
          status: 200,
          headers: [],
          ...dead,
          provider: 'openai',
          model: 'gpt-4o',
          nowMs: atMs,
        } as const;
        pool.release(lease, judge(answer, POLICY), atMs);
        if (dead === undefined) {
          client.answers += 1;
          client.tried = new Set();
        }
        if (client.tried.size >= 10) t.fail('ten keys were tried in vain');
        if (client.answers === 5) continue;
        const again = take(pool, atMs, { tried: client.tried });
        next.push({ client, lease: again, atMs: atMs + random() * 900 });
      }
      t.true(clients.every(client => client.answers === 5));
    }
  });
}

/** Uses of each key over so many requests that all succeed. */
function shares(pool: KeyPool, count: number, tokens = 0): Map<string, number> {
  const counts = new Map<string, number>();
  for (let number = 0; number < count; number += 1) {
    const lease = take(pool, NOW_MS + number);
    counts.set(lease.key.id, (counts.get(lease.key.id) ?? 0) + 1);
    pool.release(lease, SUCCESS, NOW_MS + number);
    if (tokens > 0) pool.addUsage(lease.key.id, tokens);
  }
  return counts;
}

test('round-robin takes each key once before any a second time', t => {
  const pool = poolOf(['a', 'b', 'c', 'd'], { algorithm: 'round-robin' });
  const order = Array.from({ length: 12 }, () => {
    const lease = take(pool);
    pool.release(lease, SUCCESS, NOW_MS);
    return lease.key.id;
  });
  t.is(new Set(order.slice(0, 4)).size, 4);
  t.deepEqual(order.slice(4, 8), order.slice(0, 4));
  t.deepEqual(order.slice(8), order.slice(0, 4));
});

test('a key that comes back from a long rest gets its turn, not all turns it missed', t => {
  for (const algorithm of ['round-robin', 'least-used'] as const) {
    const pool = poolOf(['a', 'b', 'c', 'd'], { algorithm });
    pool.release(take(pool, NOW_MS, { onlyKeyId: 'a' }), rest(NOW_MS + 90_000, '*'), NOW_MS);
    for (let number = 0; number < 300; number += 1) pool.abandon(take(pool, NOW_MS + number));
    const after = Array.from({ length: 40 }, () => {
      const lease = take(pool, NOW_MS + 90_000);
      pool.release(lease, SUCCESS, NOW_MS + 90_000);
      return lease.key.id;
    });
    const share = after.filter(id => id === 'a').length;
    t.true(share >= 5 && share <= 15, `${algorithm}: ${share} of 40`);
  }
});

test('least-used looks at requests in flight: a slow key gets fewer', t => {
  const pool = poolOf(['a', 'b', 'slow'], { algorithm: 'least-used' });
  for (let count = 0; count < 8; count += 1) take(pool, NOW_MS, { onlyKeyId: 'slow' });
  const counts = shares(pool, 12);
  t.is(counts.get('slow') ?? 0, 0);
});

test('weighted-score follows success rates', t => {
  const pool = poolOf(['good', 'half'], { algorithm: 'weighted-score', autoBan: { enabled: false } });
  for (let number = 0; number < 100; number += 1) {
    pool.release(take(pool, NOW_MS, { onlyKeyId: 'good' }), SUCCESS, NOW_MS);
    pool.release(take(pool, NOW_MS, { onlyKeyId: 'half' }), number % 2 ? SUCCESS : STRIKE, NOW_MS);
  }
  const counts = new Map<string, number>();
  for (let number = 0; number < 3000; number += 1) {
    const lease = take(pool);
    counts.set(lease.key.id, (counts.get(lease.key.id) ?? 0) + 1);
    pool.abandon(lease);
  }
  const ratio = counts.get('good')! / counts.get('half')!;
  t.true(ratio > 1.7 && ratio < 2.0, `${ratio}: (100 + 9) / (50 + 9) is 1.85`);
});

test('max-remaining follows what is left of the quotas; an unknown quota counts as the mean of the known', t => {
  const quotas: [string, number | undefined][] = [
    ['one', 1_000_000_000],
    ['two', 2_000_000_000],
    ['three', 3_000_000_000],
    ['unknown', undefined],
    ['used', 5_000_000],
  ];
  const keys = quotas.map(([id, quotaTokens]) => liveKey(id, { quotaTokens }));
  const pool = poolOf(keys, { algorithm: 'max-remaining' });
  pool.setUsage(
    new Map([
      ['used', 5_000_000],
      ['three', 1_000_000_000],
    ]),
  );
  const counts = shares(pool, 13_000, 1);
  // 1 : 2 : 2 : 1.25 (the mean of 1, 2, 2 and 0) : 0, and requests in flight take from what is left.
  const expected = { one: 2080, two: 4160, three: 4160, unknown: 2600 };
  for (const [id, count] of Object.entries(expected)) {
    t.true(Math.abs(counts.get(id)! - count) < count * 0.07, `${id}: ${counts.get(id)}, expected ${count}`);
  }
  t.is(counts.get('used') ?? 0, 0);
});

test('max-remaining with all quotas used up still takes a key', t => {
  const pool = poolOf([liveKey('a', { quotaTokens: 5 }), liveKey('b', { quotaTokens: 5 })], {
    algorithm: 'max-remaining',
  });
  pool.setUsage(
    new Map([
      ['a', 10],
      ['b', 10],
    ]),
  );
  t.is(shares(pool, 100).size, 2);
  pool.apply({ changed: [liveKey('c')], removed: [] });
  t.true((shares(pool, 100).get('c') ?? 0) > 90);
});

test('least-token-used lets a key that is far behind catch up without giving it everything', t => {
  const pool = poolOf(['a', 'b', 'c', 'd'], { algorithm: 'least-token-used' });
  pool.setUsage(new Map(['a', 'b', 'c'].map(id => [id, 100_000_000])));
  const counts = shares(pool, 4000, 1000);
  const share = counts.get('d')! / 1000;
  t.true(share > 1.3 && share < 1.7, `${share} of the mean`);
});

test('least-token-used evens tokens out on live data', t => {
  const pool = poolOf(['big', 'small'], { algorithm: 'least-token-used' });
  const tokens = new Map([
    ['big', 0],
    ['small', 0],
  ]);
  for (let number = 0; number < 4000; number += 1) {
    const lease = take(pool, NOW_MS + number);
    const used = lease.key.id === 'big' ? 2000 : 1000;
    pool.release(lease, SUCCESS, NOW_MS + number);
    pool.addUsage(lease.key.id, used);
    tokens.set(lease.key.id, tokens.get(lease.key.id)! + used);
  }
  const ratio = tokens.get('big')! / tokens.get('small')!;
  t.true(ratio > 0.95 && ratio < 1.05, `${ratio}`);
});

test('the algorithm is changed live', t => {
  const pool = poolOf([liveKey('a', { quotaTokens: 1_000_000 }), liveKey('b', { quotaTokens: 1 })], {
    algorithm: 'round-robin',
  });
  t.is(shares(pool, 10).get('b'), 5);
  pool.configure(configOf({ algorithm: 'max-remaining' }));
  t.is(shares(pool, 10).get('b') ?? 0, 0);
});
