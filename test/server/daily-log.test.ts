import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openDailyFile } from '../../src/server/daily-log.ts';

function temporaryFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-log-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A clock that a test sets by hand. */
function clockAt(time: string): { nowMs: () => number; set: (time: string) => void } {
  let nowMs = Date.parse(time);
  return {
    nowMs: () => nowMs,
    set: next => {
      nowMs = Date.parse(next);
    },
  };
}

function open(
  t: ExecutionContext,
  options: Partial<Parameters<typeof openDailyFile>[0]> & { folder: string },
) {
  const file = openDailyFile({ keepDays: 14, timeZone: 'UTC', nowMs: () => 0, ...options });
  t.teardown(() => file.end());
  return file;
}

test('lines of one day go to the file that is named after it, after what is there already', t => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'switchyard_2026-03-01.log'), 'earlier\n');
  const file = open(t, { folder, nowMs: clockAt('2026-03-01T12:00:00Z').nowMs });
  file.write('one\n');
  file.write('two\n');
  t.is(readFileSync(join(folder, 'switchyard_2026-03-01.log'), 'utf8'), 'earlier\none\ntwo\n');
});

test('the first line after local midnight opens the next file, not the first after midnight UTC', t => {
  const folder = temporaryFolder(t);
  const clock = clockAt('2026-03-01T15:59:59.999Z');
  const file = open(t, { folder, timeZone: 'Asia/Shanghai', nowMs: clock.nowMs });
  file.write('23:59:59.999 in Shanghai\n');
  clock.set('2026-03-01T16:00:00.000Z');
  file.write('00:00 in Shanghai\n');
  clock.set('2026-03-02T00:00:00.000Z');
  file.write('08:00 in Shanghai\n');
  t.is(readFileSync(join(folder, 'switchyard_2026-03-01.log'), 'utf8'), '23:59:59.999 in Shanghai\n');
  t.is(
    readFileSync(join(folder, 'switchyard_2026-03-02.log'), 'utf8'),
    '00:00 in Shanghai\n08:00 in Shanghai\n',
  );
});

test('a day of 23 hours ends at its own midnight', t => {
  const folder = temporaryFolder(t);
  const clock = clockAt('2026-03-29T21:59:59Z');
  const file = open(t, { folder, timeZone: 'Europe/Berlin', nowMs: clock.nowMs });
  file.write('the day clocks go forward\n');
  clock.set('2026-03-29T22:00:00Z');
  file.write('the day after\n');
  t.is(readFileSync(join(folder, 'switchyard_2026-03-29.log'), 'utf8'), 'the day clocks go forward\n');
  t.is(readFileSync(join(folder, 'switchyard_2026-03-30.log'), 'utf8'), 'the day after\n');
});

test('files older than the days to keep are deleted at start and at midnight, others never', t => {
  const folder = temporaryFolder(t);
  const keep = [
    'switchyard_2026-03-08.log',
    'switchyard_2026-02-01.log.gz',
    'notes.txt',
    'switchyard_old.log',
  ];
  for (const name of [...keep, 'switchyard_2026-03-07.log', 'switchyard_2025-12-31.log']) {
    writeFileSync(join(folder, name), 'x\n');
  }
  const clock = clockAt('2026-03-10T12:00:00Z');
  const file = open(t, { folder, keepDays: 2, nowMs: clock.nowMs });
  t.deepEqual(readdirSync(folder).sort(), [...keep, 'switchyard_2026-03-10.log'].sort());
  clock.set('2026-03-11T00:00:00Z');
  file.write('next day\n');
  t.deepEqual(
    readdirSync(folder).sort(),
    [...keep.slice(1), 'switchyard_2026-03-10.log', 'switchyard_2026-03-11.log'].sort(),
  );
});

test('two writers share a file and lose no line', t => {
  const folder = temporaryFolder(t);
  const { nowMs } = clockAt('2026-03-01T12:00:00Z');
  const files = [open(t, { folder, nowMs }), open(t, { folder, nowMs })] as const;
  for (let count = 0; count < 100; count += 1) files[count % 2]!.write(`${count}\n`);
  const lines = readFileSync(join(folder, 'switchyard_2026-03-01.log'), 'utf8').trim().split('\n');
  t.deepEqual(
    lines.map(Number),
    Array.from({ length: 100 }, (_, count) => count),
  );
});

test('a folder that does not exist is made', t => {
  const folder = join(temporaryFolder(t), 'a', 'b');
  open(t, { folder, nowMs: clockAt('2026-03-01T12:00:00Z').nowMs }).write('x\n');
  t.deepEqual(readdirSync(folder), ['switchyard_2026-03-01.log']);
});

test('a folder that cannot be written is one clear line that names the setting', t => {
  const blocked = join(temporaryFolder(t), 'file');
  writeFileSync(blocked, '');
  const error = t.throws(() => openDailyFile({ folder: blocked, keepDays: 1, timeZone: '', nowMs: () => 0 }));
  t.regex(error.message, /^Expected `LOG_DIR` to be a folder that can be written, got E[A-Z]+ for `.*`$/);
});

test('a full disk is reported once a minute, and lines that waited go to the next file that takes them', t => {
  const folder = temporaryFolder(t);
  symlinkSync('/dev/full', join(folder, 'switchyard_2026-03-01.log'));
  const clock = clockAt('2026-03-01T23:58:00Z');
  const problems: string[] = [];
  const file = open(t, { folder, nowMs: clock.nowMs, report: problem => problems.push(problem) });
  file.write('one\n');
  file.write('two\n');
  t.deepEqual(problems, [`Cannot write the log in \`LOG_DIR\` \`${folder}\` (ENOSPC)`]);
  clock.set('2026-03-01T23:59:00Z');
  file.write('three\n');
  t.is(problems.length, 2);
  clock.set('2026-03-02T00:00:00Z');
  file.write('four\n');
  t.is(readFileSync(join(folder, 'switchyard_2026-03-02.log'), 'utf8'), 'one\ntwo\nthree\nfour\n');
});

test('a folder that vanished is made again at the next midnight, and no line before it throws', t => {
  const folder = join(temporaryFolder(t), 'logs');
  const clock = clockAt('2026-03-01T12:00:00Z');
  const file = open(t, { folder, nowMs: clock.nowMs });
  rmSync(folder, { recursive: true });
  t.notThrows(() => file.write('lost\n'));
  clock.set('2026-03-02T00:00:00Z');
  file.write('kept\n');
  t.is(readFileSync(join(folder, 'switchyard_2026-03-02.log'), 'utf8'), 'kept\n');
});

test('a next file that cannot be opened is reported, the day before goes on, and it is tried again', t => {
  const parent = temporaryFolder(t);
  const folder = join(parent, 'logs');
  const clock = clockAt('2026-03-01T23:59:00Z');
  const problems: string[] = [];
  const file = open(t, { folder, nowMs: clock.nowMs, report: problem => problems.push(problem) });
  symlinkSync(join(parent, 'missing', 'file'), join(folder, 'switchyard_2026-03-02.log'));
  clock.set('2026-03-02T00:00:00Z');
  file.write('late\n');
  t.is(problems.length, 1);
  t.is(readFileSync(join(folder, 'switchyard_2026-03-01.log'), 'utf8'), 'late\n');
  rmSync(join(folder, 'switchyard_2026-03-02.log'));
  clock.set('2026-03-02T00:01:00Z');
  file.write('on time\n');
  t.is(readFileSync(join(folder, 'switchyard_2026-03-02.log'), 'utf8'), 'on time\n');
});
