import test from 'ava';
import { Calendar, HOUR_MS } from '../../../src/domain/statistics/calendar.ts';
import { lastDays } from '../../../src/domain/statistics/window-plan.ts';
import { heatMapOf, LocalClock } from '../../../src/domain/tokens/heat-map.ts';

/** One token in each hour from `fromMs` on, for three days. */
function mapOf(timeZone: string, fromMs: number) {
  const calendar = new Calendar(timeZone);
  const toMs = [1, 2, 3].reduce(epochMs => calendar.nextDayMs(epochMs), fromMs);
  const hours = [];
  for (let startMs = calendar.startOfDayMs(fromMs); startMs < toMs; startMs = calendar.nextHourMs(startMs)) {
    hours.push({ series: 'p /v1', startMs, values: { tokens_input: 1 } });
  }
  return heatMapOf(hours, lastDays(3, toMs - 1, calendar), new LocalClock(calendar));
}

test('where clocks go back one hour has two, where they go forward one has none', t => {
  const back = mapOf('America/New_York', Date.UTC(2026, 9, 31, 4));
  t.deepEqual(back.days, ['2026-10-31', '2026-11-01', '2026-11-02']);
  t.deepEqual(back.tokens[0], new Array(24).fill(1));
  t.deepEqual(back.tokens[1], [1, 2, ...new Array(22).fill(1)]);
  const forward = mapOf('America/New_York', Date.UTC(2026, 2, 7, 5));
  t.deepEqual(forward.days.slice(0, 2), ['2026-03-07', '2026-03-08']);
  t.deepEqual(forward.tokens[1], [1, 1, 0, ...new Array(21).fill(1)]);
});

test('a day that begins at one o’clock is named by its own date', t => {
  const map = mapOf('America/Santiago', Date.UTC(2026, 8, 5, 4));
  t.deepEqual(map.days, ['2026-09-05', '2026-09-06', '2026-09-07']);
  t.deepEqual(map.tokens[1], [0, ...new Array(23).fill(1)]);
});

test('hours of other days are left out', t => {
  const calendar = new Calendar('UTC');
  const dayMs = Date.UTC(2026, 0, 2);
  const hours = [-1, 0, 23, 24].map(hour => ({
    series: 'p /v1',
    startMs: dayMs + hour * HOUR_MS,
    values: { tokens_input: 3, tokens_output: 4, tokens_cached: 100 },
  }));
  const { tokens } = heatMapOf(hours, [dayMs], new LocalClock(calendar));
  t.deepEqual(tokens, [[7, ...new Array(22).fill(0), 7]]);
});
