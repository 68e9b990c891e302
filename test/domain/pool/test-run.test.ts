import test from 'ava';
import { AppError } from '../../../src/base/errors.ts';
import { TestRun } from '../../../src/domain/pool/test-run.ts';
import type { KeyTest } from '../../../src/stores/pool-types.ts';
import { NOW_MS } from './support.ts';

const OK: KeyTest = { atMs: NOW_MS, ok: true, status: 200, detail: '' };
const FAILED: KeyTest = { atMs: NOW_MS, ok: false, status: 401, detail: 'unauthorized' };

/** A run whose tests end when told to. */
function held(concurrency: number) {
  const waiting = new Map<string, (result: KeyTest) => void>();
  const signals = new Map<string, AbortSignal>();
  let most = 0;
  let nowMs = NOW_MS;
  const run = new TestRun({
    concurrency,
    now: () => nowMs,
    test: (keyId, signal) =>
      new Promise((resolve, reject) => {
        waiting.set(keyId, result => {
          waiting.delete(keyId);
          resolve(result);
        });
        signals.set(keyId, signal);
        most = Math.max(most, waiting.size);
        signal.addEventListener('abort', () => {
          waiting.delete(keyId);
          reject(signal.reason);
        });
      }),
  });
  const settle = async () => {
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  };
  return {
    run,
    waiting,
    signals,
    settle,
    most: () => most,
    later: (ms: number) => {
      nowMs += ms;
    },
  };
}

test('all keys are tested, so many at once, and the progress is told', async t => {
  const { run, waiting, settle, most, later } = held(3);
  t.is(run.progress.state, 'idle');
  const ids = Array.from({ length: 10 }, (_, index) => `k${index}`);
  t.deepEqual(run.start(ids), {
    state: 'running',
    total: 10,
    done: 0,
    ok: 0,
    failed: 0,
    startedAtMs: NOW_MS,
    endedAtMs: undefined,
  });
  t.deepEqual([...waiting.keys()], ['k0', 'k1', 'k2']);
  waiting.get('k1')!(FAILED);
  await settle();
  t.deepEqual([...waiting.keys()], ['k0', 'k2', 'k3']);
  t.like(run.progress, { done: 1, ok: 0, failed: 1 });
  later(500);
  while (waiting.size > 0) {
    for (const end of waiting.values()) end(OK);
    await settle();
  }
  await run.finished();
  t.like(run.progress, { state: 'done', total: 10, done: 10, ok: 9, failed: 1, endedAtMs: NOW_MS + 500 });
  t.is(most(), 3);
});

test('a second run is refused while one is under way, with the progress of that one', async t => {
  const { run, waiting } = held(1);
  run.start(['a']);
  const error = t.throws(() => run.start(['b']), { instanceOf: AppError });
  t.is(error?.code, 'ERR_CONFLICT');
  t.like(error?.details?.progress, { state: 'running', total: 1 });
  waiting.get('a')!(OK);
  await run.finished();
  t.is(run.start(['b']).state, 'running');
  waiting.get('b')!(OK);
  await run.finished();
});

test('a cancelled run begins no further test and aborts those under way, which count as nothing', async t => {
  const { run, waiting, signals, settle } = held(2);
  t.false(run.cancel());
  run.start(['a', 'b', 'c', 'd']);
  waiting.get('a')!(OK);
  await settle();
  t.true(run.cancel());
  t.false(run.cancel());
  t.true(signals.get('b')!.aborted);
  await run.finished();
  t.like(run.progress, { state: 'cancelled', total: 4, done: 1, ok: 1, failed: 0 });
  t.false(signals.has('d'));
});

test('a test that rejects counts as failed and the run goes on', async t => {
  const run = new TestRun({
    concurrency: 2,
    test: keyId => (keyId === 'b' ? Promise.reject(new Error('no')) : Promise.resolve(OK)),
  });
  run.start(['a', 'b', 'c']);
  await run.finished();
  t.like(run.progress, { state: 'done', done: 3, ok: 2, failed: 1 });
});

test('a run over no keys is done at once', async t => {
  const run = new TestRun({ concurrency: 4, test: () => Promise.resolve(OK) });
  run.start([]);
  await run.finished();
  t.like(run.progress, { state: 'done', total: 0, done: 0 });
});
