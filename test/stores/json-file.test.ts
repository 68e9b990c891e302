import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { jsonFile } from '../../src/stores/json-file.ts';
import { capturedLog } from '../support/captured-log.ts';

function folderOf(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-json-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('a saved value is loaded again, by this user alone, and nothing else is left behind', async t => {
  const folder = join(folderOf(t), 'made');
  const { log, lines } = capturedLog();
  const file = jsonFile<{ rows: string[][] }>(join(folder, 'copy.json'), log);
  await file.save({ rows: [['/a', 'https://a.example/中文']] });
  t.deepEqual(await jsonFile(join(folder, 'copy.json'), log).load(), {
    rows: [['/a', 'https://a.example/中文']],
  });
  t.is(statSync(join(folder, 'copy.json')).mode & 0o777, 0o600);
  t.deepEqual(readdirSync(folder), ['copy.json']);
  t.deepEqual(lines, []);
});

test('no file is no value and no matter', async t => {
  const { log, lines } = capturedLog();
  const file = jsonFile(join(folderOf(t), 'none.json'), log);
  t.is(await file.load(), undefined);
  await file.clear();
  t.deepEqual(lines, []);
});

test('a damaged file is no value and one line in the log, and can be written anew', async t => {
  const path = join(folderOf(t), 'copy.json');
  const { log, lines } = capturedLog();
  const file = jsonFile<number[]>(path, log);
  for (const damage of ['', '{"a":', '\u0000\u0001']) {
    writeFileSync(path, damage);
    t.is(await file.load(), undefined);
  }
  t.is(lines.length, 3);
  t.true(lines.every(line => line.includes('copy.json') && line.includes('damaged')));
  await file.save([1]);
  t.deepEqual(await file.load(), [1]);
});

test('a file that cannot be read is no value, and one that cannot be written an error', async t => {
  const path = join(folderOf(t), 'file');
  writeFileSync(path, '');
  const { log, lines } = capturedLog();
  const file = jsonFile(join(path, 'copy.json'), log);
  t.is(await file.load(), undefined);
  t.is(lines.length, 1);
  await t.throwsAsync(file.save(1));
  await t.throwsAsync(file.save(2));
});

test('of many saves at once the last one stays, and each resolves when its value or a later one is on disk', async t => {
  const folder = folderOf(t);
  const path = join(folder, 'copy.json');
  const file = jsonFile<number>(path, capturedLog().log);
  const saves = Array.from({ length: 50 }, (_, value) =>
    file.save(value).then(() => Number(readFileSync(path, 'utf8')) >= value),
  );
  t.true((await Promise.all(saves)).every(Boolean));
  t.is(await file.load(), 49);
  t.deepEqual(readdirSync(folder), ['copy.json']);
});

test('a cleared file is gone, also when a save was under way', async t => {
  const folder = folderOf(t);
  const file = jsonFile<number>(join(folder, 'copy.json'), capturedLog().log);
  await Promise.all([file.save(1), file.clear()]);
  t.deepEqual(readdirSync(folder), []);
  await Promise.all([file.clear(), file.save(2)]);
  t.is(await file.load(), 2);
});

test('a value in pieces is saved whole, and other work goes on between them', async t => {
  const path = join(folderOf(t), 'copy.json');
  const { log } = capturedLog();
  const turns: number[] = [];
  let turn = 0;
  const count = setInterval(() => {
    turn += 1;
  }, 0);
  t.teardown(() => clearInterval(count));
  const file = jsonFile<string[]>(path, log, function* (items) {
    yield '[';
    for (const [index, item] of items.entries()) {
      turns.push(turn);
      // As long as it takes until others had a turn, were this their only chance.
      const until = performance.now() + 2;
      while (performance.now() < until);
      yield `${index === 0 ? '' : ','}${JSON.stringify(item)}`;
    }
    yield ']';
  });
  const items = Array.from({ length: 50 }, (_, index) => `中文 ${index}`);
  await file.save(items);
  t.deepEqual(await file.load(), items);
  t.true(new Set(turns).size > 5);
});

test('where the pieces of a value fail the old one stays', async t => {
  const folder = folderOf(t);
  const { log } = capturedLog();
  let fails = false;
  const file = jsonFile<number>(join(folder, 'copy.json'), log, function* (value) {
    yield String(value);
    if (fails) throw new Error('no more');
  });
  await file.save(1);
  fails = true;
  await t.throwsAsync(file.save(2), { message: 'no more' });
  t.is(await file.load(), 1);
  t.deepEqual(readdirSync(folder), ['copy.json']);
});
