import test from 'ava';
import { backoffMs } from '../../../src/domain/pool/backoff.ts';
import { Circuits, type CircuitUse } from '../../../src/domain/pool/circuit.ts';
import { NOW_MS } from './support.ts';

const OPEN_MS = 30_000;

function circuits(threshold = 3): Circuits {
  return new Circuits({ threshold, openMs: OPEN_MS });
}

/** A request with a key of an upstream. */
function use(upstream: string, keyId = 'key'): CircuitUse {
  return { upstream, keyId };
}

/** One request that ends so. */
function ask(on: Circuits, outcome: 'success' | 'none' | 'strike', nowMs = NOW_MS, upstream = 'a'): void {
  if (on.admit(use(upstream), nowMs)) on.report(use(upstream), outcome, nowMs);
}

test('a circuit opens after so many strikes in a row, for its upstream alone', t => {
  const on = circuits();
  ask(on, 'strike');
  ask(on, 'strike');
  t.false(on.isOpen('a', NOW_MS));
  ask(on, 'strike');
  t.true(on.isOpen('a', NOW_MS));
  t.false(on.admit(use('a'), NOW_MS));
  t.true(on.admit(use('b'), NOW_MS));
  t.deepEqual(on.open(NOW_MS), ['a']);
});

test('a success between strikes begins anew, an answer that says nothing does not', t => {
  const on = circuits();
  for (const outcome of ['strike', 'strike', 'success', 'strike', 'strike', 'none'] as const)
    ask(on, outcome);
  t.false(on.isOpen('a', NOW_MS));
  ask(on, 'strike');
  t.true(on.isOpen('a', NOW_MS));
});

test('an open circuit lets one probe through at exactly its time', t => {
  const on = circuits(1);
  ask(on, 'strike');
  t.false(on.admit(use('a'), NOW_MS + OPEN_MS - 1));
  t.true(on.admit(use('a'), NOW_MS + OPEN_MS));
  t.false(on.admit(use('a'), NOW_MS + OPEN_MS), 'a second request while the probe is under way');
  t.true(on.isOpen('a', NOW_MS + OPEN_MS));
  on.report(use('a'), 'success', NOW_MS + OPEN_MS + 100);
  t.true(on.admit(use('a'), NOW_MS + OPEN_MS + 100));
  t.true(on.admit(use('a'), NOW_MS + OPEN_MS + 100));
});

test('a probe that fails opens the circuit for another time', t => {
  const on = circuits(3);
  for (let count = 0; count < 3; count += 1) ask(on, 'strike');
  const laterMs = NOW_MS + OPEN_MS;
  ask(on, 'strike', laterMs);
  t.false(on.admit(use('a'), laterMs + OPEN_MS - 1));
  t.true(on.admit(use('a'), laterMs + OPEN_MS));
});

test('a probe of which nothing was learned makes room for the next', t => {
  const on = circuits(1);
  ask(on, 'strike');
  ask(on, 'none', NOW_MS + OPEN_MS);
  t.true(on.admit(use('a'), NOW_MS + OPEN_MS));
});

test('a probe that never ends is given up after a while', t => {
  const on = circuits(1);
  ask(on, 'strike');
  t.true(on.admit(use('a'), NOW_MS + OPEN_MS));
  t.false(on.admit(use('a'), NOW_MS + 2 * OPEN_MS - 1));
  t.true(on.admit(use('a'), NOW_MS + 2 * OPEN_MS));
});

test('requests that were under way when a circuit opened do not lengthen its time', t => {
  const on = circuits(1);
  t.true(on.admit(use('a'), NOW_MS));
  t.true(on.admit(use('a'), NOW_MS));
  on.report(use('a'), 'strike', NOW_MS);
  on.report(use('a'), 'strike', NOW_MS + OPEN_MS - 1);
  t.true(on.admit(use('a'), NOW_MS + OPEN_MS));
});

test('the soonest time at which one of several upstreams may be asked is told', t => {
  const on = circuits(1);
  ask(on, 'strike', NOW_MS, 'a');
  ask(on, 'strike', NOW_MS + 1000, 'b');
  t.is(on.retryAfterMs(['a', 'b'], NOW_MS + 2000), OPEN_MS - 2000);
  t.is(on.retryAfterMs(['b'], NOW_MS + 2000), OPEN_MS - 1000);
  t.is(on.retryAfterMs(['a', 'c'], NOW_MS + 2000), 0);
  t.is(on.retryAfterMs([], NOW_MS), 0);
  t.true(on.admit(use('a'), NOW_MS + OPEN_MS));
  t.is(on.retryAfterMs(['a'], NOW_MS + OPEN_MS), OPEN_MS, 'while it is probed');
});

test('an upstream that serves others opens only when failures in a row outweigh its good answers of the last moments', t => {
  const on = circuits(3);
  for (let count = 0; count < 40; count += 1) ask(on, 'success');
  for (let count = 0; count < 39; count += 1) ask(on, 'strike');
  t.false(on.isOpen('a', NOW_MS));
  ask(on, 'strike');
  t.true(on.isOpen('a', NOW_MS));

  const later = circuits(3);
  for (let count = 0; count < 40; count += 1) ask(later, 'success');
  for (let count = 0; count < 3; count += 1) ask(later, 'strike', NOW_MS + 2000);
  t.true(later.isOpen('a', NOW_MS + 2000), 'good answers of long ago do not count');
});

test('a row of failures waits for the requests that are still out', t => {
  const on = circuits(3);
  for (let count = 0; count < 10; count += 1) t.true(on.admit(use('a'), NOW_MS));
  for (let count = 0; count < 4; count += 1) on.report(use('a'), 'strike', NOW_MS);
  t.false(on.isOpen('a', NOW_MS), 'four failed, six are out');
  on.report(use('a'), 'strike', NOW_MS);
  t.true(on.isOpen('a', NOW_MS), 'five failed, five are out');
});

test('while another key was asked and may still answer, those that fail at once open nothing', t => {
  const on = circuits(2);
  const fail = (keyId: string, nowMs = NOW_MS) => {
    t.true(on.admit(use('a', keyId), nowMs));
    on.report(use('a', keyId), 'strike', nowMs);
  };
  t.true(on.admit(use('a', 'slow'), NOW_MS));
  for (const keyId of ['one', 'two', 'one', 'two', 'three']) fail(keyId);
  t.false(on.isOpen('a', NOW_MS));
  on.report(use('a', 'slow'), 'strike', NOW_MS);
  t.true(on.isOpen('a', NOW_MS));

  const late = circuits(2);
  t.true(late.admit(use('a', 'session'), NOW_MS));
  for (const keyId of ['one', 'two']) {
    t.true(late.admit(use('a', keyId), NOW_MS + 10_000));
    late.report(use('a', keyId), 'strike', NOW_MS + 10_000);
  }
  t.true(late.isOpen('a', NOW_MS + 10_000), 'what is out for long is no sign');
});

test('thresholds are changed live', t => {
  const on = circuits(5);
  ask(on, 'strike');
  on.configure({ threshold: 2, openMs: 100 });
  ask(on, 'strike');
  t.true(on.isOpen('a', NOW_MS + 99));
  t.false(on.isOpen('a', NOW_MS + 100));
});

test('upstreams without a strike are not remembered, and others not without bound', t => {
  const on = circuits(1);
  for (let index = 0; index < 20_000; index += 1) ask(on, 'strike', NOW_MS, `upstream-${index}`);
  t.is(on.open(NOW_MS).length, 10_000);
  t.true(on.isOpen('upstream-19999', NOW_MS));
  t.false(on.isOpen('upstream-0', NOW_MS));
});

test('the wait before another try doubles up to a bound, with jitter between half and whole', t => {
  const options = { baseMs: 1000, maxMs: 8000 };
  const full = (attempt: number) => backoffMs(attempt, { ...options, random: () => 1 });
  const half = (attempt: number) => backoffMs(attempt, { ...options, random: () => 0 });
  t.deepEqual([0, 1, 2, 3, 4, 60, 5000].map(full), [1000, 2000, 4000, 8000, 8000, 8000, 8000]);
  t.deepEqual([0, 1, 2, 3, 4].map(half), [500, 1000, 2000, 4000, 4000]);
  t.is(backoffMs(3, { baseMs: 0, maxMs: 8000 }), 0);
  t.true(new Set(Array.from({ length: 50 }, () => backoffMs(0, options))).size > 10);
});
