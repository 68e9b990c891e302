// `npm test`: style and types, then every test; `npm test -- test/stores` runs a part without the former.
// A few tests that fail are run once more alone; only what fails again is a failure. The last line is `N passed, M failed`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { installTestDependencies } from './install-test-dependencies.ts';
import { countTests, failedFiles } from './test-summary.ts';

const root = join(import.meta.dirname, '..');
const environment = {
  ...process.env,
  PATH: [join(root, 'node_modules/.bin'), dirname(process.execPath), process.env.PATH].join(delimiter),
};
const selection = process.argv.slice(2);
const AVA = join(root, 'node_modules/ava/entrypoints/cli.js');
/** More failures than these are no accident. */
const MOST_RERUN = 5;

/** Runs a command under this same Node, shows what it prints and keeps it. */
async function run(
  command: string,
  parameters: readonly string[],
): Promise<{ code: number | null; output: string }> {
  const child = spawn(command, parameters, {
    cwd: root,
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const stop = (signal: NodeJS.Signals) => child.kill(signal);
  process.on('SIGTERM', stop).on('SIGINT', stop);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    process.stdout.write(text);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  process.off('SIGTERM', stop).off('SIGINT', stop);
  return { code, output };
}

/** 1 when `npm run check` finds something, which is one failure more. */
async function failedChecks(): Promise<number> {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: { check: string };
  };
  const { code } = await run('sh', ['-c', scripts.check]);
  return code === 0 ? 0 : 1;
}

const problem = installTestDependencies();
if (problem !== undefined) {
  console.error(problem);
  process.exit(1);
}
const checks = selection.length === 0 ? await failedChecks() : 0;
const { code, output } = await run(process.execPath, [AVA, ...selection]);
let tests = countTests(output, code);
const again = failedFiles(output, file => existsSync(join(root, file)));
if (selection.length === 0 && tests.failed > 0 && tests.failed <= MOST_RERUN && again.length > 0) {
  // Browsers and servers of many files share two cores, and a page may be late for that alone. Named, so that it is seen.
  console.log(`\n${tests.failed} failed beside others; once more, alone: ${again.join(', ')}\n`);
  const alone = await run(process.execPath, [AVA, '--concurrency=1', ...again]);
  const { failed: failedAgain } = countTests(alone.output, alone.code);
  tests = { passed: tests.passed + Math.max(0, tests.failed - failedAgain), failed: failedAgain };
}
const failed = tests.failed + checks;
console.log(`${tests.passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
