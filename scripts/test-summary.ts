import { stripVTControlCharacters } from 'node:util';

export interface TestCount {
  readonly passed: number;
  /** Failed tests and hooks, uncaught errors, tests that never ended, and files that crashed or hold no test. */
  readonly failed: number;
}

/**
 * Counts a run of ava by what its default reporter printed. That reporter totals passed tests only where nothing
 * failed, so else its tick lines are counted. A run that ended badly, or that ran nothing, has at least one failure.
 *
 * @param exitCode ava's, `null` when a signal ended it
 */
export function countTests(output: string, exitCode: number | null): TestCount {
  const lines = stripVTControlCharacters(output)
    .split('\n')
    .map(line => line.trim());
  const total = (pattern: RegExp) =>
    lines.reduce((sum, line) => sum + Number(pattern.exec(line)?.[1] ?? 0), 0);

  const ticks = lines.filter(line => line.startsWith('✔ ')).length;
  const passed = total(/^(\d+) tests? passed$/) || ticks;
  // A file that an uncaught error ended is named too, so the two are one failure.
  const uncaught = total(/^(\d+) (?:uncaught exceptions?|unhandled rejections?)$/);
  const crashedFiles = lines.filter(line =>
    /^✘ (?:No tests found in .*|.* exited (?:with a non-zero exit code: \d+|due to SIG[A-Z]+))$/.test(line),
  ).length;
  const stuckFiles = lines.filter(line => line.startsWith('Failed to exit when running ')).length;
  const failed =
    total(/^(\d+) (?:tests?|hooks?) failed$/) +
    total(/^(\d+) tests? remained pending after a timeout$/) +
    total(/^✘ (\d+) tests? remaining in /) +
    stuckFiles +
    Math.max(uncaught, crashedFiles);
  return { passed, failed: failed === 0 && (exitCode !== 0 || passed === 0) ? 1 : failed };
}

/**
 * Files of the tests that failed, below `test/`, in the order in which they failed; ava names them by their path:
 * `✘ [fail]: browser › pool-keys › title`.
 *
 * @param exists whether a file is there, for a title may hold the same sign
 */
export function failedFiles(output: string, exists: (file: string) => boolean): string[] {
  const files = new Set<string>();
  for (const line of stripVTControlCharacters(output).split('\n')) {
    const names = /^\s*✘ \[fail\]: (.+)$/.exec(line)?.[1]?.split(' › ') ?? [];
    for (let depth = 1; depth < names.length; depth += 1) {
      const file = `test/${names.slice(0, depth).join('/')}.test.ts`;
      if (exists(file)) files.add(file);
    }
  }
  return [...files];
}
