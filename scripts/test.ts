// `npm test`: style and types, then every test; `npm test -- test/stores` runs a part without the former.
// The last line is `N passed, M failed`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { installTestDependencies } from './install-test-dependencies.ts';
import { countTests } from './test-summary.ts';

const root = join(import.meta.dirname, '..');
const environment = {
  ...process.env,
  PATH: [join(root, 'node_modules/.bin'), dirname(process.execPath), process.env.PATH].join(delimiter),
};
const selection = process.argv.slice(2);

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
const { code, output } = await run(process.execPath, [
  join(root, 'node_modules/ava/entrypoints/cli.js'),
  ...selection,
]);
const tests = countTests(output, code);
const failed = tests.failed + checks;
console.log(`${tests.passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
