import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { countTests, failedFiles, type TestCount } from '../../scripts/test-summary.ts';

const avaFolder = dirname(dirname(fileURLToPath(import.meta.resolve('ava'))));

/** Runs the real ava over the given test files and counts what it printed. */
async function count(t: ExecutionContext, files: Record<string, string>): Promise<TestCount> {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-ava-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(avaFolder, join(folder, 'node_modules/ava'));
  const ava = { files: ['*.ts'], extensions: ['ts'], workerThreads: false, timeout: '60s' };
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', ava }));
  for (const [name, body] of Object.entries(files))
    writeFileSync(join(folder, name), `import test from 'ava';\n${body}`);
  // A child of a test run would report to that run instead of printing.
  const { NODE_CHANNEL_FD: _, ...environment } = process.env;
  const child = spawn(process.execPath, [join(avaFolder, 'entrypoints/cli.js')], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return countTests(output, code);
}

const PASSING = "test('first', t => t.pass()); test('second', t => t.pass());";

test('passed tests are counted where all pass', async t => {
  t.deepEqual(await count(t, { 'good.ts': PASSING }), { passed: 2, failed: 0 });
});

test('failed tests, failed hooks, uncaught errors and empty files count as failures beside the passed', async t => {
  const counted = await count(t, {
    'good.ts': PASSING,
    'bad.ts': "test('bad', t => t.fail());",
    'hook.ts': "test('fine', t => t.pass()); test.after('hook', () => { throw new Error('hook'); });",
    'late.ts':
      "test('late', async t => { t.pass(); setTimeout(() => { throw new Error('late'); }); await new Promise(() => {}); });",
    'empty.ts': 'export const nothing = test;',
  });
  t.deepEqual(counted, { passed: 3, failed: 4 });
});

test('a file that kills itself and one that exits count as failures', async t => {
  const counted = await count(t, {
    'good.ts': PASSING,
    'killed.ts': "test('killed', () => new Promise(() => process.kill(process.pid, 'SIGKILL')));",
    'exits.ts': "test('exits', () => process.exit(0));",
  });
  t.deepEqual(counted, { passed: 2, failed: 2 });
});

test('tests and files that never ended count as failures', t => {
  const output = [
    '  ✔ good › first',
    '',
    '  ✘ Timed out while running tests',
    '',
    '  2 tests were pending in hangs.ts',
    '',
    '  ◌ hangs › one',
    '  ◌ hangs › two',
    '',
    '  Failed to exit when running open.ts',
    '',
    '  ─',
    '',
    '  1 test passed',
    '  2 tests remained pending after a timeout',
  ].join('\n');
  t.deepEqual(countTests(output, 1), { passed: 1, failed: 3 });
});

test('a run that finds no test is a failure', async t => {
  t.deepEqual(await count(t, {}), { passed: 0, failed: 1 });
});

test('a run that prints nothing is a failure, whatever its exit code', t => {
  t.deepEqual(countTests('', 0), { passed: 0, failed: 1 });
  t.deepEqual(countTests('', null), { passed: 0, failed: 1 });
});

test('a run that says all passed and still ends badly is a failure', t => {
  t.deepEqual(countTests('  ✔ one\n  ─\n\n  1 test passed\n', 1), { passed: 1, failed: 1 });
});

test('the files of failed tests are found by what ava calls them', t => {
  const output = [
    '  ✔ browser › panel › fine',
    '  ✘ [fail]: browser › pool-keys › what is wrong › stands there Rejected promise returned by test',
    '  ✘ [fail]: docs › every link leads to a file',
    '  ✘ [fail]: gone › a file that is not there',
  ].join('\n');
  const files = new Set(['test/browser/pool-keys.test.ts', 'test/docs.test.ts']);
  t.deepEqual(
    failedFiles(output, file => files.has(file)),
    [...files],
  );
});
