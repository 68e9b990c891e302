import test from 'ava';
import { PendingRows } from '../../../src/domain/statistics/pending-rows.ts';
import type { CounterRow } from '../../../src/stores/types.ts';

const HOUR = 60;
const DAY = 24 * HOUR;

/** A row at a minute, counted from the beginning of a day. */
function rowAt(minute: number, series = 'p /a', requests = 1): CounterRow {
  return {
    series,
    minuteMs: minute,
    hourMs: Math.floor(minute / HOUR) * HOUR,
    dayMs: Math.floor(minute / DAY) * DAY,
    values: { requests },
    lastSeenMs: minute,
  };
}

function shown(rows: readonly CounterRow[]): string[] {
  return rows.map(
    ({ series, minuteMs, hourMs, values }) => `${series} ${minuteMs} ${hourMs} ${values.requests}`,
  );
}

test('rows of one series and minute are merged, and what came in stays as it was', t => {
  const pending = new PendingRows(10);
  const first = rowAt(5);
  pending.add([first, { ...rowAt(5, 'p /a', 2), lastSeenMs: 9 }, rowAt(6), rowAt(5, 'p /b')]);
  t.is(pending.size, 3);
  const rows = pending.take(10);
  t.deepEqual(shown(rows), ['p /a 5 0 3', 'p /a 6 0 1', 'p /b 5 0 1']);
  t.is(rows[0]!.lastSeenMs, 9);
  t.is(first.values.requests, 1);
  t.is(pending.size, 0);
});

test('without room minutes become hours, hours days, and only then rows are dropped', t => {
  const pending = new PendingRows(3);
  pending.add([rowAt(1), rowAt(2), rowAt(3), rowAt(61)]);
  t.deepEqual(shown(pending.snapshot()), ['p /a 0 0 3', 'p /a 60 60 1']);
  pending.add([rowAt(62), rowAt(121), rowAt(181)]);
  t.deepEqual(shown(pending.snapshot()), ['p /a 0 0 7']);
  pending.add([rowAt(DAY), rowAt(2 * DAY + 5), rowAt(1), rowAt(3 * DAY), rowAt(2)]);
  t.deepEqual(shown(pending.snapshot()), [
    'p /a 0 0 9',
    `p /a ${DAY} ${DAY} 1`,
    `p /a ${2 * DAY} ${2 * DAY} 1`,
  ]);
  t.is(pending.droppedRows, 1);
});

test('minutes are told apart again once all was taken', t => {
  const pending = new PendingRows(1);
  pending.add([rowAt(61), rowAt(62)]);
  t.deepEqual(shown(pending.take(1)), ['p /a 60 60 2']);
  pending.add([rowAt(63)]);
  t.deepEqual(shown(pending.take(1)), ['p /a 63 60 1']);
});

test('portions leave the rows of all for last', t => {
  const pending = new PendingRows(10);
  pending.add([rowAt(1, 'all'), rowAt(1, 'p /a'), rowAt(1, 'p /b'), rowAt(2, 'all'), rowAt(2, 'p /a')]);
  t.deepEqual(shown(pending.take(2)), ['p /a 1 0 1', 'p /b 1 0 1']);
  pending.add([rowAt(3, 'p /a'), rowAt(1, 'p /c'), rowAt(1, 'all')]);
  t.deepEqual(shown(pending.take(2)), ['p /a 2 0 1', 'p /a 3 0 1']);
  t.deepEqual(shown(pending.take(2)), ['p /c 1 0 1', 'all 1 0 2', 'all 2 0 1']);
  t.deepEqual(pending.take(2), []);
});

test('a snapshot does not change with what comes later', t => {
  const pending = new PendingRows(10);
  pending.add([rowAt(1)]);
  const snapshot = pending.snapshot();
  pending.add([rowAt(1)]);
  t.deepEqual(shown(snapshot), ['p /a 1 0 1']);
});
