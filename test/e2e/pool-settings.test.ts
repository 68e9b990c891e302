import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { fastClock } from '../support/fast-clock.ts';
import { cleared, type PoolServer, startPoolServer } from '../support/pool-server.ts';
import {
  failing,
  good,
  json,
  limited,
  type PoolVendor,
  refused,
  silent,
  startPoolVendor,
  type Treatment,
  unpaid,
} from '../support/pool-vendor.ts';

let server: PoolServer;
test.before(async () => {
  server = await startPoolServer();
});
test.after.always('no key stands in a log, a page, an answer or a file', async t => {
  t.deepEqual(await server.leaks(), []);
});

async function vendorOf(t: ExecutionContext) {
  cleared(t, server);
  return startPoolVendor(t);
}

/** Keys of the calls, as letters in the order of `keys`. */
function order(vendor: PoolVendor, keys: readonly string[], from = 0): string {
  return vendor
    .calls()
    .slice(from)
    .map(({ key }) => 'ABCDEFGH'[keys.indexOf(key!)])
    .join('');
}

async function chats(count: number, on = server): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await on.chat();
}

function share(vendor: PoolVendor, key: string, from: number): number {
  return vendor
    .calls()
    .slice(from)
    .filter(call => call.key === key).length;
}

/** A good answer that used so many tokens. */
function using(tokens: number): Treatment {
  const usage = { prompt_tokens: tokens, completion_tokens: 0, total_tokens: tokens };
  return json({ id: 'chatcmpl-1', object: 'chat.completion', choices: [], usage });
}

test.serial('round-robin: every key in its turn', async t => {
  const vendor = await vendorOf(t);
  await server.configure({ algorithm: 'round-robin' });
  const keys = [1, 2, 3].map(() => vendor.key(good));
  await server.addAll(vendor, keys);
  await chats(12);
  const turns = order(vendor, keys);
  t.is(turns, turns.slice(0, 3).repeat(4));
  t.is(new Set(turns.slice(0, 3)).size, 3);
});

test.serial('random: any key, the last one too', async t => {
  const vendor = await vendorOf(t);
  await server.configure({ algorithm: 'random' });
  const keys = [vendor.key(good), vendor.key(good)];
  await server.addAll(vendor, keys);
  await chats(60);
  t.regex(order(vendor, keys), /AA/);
  t.regex(order(vendor, keys), /BB/);
});

test.serial('least-used: a key that did less before gets more now', async t => {
  const vendor = await vendorOf(t);
  const keys = [vendor.key(good), vendor.key(good)];
  const [, other] = await server.addAll(vendor, keys);
  const toggle = (status: string) => server.admin('PATCH', `/admin/keys/${other}/toggle`, { status });
  for (const [algorithm, expected] of [
    ['round-robin', /^B?ABAB/],
    ['least-used', /^BBBB/],
  ] as const) {
    await server.configure({ algorithm });
    await toggle('disabled');
    await chats(20);
    await toggle('active');
    const from = vendor.calls().length;
    await chats(5);
    t.regex(order(vendor, keys, from), expected, algorithm);
  }
});

test.serial('weighted-score: a key that fails is asked less', async t => {
  const vendor = await vendorOf(t);
  await server.configure({ algorithm: 'weighted-score', autoBan: { enabled: false } });
  const bad = vendor.key(refused());
  await server.addAll(vendor, [bad, vendor.key(good)]);
  await chats(120);
  const weighted = share(vendor, bad, 0);
  t.true(weighted > 0 && weighted < 50, `${weighted} of 120`);
  await server.configure({ algorithm: 'round-robin' });
  const from = vendor.calls().length;
  await chats(20);
  const inTurn = share(vendor, bad, from);
  t.is(inTurn, 20, 'the good key is asked right after it, so the turn is the bad one’s again');
});

test.serial('least-token-used: a key that used many tokens is asked less', async t => {
  const vendor = await vendorOf(t);
  await server.configure({ algorithm: 'least-token-used' });
  const spender = vendor.key(using(500_000));
  const id = await server.add(vendor, spender);
  await server.chat();
  await server.untilRow(id, ({ usedTokens }) => usedTokens === 500_000);
  vendor.treat(spender, using(10));
  await server.add(vendor, vendor.key(using(10)));
  const from = vendor.calls().length;
  await chats(100);
  const spent = share(vendor, spender, from);
  t.true(spent > 5 && spent < 42, `${spent} of 100`);
});

test.serial('max-remaining: keys are asked as their quotas have tokens left', async t => {
  const vendor = await vendorOf(t);
  await server.configure({ algorithm: 'max-remaining' });
  const keys = [vendor.key(using(10)), vendor.key(using(10))];
  await server.add(vendor, keys[0]!, { quotaTokens: 1_000_000 });
  await server.add(vendor, keys[1]!, { quotaTokens: 10_000 });
  await chats(60);
  t.true(share(vendor, keys[0]!, 0) >= 52, order(vendor, keys));
});

test.serial('the other names of algorithms are accepted', async t => {
  await vendorOf(t);
  for (const [given, shown] of [
    ['weighted', 'weighted-score'],
    ['simple', 'round-robin'],
  ] as const) {
    await server.configure({ algorithm: given });
    t.is((await server.json('/admin/config')).algorithm, shown);
  }
  t.is((await server.admin('PUT', '/admin/config', { algorithm: 'best' })).status, 400);
});

/** Fails so many times, then is good. */
function failingTimes(times: number): Treatment {
  let left = times;
  return (call, vendor) => {
    left -= 1;
    return (left >= 0 ? failing('500 Internal Server Error') : good)(call, vendor);
  };
}

test.serial('retry.enabled: whether an upstream that failed is asked again', async t => {
  const vendor = await vendorOf(t);
  const key = vendor.key(failingTimes(1));
  await server.add(vendor, key);
  await server.configure({ retry: { enabled: false } });
  t.is((await server.chat()).status, 500);
  t.is(vendor.calls().length, 1);
  vendor.treat(key, failingTimes(1));
  await server.configure({ retry: { enabled: true } });
  t.is((await server.chat()).status, 200);
  t.is(vendor.calls().length, 3);
});

test.serial('retry.max: how often', async t => {
  const vendor = await vendorOf(t);
  const key = vendor.key(failing('500 Internal Server Error'));
  await server.add(vendor, key);
  await server.configure({ circuit: { threshold: 1000 } });
  for (const max of [0, 1, 5]) {
    await server.configure({ retry: { max } });
    const before = vendor.calls().length;
    t.is((await server.chat()).status, 500);
    t.is(vendor.calls().length - before, max + 1);
  }
});

test.serial('retry.delayMs: after how long', async t => {
  const vendor = await vendorOf(t);
  const key = vendor.key(failingTimes(1));
  await server.add(vendor, key);
  await server.configure({ retry: { delayMs: 60_000 } });
  const leave = new AbortController();
  const waiting = server.ask('/v1/embeddings', {
    method: 'POST',
    body: '{"model":"e"}',
    signal: leave.signal,
  });
  await (await vendor.call(key)).body();
  await server.untilIdle();
  vendor.treat(key, failingTimes(1));
  await server.configure({ retry: { delayMs: 1 } });
  t.is((await server.chat()).status, 200);
  t.is(vendor.calls().length, 3, 'the first one waits still');
  leave.abort();
  await t.throwsAsync(waiting);
});

test.serial('autoBan.enabled, threshold and ban_401: when a refused key is banned', async t => {
  const vendor = await vendorOf(t);
  const key = vendor.key(refused());
  const id = await server.add(vendor, key);
  await server.configure({ autoBan: { enabled: false, threshold: 2 } });
  await chats(4);
  t.like(await server.row(id), { status: 'active', strikes: 4 });

  for (const [threshold, chatsNeeded] of [
    [3, 3],
    [1, 1],
  ] as const) {
    vendor.treat(key, good);
    await chats(1);
    vendor.treat(key, refused());
    await server.configure({ autoBan: { enabled: true, threshold } });
    await chats(chatsNeeded - 1);
    t.like(
      await server.row(id),
      { status: 'active', strikes: chatsNeeded - 1 },
      'strikes begin anew after a success',
    );
    await chats(1);
    const row = await server.row(id);
    t.is(row.status, 'banned');
    t.regex(row.statusReason, /401/);
    const before = vendor.calls().length;
    t.is((await server.chat()).status, 503);
    t.is(vendor.calls().length, before, 'a banned key is not asked');
    await server.admin('PATCH', `/admin/keys/${id}/toggle`, { status: 'active' });
  }

  await server.configure({ autoBan: { threshold: 5, ban_401: true } });
  await chats(1);
  t.is((await server.row(id)).status, 'banned');
});

test.serial('autoBan.ban_402: whether a key without money is banned or rests', async t => {
  const vendor = await vendorOf(t);
  const key = vendor.key(unpaid());
  const id = await server.add(vendor, key);
  await server.configure({ autoBan: { ban_402: false } });
  t.is((await server.chat()).status, 429);
  t.like(await server.row(id), { status: 'resting', rests: { 0: { model: '*' } } });
  await server.admin('POST', `/admin/keys/${id}/wake`);
  await server.configure({ autoBan: { ban_402: true } });
  t.is((await server.chat()).status, 503);
  t.is((await server.row(id)).status, 'banned');
});

test.serial('multiTier: groups in order, on to the next, or not', async t => {
  const vendor = await vendorOf(t);
  for (const [id, priority] of [
    ['first', 1],
    ['second', 2],
  ] as const) {
    await server.admin('POST', '/admin/pool-groups', { id, name: id, priority, description: '' });
  }
  t.teardown(async () => {
    for (const id of ['first', 'second']) await server.admin('DELETE', `/admin/pool-groups/${id}`);
  });
  const keys = [vendor.key(good), vendor.key(good)];
  const first = await server.add(vendor, keys[0]!, { poolGroup: 'first' });
  await server.add(vendor, keys[1]!, { poolGroup: 'second' });
  const asked = async (count: number) => {
    const from = vendor.calls().length;
    await chats(count);
    return [...order(vendor, keys, from)].sort().join('');
  };
  const set = (multiTier: object) => server.configure({ multiTier });

  await set({ enabled: true, autoFallback: true, strictMode: false });
  t.is(await asked(4), 'AAAA');
  await set({ enabled: false });
  t.is(await asked(4), 'AABB');

  await set({ enabled: true });
  vendor.treat(keys[0]!, limited('Retry-After: 500'));
  t.is(await asked(1), 'AB', 'the second group is asked when the first is used up');
  t.is(await asked(2), 'BB');
  await set({ autoFallback: false });
  t.is(await asked(1), '');
  t.is((await server.chat()).status, 429);
  await server.admin('PATCH', `/admin/keys/${first}/toggle`, { status: 'disabled' });
  t.is(await asked(2), 'BB', 'a group without any active key is passed over');
  await set({ strictMode: true });
  t.is((await server.chat()).status, 503);
  t.is(await asked(1), '');
});

test.serial('concurrentLimit: requests of one key at once', async t => {
  const vendor = await vendorOf(t);
  const holding = Promise.withResolvers<void>();
  const key = vendor.key(async (call, own) => {
    await holding.promise;
    await good(call, own);
  });
  await server.add(vendor, key);
  const running: Promise<unknown>[] = [];
  for (const limit of [1, 3]) {
    await server.configure({ concurrentLimit: limit });
    while (running.length < limit) {
      running.push(server.chat());
      await vendor.call(key, running.length - 1);
    }
    t.like((await server.chat()).json.error, { code: 'ERR_KEYS_BUSY' });
  }
  holding.resolve();
  await Promise.all(running);
});

test.serial('requestTimeoutMs: how long the test of a key waits', async t => {
  const vendor = await vendorOf(t);
  const keys = [vendor.key(silent), vendor.key(silent)];
  const [patient, hasty] = await server.addAll(vendor, keys);
  await server.configure({ requestTimeoutMs: 600_000 });
  const first = server.admin('POST', `/admin/keys/${patient}/test`);
  const call = await vendor.call(keys[0]!);
  await server.configure({ requestTimeoutMs: 100 });
  const { body } = await server.admin('POST', `/admin/keys/${hasty}/test`);
  t.like(body.test, { ok: false, status: 0 });
  await good(call, vendor);
  t.like((await first).body.test, { ok: true, status: 200 });
});

test.serial('circuit.threshold and openMs: when an upstream is left alone, and for how long', async t => {
  const vendor = await vendorOf(t);
  const key = vendor.key(failing('503 Service Unavailable'));
  await server.add(vendor, key);
  await server.configure({ retry: { enabled: false }, circuit: { threshold: 1000, openMs: 3_600_000 } });
  await chats(6);
  t.is(vendor.calls().length, 6);
  vendor.treat(key, good);
  await chats(1);
  vendor.treat(key, failing('503 Service Unavailable'));
  await server.configure({ circuit: { threshold: 3 } });
  await chats(3);
  const { status, headers, json: body } = await server.chat();
  t.is(status, 503);
  t.is(body.error.code, 'ERR_UPSTREAM_DOWN');
  const seconds = Number(headers.get('retry-after'));
  t.true(seconds > 3000 && seconds <= 3600);
  t.is(vendor.calls().length, 10);

  const elsewhere = await startPoolVendor(t);
  const other = elsewhere.key(failing('503 Service Unavailable'));
  const otherId = await server.add(elsewhere, other);
  await server.configure({ circuit: { threshold: 1, openMs: 100 } });
  t.is((await server.chat()).status, 503);
  elsewhere.treat(other, good);
  // Open for a tenth of a second; then one request probes, and its success closes the circuit.
  while ((await server.chat()).status !== 200) await setTimeout(20);
  t.is((await server.chat()).status, 200);
  t.is(vendor.calls().length, 10, 'what opened for an hour stays open');
  t.like(await server.row(otherId), { strikes: 0, status: 'active' });
});

test.serial('dryThreshold: when the pool is said to run dry', async t => {
  const vendor = await vendorOf(t);
  const isDry = async () => (await server.json('/admin/stats')).runningDry;
  await server.configure({ dryThreshold: 1 });
  t.false(await isDry(), 'an empty pool runs nowhere');
  const [first] = await server.addAll(vendor, [vendor.key(good), vendor.key(good)]);
  t.false(await isDry());
  await server.configure({ dryThreshold: 3 });
  t.true(await isDry());
  await server.configure({ dryThreshold: 2 });
  t.false(await isDry());
  await server.admin('PATCH', `/admin/keys/${first}/toggle`, { status: 'disabled' });
  t.true(await isDry());
  t.regex(await (await fetch(`${server.url}/metrics`)).text(), /dry.* 1\n/);
  await server.configure({ dryThreshold: 0 });
  t.false(await isDry());
});

test.serial('the console’s settings beat the environment’s, and are taken back one by one', async t => {
  await vendorOf(t);
  const own = await startPoolServer({ env: { KEY_POOL_RETRY_MAX: '7', KEY_POOL_ALGORITHM: 'random' } });
  t.teardown(own.stop);
  const read = () => own.json('/admin/config');
  t.like(await read(), { algorithm: 'random', retry: { max: 7, enabled: true } });
  t.like((await read()).sources, {
    algorithm: 'environment',
    'retry.max': 'environment',
    'retry.enabled': 'default',
  });
  await own.configure({ retry: { max: 2 } });
  t.like(await read(), { retry: { max: 2 }, sources: { 'retry.max': 'console' } });
  await own.configure({ retry: { max: null } });
  t.like(await read(), { retry: { max: 7 }, sources: { 'retry.max': 'environment' } });
  for (const change of [
    { retry: { max: -1 } },
    { retry: { often: 1 } },
    { nothing: 1 },
    {},
    { retry: { max: '2' } },
  ]) {
    t.is((await own.admin('PUT', '/admin/config', change)).status, 400, JSON.stringify(change));
  }
  t.like(await read(), { retry: { max: 7 } });
});

test.serial(
  'recovery: banned keys are tested again when it is on, at its interval, up to its longest',
  async t => {
    // A minute a second: banned keys are looked for every ten seconds.
    const quick = await startPoolServer({ env: fastClock(60) });
    t.teardown(quick.stop);
    const vendor = await startPoolVendor(t);
    const key = vendor.key(unpaid());
    const id = await quick.add(vendor, key);
    await quick.chat();
    t.is((await quick.row(id)).status, 'banned');
    /** Lets at least so many rounds of the prober go by: the watch over the pool's dryness has the same beat. */
    const rounds = async (count: number) => {
      for (let round = 0; round < count; round += 1) {
        for (const dryThreshold of [0, 1]) {
          const lines = dryLines();
          await quick.configure({ dryThreshold });
          while (dryLines() === lines) await setTimeout(20);
        }
      }
    };
    const dryLines = () => quick.lines.filter(line => /key pool (runs dry|has enough)/.test(line)).length;
    await quick.line(({ msg }) => /runs dry/.test(msg));
    const tests = () => vendor.calls(key).length - 1;

    await quick.configure({ recovery: { intervalMs: 1000, maxIntervalMs: 1000 } });
    await rounds(2);
    t.is(tests(), 0, 'off');
    await quick.configure({ recovery: { enabled: true, intervalMs: 30 * 86_400_000 } });
    await rounds(2);
    t.is(tests(), 0, 'not due');
    await quick.configure({ recovery: { intervalMs: 1000 } });
    await vendor.call(key, 12);
    t.is((await quick.row(id)).status, 'banned');
    await quick.configure({ recovery: { maxIntervalMs: 365 * 86_400_000 } });
    await rounds(1);
    const tested = tests();
    await rounds(3);
    t.is(tests(), tested, 'after a dozen tests in vain the next is an hour away');
    vendor.treat(key, good);
    await quick.configure({ recovery: { maxIntervalMs: 1000 } });
    await quick.untilRow(id, ({ status }) => status === 'active');
    t.is((await quick.chat()).status, 200);
    t.deepEqual(await quick.leaks(), []);
  },
);
