import test from 'ava';
import fc from 'fast-check';
import { Calendar, DAY_MS, HOUR_MS, startOfDayMs } from '../../../src/domain/statistics/calendar.ts';

const ZONES = [
  'UTC',
  'Asia/Shanghai',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'America/New_York',
  'America/Santiago',
  'America/Havana',
  'Africa/Cairo',
  'Asia/Beirut',
  'Australia/Lord_Howe',
  'Pacific/Kiritimati',
  'Pacific/Apia',
];

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

test('a day of Asia/Shanghai begins at 16:00 UTC of the day before', t => {
  t.is(
    iso(startOfDayMs(Date.parse('2026-03-10T15:59:59.999Z'), 'Asia/Shanghai')),
    '2026-03-09T16:00:00.000Z',
  );
  t.is(
    iso(startOfDayMs(Date.parse('2026-03-10T16:00:00.000Z'), 'Asia/Shanghai')),
    '2026-03-10T16:00:00.000Z',
  );
});

test('days of America/New_York have 23 and 25 hours when the clocks change', t => {
  const calendar = new Calendar('America/New_York');
  const spring = Date.parse('2026-03-08T20:00:00Z');
  t.is(iso(calendar.startOfDayMs(spring)), '2026-03-08T05:00:00.000Z');
  t.is(iso(calendar.nextDayMs(spring)), '2026-03-09T04:00:00.000Z');
  const autumn = Date.parse('2026-11-01T20:00:00Z');
  t.is(iso(calendar.startOfDayMs(autumn)), '2026-11-01T04:00:00.000Z');
  t.is(iso(calendar.nextDayMs(autumn)), '2026-11-02T05:00:00.000Z');
  t.is(iso(calendar.startOfDayMs(Date.parse('2026-11-01T05:30:00Z'))), '2026-11-01T04:00:00.000Z');
});

test('where the clocks skip midnight the day begins at 01:00', t => {
  const santiago = new Calendar('America/Santiago');
  const noon = Date.parse('2026-09-06T15:00:00Z');
  t.is(iso(santiago.startOfDayMs(noon)), '2026-09-06T04:00:00.000Z');
  t.is(iso(santiago.startOfDayMs(Date.parse('2026-09-06T03:59:59.999Z'))), '2026-09-05T04:00:00.000Z');
  t.is(iso(santiago.nextDayMs(noon)), '2026-09-07T03:00:00.000Z');
  const cairo = new Calendar('Africa/Cairo');
  t.is(iso(cairo.startOfDayMs(Date.parse('2026-04-24T12:00:00Z'))), '2026-04-23T22:00:00.000Z');
  t.is(iso(cairo.nextDayMs(Date.parse('2026-04-24T12:00:00Z'))), '2026-04-24T21:00:00.000Z');
});

test('where midnight comes twice the day begins at the first', t => {
  const havana = new Calendar('America/Havana');
  t.is(iso(havana.startOfDayMs(Date.parse('2026-11-01T12:00:00Z'))), '2026-11-01T04:00:00.000Z');
});

test('a skipped date does not confuse the days around it', t => {
  const apia = new Calendar('Pacific/Apia');
  t.is(iso(apia.startOfDayMs(Date.parse('2011-12-30T10:00:00Z'))), '2011-12-30T10:00:00.000Z');
  t.is(iso(apia.startOfDayMs(Date.parse('2011-12-30T09:59:59.999Z'))), '2011-12-29T10:00:00.000Z');
});

test('an empty name means the zone of the system', t => {
  t.is(new Calendar('').timeZone, Intl.DateTimeFormat().resolvedOptions().timeZone);
});

test('days and hours tile the time of every zone, hours within their day', t => {
  const dateOf = new Map(
    ZONES.map(timeZone => [timeZone, new Intl.DateTimeFormat('en-US', { timeZone, dateStyle: 'short' })]),
  );
  const calendars = new Map(ZONES.map(timeZone => [timeZone, new Calendar(timeZone)]));
  const moment = fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2036, 0, 1) });
  fc.assert(
    fc.property(fc.constantFrom(...ZONES), moment, (timeZone, epochMs) => {
      const calendar = calendars.get(timeZone)!;
      const date = (ms: number) => dateOf.get(timeZone)!.format(ms);
      const startMs = calendar.startOfDayMs(epochMs);
      const endMs = calendar.nextDayMs(epochMs);
      t.true(startMs <= epochMs && epochMs < endMs);
      t.is(date(startMs), date(epochMs));
      t.not(date(startMs - 1), date(epochMs));
      t.is(date(endMs - 1), date(epochMs));
      t.not(date(endMs), date(epochMs));
      t.is(calendar.startOfDayMs(endMs), endMs);
      t.true(endMs - startMs <= DAY_MS + HOUR_MS);
      const hourMs = calendar.startOfHourMs(epochMs);
      const nextHourMs = calendar.nextHourMs(epochMs);
      t.true(startMs <= hourMs && hourMs <= epochMs && epochMs < nextHourMs && nextHourMs <= endMs);
      t.true(nextHourMs - hourMs <= HOUR_MS);
      t.is(calendar.startOfHourMs(nextHourMs), nextHourMs);
    }),
    { numRuns: 500 },
  );
});
