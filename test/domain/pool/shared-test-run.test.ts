import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { SharedTestRun } from '../../../src/domain/pool/shared-test-run.ts';
import { TestRun } from '../../../src/domain/pool/test-run.ts';
import { openSqlite } from '../../../src/stores/sqlite/open-sqlite.ts';
import { capturedLog } from '../../support/captured-log.ts';
import { Gate, manualSchedule } from './replica-support.ts';
import { NOW_MS } from './support.ts';

/** Instances over one store; each test of a key ends when it is told to. */
async function installation(t: ExecutionContext) {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-runs-'));
  const stores = await openSqlite(folder);
  t.teardown(async () => {
    await stores.close();
    rmSync(folder, { recursive: true });
  });
  const clock = { nowMs: NOW_MS };
  const now = () => clock.nowMs;
  function instance(holder: string) {
    const gate = new Gate(stores.pool);
    const timers = manualSchedule();
    const waiting = new Map<string, (ok: boolean) => void>();
    const run = new TestRun({
      concurrency: 2,
      now,
      test: (keyId, signal) =>
        new Promise((resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
          waiting.set(keyId, ok => resolve({ atMs: now(), ok, status: ok ? 200 : 401, detail: '' }));
        }),
    });
    const { log } = capturedLog();
    const shared = new SharedTestRun({
      run,
      stores: gate.stores,
      holder,
      log,
      now,
      schedule: timers.schedule,
    });
    /** Lets beats go by until it is so. */
    const until = async (isSo: () => Promise<boolean> | boolean) => {
      while (!(await isSo())) {
        timers.run(500);
        await new Promise(resolve => setImmediate(resolve));
      }
    };
    return { shared, run, gate, timers, waiting, until };
  }
  return { clock, instance };
}

type Instance = { readonly shared: SharedTestRun };
const isRunning = async ({ shared }: Instance) => (await shared.progress()).state === 'running';

test('any instance tells how far the run of another one is, and what came of it', async t => {
  const { instance } = await installation(t);
  const [one, two] = [instance('one'), instance('two')];
  t.like(await two.shared.progress(), { state: 'idle', total: 0 });
  t.like(await one.shared.start(['a', 'b', 'c']), { state: 'running', total: 3 });
  one.waiting.get('a')!(true);
  await one.until(async () => (await two.shared.progress()).done === 1);
  t.like(await two.shared.progress(), { state: 'running', total: 3, ok: 1, startedAtMs: NOW_MS });
  for (const id of ['b', 'c']) one.waiting.get(id)!(false);
  await one.run.finished();
  await one.shared.stop();
  const ended = { state: 'done', total: 3, done: 3, ok: 1, failed: 2, endedAtMs: NOW_MS };
  t.like(await one.shared.progress(), ended);
  t.like(await two.shared.progress(), ended);
  t.false(await two.shared.cancel());
});

test('any instance cancels the run of another one', async t => {
  const { instance } = await installation(t);
  const [one, two] = [instance('one'), instance('two')];
  await one.shared.start(['a', 'b', 'c', 'd']);
  await one.until(() => isRunning(two));
  t.true(await two.shared.cancel());
  await one.until(() => one.run.progress.state !== 'running');
  t.like(one.run.progress, { state: 'cancelled', done: 0 });
  await one.shared.stop();
  t.like(await two.shared.progress(), { state: 'cancelled', total: 4, done: 0 });
  // The wish was for that run; the next one goes on.
  await one.shared.start(['e', 'f', 'g']);
  one.waiting.get('e')!(true);
  await one.until(async () => (await two.shared.progress()).done === 1);
  t.like(one.run.progress, { state: 'running' });
  await one.shared.stop();
});

test('one run at a time in the whole installation', async t => {
  const { instance, clock } = await installation(t);
  const [one, two] = [instance('one'), instance('two')];
  await one.shared.start(['a']);
  await one.until(() => isRunning(two));
  const refused = await t.throwsAsync(two.shared.start(['a']), { code: 'ERR_CONFLICT' });
  t.like(refused, { details: { progress: { state: 'running', total: 1 } } });
  await t.throwsAsync(one.shared.start(['a']), { code: 'ERR_CONFLICT' });
  await one.shared.stop();
  clock.nowMs += 1;
  t.like(await two.shared.start(['a', 'b']), { state: 'running' });
  await two.until(() => isRunning(one));
  t.like(await one.shared.progress(), { total: 2 }, 'the newer one is told, not its own');
  await two.shared.stop();
});

test('a run whose instance died is over for the others after a while', async t => {
  const { instance, clock } = await installation(t);
  const [dead, two] = [instance('dead'), instance('two')];
  await dead.shared.start(['a']);
  await dead.until(() => isRunning(two));
  dead.gate.away = true;
  clock.nowMs += 14_999;
  t.like(await two.shared.progress(), { state: 'running' });
  await t.throwsAsync(two.shared.start(['a']), { code: 'ERR_CONFLICT' });
  clock.nowMs += 1;
  t.like(await two.shared.progress(), { state: 'idle' });
  t.like(await two.shared.start(['a']), { state: 'running' });
  await two.shared.stop();
});

test('while the store is away a run goes on, and is told of again when it is back', async t => {
  const { instance } = await installation(t);
  const [one, two] = [instance('one'), instance('two')];
  await one.shared.start(['a', 'b', 'c']);
  await one.until(() => isRunning(two));
  const calls = one.gate.calls.length;
  one.gate.away = true;
  one.waiting.get('a')!(true);
  await one.until(() => one.gate.calls.slice(calls).includes('leases.take'));
  t.like(await one.shared.progress(), { state: 'running', done: 1 });
  one.gate.away = false;
  await one.until(async () => (await two.shared.progress()).done === 1);
  two.gate.away = true;
  t.like(await two.shared.progress(), { state: 'idle' });
  await t.throwsAsync(two.shared.cancel(), { code: 'ERR_STORE_UNAVAILABLE' });
  await t.throwsAsync(two.shared.start(['a']), { code: 'ERR_STORE_UNAVAILABLE' });
  await one.shared.stop();
});
