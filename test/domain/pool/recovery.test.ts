import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Secret } from '../../../src/base/secret.ts';
import { nextTestMs, Recovery } from '../../../src/domain/pool/recovery.ts';
import { SourceBans } from '../../../src/domain/pool/source-bans.ts';
import type { PoolEffect } from '../../../src/domain/pool/types.ts';
import type { KeyTest, PoolStores, StoredKey } from '../../../src/stores/pool-types.ts';
import { openSqlite } from '../../../src/stores/sqlite/open-sqlite.ts';
import { capturedLog } from '../../support/captured-log.ts';
import { manualSchedule, recordOf, startProcess, storedKey } from './replica-support.ts';
import { liveKey, NOW_MS, usable } from './support.ts';

const HOUR_MS = 3_600_000;
const CONFIG = { enabled: true, intervalMs: HOUR_MS, maxIntervalMs: 24 * HOUR_MS };

async function openStores(t: ExecutionContext): Promise<PoolStores> {
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-recovery-'));
  const stores = await openSqlite(folder);
  t.teardown(async () => {
    await stores.close();
    await rm(folder, { recursive: true });
  });
  return stores.pool;
}

/** A prober over a replica of the stores; `results` says how each key tests. */
async function prober(
  t: ExecutionContext,
  stores: PoolStores,
  options: { holder?: string; config?: typeof CONFIG; results?: (keyId: string) => Partial<KeyTest> } = {},
) {
  const noted: ((effect: PoolEffect) => void)[] = [];
  const onEffect = (effect: PoolEffect) => {
    for (const note of noted) note(effect);
  };
  const process = await startProcess(t, stores, { poolOptions: { onEffect } });
  const sourceBans = new SourceBans(process.pool);
  noted.push(
    effect => sourceBans.note(effect),
    effect => process.replica.record(effect),
  );
  const timers = manualSchedule();
  const tested: string[] = [];
  const { log, lines } = capturedLog();
  let config = options.config ?? CONFIG;
  const recovery = new Recovery({
    stores: process.gate.stores,
    records: () => process.replica.records.values(),
    sourceBans,
    config: () => config,
    holder: options.holder ?? 'one',
    log,
    now: () => process.clock.nowMs,
    schedule: timers.schedule,
    test: async keyId => {
      tested.push(keyId);
      return { atMs: process.clock.nowMs, ok: false, status: 401, detail: '', ...options.results?.(keyId) };
    },
  });
  t.teardown(() => recovery.stop());
  return {
    ...process,
    sourceBans,
    recovery,
    /** Bans a key as a request would. */
    ban: (keyId: string) => {
      const { pool, clock } = process;
      const lease = pool.leaseForTest(keyId, 'gpt-4o')!;
      const key = { kind: 'ban', reason: '401 unauthorized' } as const;
      pool.release(lease, { key, upstream: 'none', then: 'another-key' }, clock.nowMs);
    },
    tested,
    lines,
    timers,
    configure: (changed: Partial<typeof CONFIG>) => {
      config = { ...config, ...changed };
    },
    /** So much later, with a fresh replica. */
    round: async (laterMs: number) => {
      process.clock.nowMs += laterMs;
      const count = await recovery.round();
      await process.replica.refresh();
      return count;
    },
  };
}

function banned(id: string, fields: Partial<StoredKey> = {}): StoredKey {
  return storedKey(id, { status: 'banned', statusReason: '401 unauthorized', ...fields });
}

test('a banned key that works again is taken back, with its cool-downs ended', async t => {
  const stores = await openStores(t);
  await stores.keys.add([banned('a', { failedRecoveries: 3 })]);
  await stores.rests.rest({ keyId: 'a', model: '*', untilMs: NOW_MS + 1000 * HOUR_MS }, NOW_MS);
  const { round, pool, clock } = await prober(t, stores, { results: () => ({ ok: true, status: 200 }) });
  t.is(await round(24 * HOUR_MS), 1);
  t.like(await recordOf(stores, 'a'), {
    status: 'active',
    failedRecoveries: 0,
    statusAtMs: clock.nowMs,
    lastTest: { atMs: clock.nowMs, ok: true, status: 200, detail: '' },
  });
  t.deepEqual(usable(pool, clock.nowMs), ['a']);
});

test('tests that fail come ever later, up to the longest interval', async t => {
  const stores = await openStores(t);
  await stores.keys.add([banned('a')]);
  const { round, clock } = await prober(t, stores);
  const atHours: number[] = [];
  while (atHours.length < 8) {
    if ((await round(HOUR_MS / 10)) === 1) atHours.push((clock.nowMs - NOW_MS) / HOUR_MS);
  }
  const waits = atHours.map((hours, index) => hours - (atHours[index - 1] ?? 0));
  // Each wait is up to a fifth longer, by the key's id, and seen within a tenth of an hour.
  for (const [index, hours] of [1, 2, 4, 8, 16, 24, 24, 24].entries()) {
    t.true(waits[index]! >= hours - 0.11 && waits[index]! <= hours * 1.2 + 0.11, `${index}: ${waits[index]}`);
  }
  t.is((await recordOf(stores, 'a'))!.failedRecoveries, 8);
  t.is((await recordOf(stores, 'a'))!.status, 'banned');
});

test('an upstream that fails says nothing about the key: the next test comes no later for it', async t => {
  const stores = await openStores(t);
  await stores.keys.add([banned('a'), banned('b')]);
  const { round } = await prober(t, stores, { results: id => ({ status: id === 'a' ? 0 : 503 }) });
  t.is(await round(2 * HOUR_MS), 2);
  t.is((await recordOf(stores, 'a'))!.failedRecoveries, 0);
  t.is((await recordOf(stores, 'b'))!.failedRecoveries, 0);
  t.is(await round(0), 0);
  t.is(await round(2 * HOUR_MS), 2);
});

test('only banned keys are tested, and only when recovery is on', async t => {
  const stores = await openStores(t);
  await stores.keys.add([storedKey('a'), storedKey('b', { status: 'disabled' }), banned('c')]);
  const { round, tested, configure } = await prober(t, stores);
  configure({ enabled: false });
  t.is(await round(24 * HOUR_MS), 0);
  configure({ enabled: true });
  t.is(await round(0), 1);
  t.deepEqual(tested, ['c']);
});

test('one process of the installation probes at a time; another takes over when it is gone', async t => {
  const stores = await openStores(t);
  await stores.keys.add([banned('a')]);
  const one = await prober(t, stores, { holder: 'one' });
  const two = await prober(t, stores, { holder: 'two' });
  t.is(await one.round(2 * HOUR_MS), 1);
  t.is(await two.round(2 * HOUR_MS), 0);
  await one.recovery.stop();
  two.clock.nowMs += 4 * HOUR_MS;
  t.is(await two.round(0), 1);
});

test('a prober that died is replaced when its lease has run out', async t => {
  const stores = await openStores(t);
  await stores.keys.add([banned('a')]);
  const two = await prober(t, stores, { holder: 'two' });
  await stores.leases.take('pool-recovery', 'dead', { nowMs: NOW_MS + 2 * HOUR_MS, forMs: 60_000 });
  t.is(await two.round(2 * HOUR_MS), 0);
  t.is(await two.round(59_999), 0);
  t.is(await two.round(1), 1);
});

test('a key that an admin disabled or replaced during its test is left as it is', async t => {
  const stores = await openStores(t);
  await stores.keys.add([banned('a'), banned('b')]);
  const { round, replica, gate } = await prober(t, stores, { results: () => ({ ok: true, status: 200 }) });
  let once = true;
  gate.hold = async verb => {
    if (verb !== 'leases.take' || !once) return;
    once = false;
    await stores.keys.update('a', { status: 'disabled' });
    await stores.keys.update('b', { sealed: 'sealed:sk-other', fingerprint: 'other' });
  };
  t.is(await round(2 * HOUR_MS), 2);
  t.is((await recordOf(stores, 'a'))!.status, 'disabled');
  t.is((await recordOf(stores, 'b'))!.status, 'banned');
  t.is(replica.state, 'ok');
});

test('a store that is away ends the round, is told of once, and the next round goes on', async t => {
  const stores = await openStores(t);
  await stores.keys.add([banned('a')]);
  const { recovery, gate, clock, lines } = await prober(t, stores);
  clock.nowMs += 2 * HOUR_MS;
  gate.away = true;
  t.is(await recovery.round(), 0);
  t.is(await recovery.round(), 0);
  t.is(lines.filter(line => line.includes('cannot be tested')).length, 1);
  gate.away = false;
  t.is(await recovery.round(), 1);
});

test('of very many due keys those that wait longest come first, so many in a round', async t => {
  const stores = await openStores(t);
  const keys = Array.from({ length: 250 }, (_, index) =>
    banned(`k${index}`, { statusAtMs: NOW_MS - index * HOUR_MS }),
  );
  await stores.keys.add(keys);
  const { recovery, replica, tested } = await prober(t, stores, { config: { ...CONFIG, intervalMs: 1000 } });
  t.is(await recovery.round(), 200);
  t.is(tested[0], 'k249');
  t.is(new Set(tested).size, 200);
  await replica.refresh();
  t.is(await recovery.round(), 49);
});

test('rounds follow one another by the clock until it is stopped', async t => {
  const stores = await openStores(t);
  await stores.keys.add([banned('a')]);
  const { recovery, timers, tested, clock } = await prober(t, stores);
  recovery.start();
  t.deepEqual(timers.delays(), [10_000]);
  clock.nowMs += 2 * HOUR_MS;
  timers.run(10_000);
  await recovery.round();
  t.deepEqual(tested, ['a']);
  await recovery.stop();
  t.is(await recovery.round(), 0);
});

test('keys that were banned at one moment are not all tested at one moment', t => {
  const due = new Set(
    Array.from({ length: 100 }, (_, index) => nextTestMs(banned(`key-${index}`), CONFIG) - NOW_MS),
  );
  t.true(due.size > 90);
  t.true(Math.min(...due) >= HOUR_MS);
  t.true(Math.max(...due) <= 1.2 * HOUR_MS);
});

test('a banned key of the environment or of a file is tested on the same schedule, and taken back', async t => {
  const stores = await openStores(t);
  let works = false;
  const { round, ban, pool, clock, tested, sourceBans } = await prober(t, stores, {
    results: () => (works ? { ok: true, status: 200 } : {}),
  });
  const ofFile = liveKey('file-a', { source: 'file' });
  pool.replaceAll('environment', [liveKey('env-a', { source: 'environment' })]);
  pool.replaceAll('file', [ofFile]);
  ban('env-a');
  ban('file-a');
  t.deepEqual(usable(pool, clock.nowMs), []);
  t.like(sourceBans.get('env-a'), { reason: '401 unauthorized', statusAtMs: NOW_MS });
  const atHours: number[] = [];
  while (atHours.length < 5) {
    if ((await round(HOUR_MS / 10)) > 0 && tested.at(-1) === 'env-a')
      atHours.push((clock.nowMs - NOW_MS) / HOUR_MS);
  }
  const waits = atHours.map((hours, index) => hours - (atHours[index - 1] ?? 0));
  for (const [index, hours] of [1, 2, 4, 8, 16].entries()) {
    t.true(waits[index]! >= hours - 0.11 && waits[index]! <= hours * 1.2 + 0.11, `${index}: ${waits[index]}`);
  }
  // The file was read again meanwhile: the ban stays.
  pool.replaceAll('file', [{ ...ofFile }]);
  works = true;
  await stores.rests.rest({ keyId: 'env-a', model: '*', untilMs: clock.nowMs + 99 * HOUR_MS }, clock.nowMs);
  t.is(await round(30 * HOUR_MS), 2);
  t.deepEqual(usable(pool, clock.nowMs).sort(), ['env-a', 'file-a']);
  t.deepEqual(sourceBans.all(), []);
  t.deepEqual(await stores.rests.readAll(clock.nowMs), []);
  t.is(await round(30 * HOUR_MS), 0);
});

test('a key without a record that several processes banned is tested by one, and all go by the result', async t => {
  const stores = await openStores(t);
  let works = false;
  const results = () => (works ? { ok: true, status: 200 } : {});
  const one = await prober(t, stores, { holder: 'one', results });
  const two = await prober(t, stores, { holder: 'two', results });
  for (const { pool, ban } of [one, two]) {
    pool.replaceAll('environment', [liveKey('env-a', { source: 'environment' })]);
    ban('env-a');
  }
  t.is(await one.round(2 * HOUR_MS), 1);
  t.is(await two.round(2 * HOUR_MS), 0);
  t.deepEqual(one.tested, ['env-a']);
  t.deepEqual(two.sourceBans.get('env-a'), one.sourceBans.get('env-a'));
  works = true;
  // Whichever is the first asks, and the other takes the key back too.
  await two.round(3 * HOUR_MS);
  t.deepEqual(two.tested, ['env-a']);
  t.deepEqual(usable(two.pool, two.clock.nowMs), ['env-a']);
  t.deepEqual(usable(one.pool, one.clock.nowMs), []);
  await one.round(3 * HOUR_MS);
  t.deepEqual(usable(one.pool, one.clock.nowMs), ['env-a']);
  t.deepEqual(one.tested, ['env-a']);
  // Banned anew, what was found before says nothing.
  works = false;
  one.ban('env-a');
  t.is(await one.round(2 * HOUR_MS), 1);
});

test('while another process tests a key without a record it is left alone, and while the store is away it is not', async t => {
  const stores = await openStores(t);
  const { recovery, pool, ban, clock, gate, tested } = await prober(t, stores);
  pool.replaceAll('file', [liveKey('file-a', { source: 'file' })]);
  ban('file-a');
  clock.nowMs += 2 * HOUR_MS;
  const lease = { nowMs: clock.nowMs, forMs: 60_000 };
  t.true(await stores.leases.take('pool-recovery file-a', 'other', lease));
  t.is(await recovery.round(), 0);
  gate.away = true;
  await recovery.round();
  t.deepEqual(tested, ['file-a']);
  gate.away = false;
  clock.nowMs += 4 * HOUR_MS;
  t.is(await recovery.round(), 1);
});

test('a login is tested by each process: two may have different ones', async t => {
  const stores = await openStores(t);
  const one = await prober(t, stores, { holder: 'one' });
  const two = await prober(t, stores, { holder: 'two' });
  for (const { pool, ban } of [one, two]) {
    pool.replaceAll('auth-file', [liveKey('auth-file', { source: 'auth-file' })]);
    ban('auth-file');
  }
  t.deepEqual([await one.round(2 * HOUR_MS), await two.round(2 * HOUR_MS)], [1, 1]);
});

test('a key without a record that was replaced or banned anew during its test is left as it is', async t => {
  const stores = await openStores(t);
  const change: { during?: () => void } = {};
  const { round, ban, pool, clock, sourceBans } = await prober(t, stores, {
    results: () => {
      change.during?.();
      return { ok: true, status: 200 };
    },
  });
  const key = liveKey('oauth', { source: 'oauth' });
  pool.replaceAll('oauth', [key]);
  ban('oauth');
  change.during = () => pool.replaceAll('oauth', []);
  t.is(await round(2 * HOUR_MS), 1);
  t.is(pool.get('oauth'), undefined, 'a key that went away does not come back by its test');
  pool.replaceAll('oauth', [key]);
  ban('oauth');
  change.during = () => {
    pool.replaceAll('oauth', [liveKey('oauth', { source: 'oauth', secret: new Secret('fk-next-token') })]);
    ban('oauth');
  };
  t.is(await round(2 * HOUR_MS), 1);
  t.deepEqual(usable(pool, clock.nowMs), [], 'the next token was not the one that was tested');
  t.is(sourceBans.get('oauth')!.failedRecoveries, 0);
  change.during = undefined as never;
  t.is(await round(2 * HOUR_MS), 1);
  t.deepEqual(usable(pool, clock.nowMs), ['oauth']);
});
