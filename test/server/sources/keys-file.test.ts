import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { KeysFile } from '../../../src/server/sources/keys-file.ts';
import { capturedLog } from '../../support/captured-log.ts';

function place(t: ExecutionContext, name = 'factory_keys.txt') {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-keys-'));
  const path = join(folder, name);
  const captured = capturedLog();
  const clock = { nowMs: 1000 };
  const fed: (readonly string[])[] = [];
  let waiting: { count: number; done: () => void } | undefined;
  let poll = () => {};
  const file = new KeysFile({
    path,
    onKeys: keys => {
      fed.push(keys);
      if (waiting !== undefined && fed.length >= waiting.count) waiting.done();
    },
    log: captured.log,
    nowMs: () => clock.nowMs,
    schedule: task => {
      poll = task;
      return () => {
        poll = () => {};
      };
    },
  });
  t.teardown(async () => {
    await file.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    folder,
    path,
    file,
    fed,
    captured,
    clock,
    poll: () => poll(),
    /** Resolves when keys were fed `count` times in all. */
    until: (count: number) =>
      fed.length >= count
        ? Promise.resolve()
        : new Promise<void>(done => {
            waiting = { count, done };
          }),
  };
}

test('the keys of the file are there when it has started', async t => {
  const { path, file, fed, captured } = place(t);
  writeFileSync(path, '# keys\nfk-one\nfk-two\nfk-two\nno key\n');
  await file.start();
  t.deepEqual(fed, [['fk-one', 'fk-two']]);
  t.deepEqual(file.report(), {
    keys: 2,
    state: 'ok',
    detail: 'no keys on lines 5; 1 keys stand there more than once',
  });
  t.false(captured.lines.join('').includes('fk-'));
});

test('a change is seen by itself, also when another file takes its place', async t => {
  const { folder, path, file, fed, until } = place(t);
  writeFileSync(path, 'fk-one\n');
  await file.start();
  writeFileSync(path, 'fk-one\nfk-two\n');
  await until(2);
  const draft = join(folder, 'draft');
  writeFileSync(draft, 'fk-three\n');
  renameSync(draft, path);
  while (fed.at(-1)!.join() !== 'fk-three') await until(fed.length + 1);
  t.like(file.report(), { keys: 1, state: 'ok' });
});

test('a file that appears later is taken over', async t => {
  const { path, file, fed, until } = place(t);
  await file.start();
  t.deepEqual(file.report(), { keys: 0, state: 'off', detail: '' });
  t.deepEqual(fed, []);
  writeFileSync(path, 'fk-one');
  await until(1);
  while (fed.at(-1)!.length === 0) await until(fed.length + 1);
  t.deepEqual(fed.at(-1), ['fk-one']);
});

test('without hints a change is found by looking', async t => {
  const { folder, path, file, fed, until, poll } = place(t, join('folder', 'factory_keys.txt'));
  await file.start();
  mkdirSync(join(folder, 'folder'));
  writeFileSync(path, 'fk-one');
  poll();
  await until(1);
  t.deepEqual(fed, [['fk-one']]);
});

test('a file that is gone for a moment keeps its keys, one that stays away loses them', async t => {
  const { path, file, fed, clock } = place(t);
  writeFileSync(path, 'fk-one');
  await file.start();
  rmSync(path);
  await file.look();
  clock.nowMs += 999;
  await file.look();
  t.deepEqual(fed, [['fk-one']]);
  t.like(file.report(), { keys: 1, state: 'ok' });
  writeFileSync(path, 'fk-one\nfk-two');
  await file.look();
  rmSync(path);
  await file.look();
  clock.nowMs += 1000;
  await file.look();
  t.deepEqual(fed.at(-1), []);
  t.deepEqual(file.report(), { keys: 0, state: 'off', detail: '' });
});

test('a file that became something else leaves the keys of before in use, and says so', async t => {
  const { path, file, fed, captured } = place(t);
  writeFileSync(path, 'fk-one');
  await file.start();
  writeFileSync(path, Buffer.of(0x66, 0x6b, 0, 0xff));
  await file.look();
  t.deepEqual(file.report(), {
    keys: 1,
    state: 'failing',
    detail: 'the file is no text; the keys of before serve',
  });
  rmSync(path);
  mkdirSync(path);
  await file.look();
  await file.look();
  t.regex(file.report().detail, /^the file cannot be read \(EISDIR\)/);
  t.is(captured.lines.filter(line => line.includes('EISDIR')).length, 1);
  t.is(fed.length, 1);
});

test('a file without keys is empty, and says which lines it could not use', async t => {
  const { path, file, fed } = place(t);
  writeFileSync(path, '# nothing yet\n');
  await file.start();
  t.deepEqual(fed, [[]]);
  t.deepEqual(file.report(), { keys: 0, state: 'empty', detail: '' });
  writeFileSync(path, Array.from({ length: 12 }, () => 'no key').join('\n'));
  await file.look();
  t.is(file.report().detail, 'no keys on lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and others');
});
