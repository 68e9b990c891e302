import { spawnSync } from 'node:child_process';

/**
 * Environment under which a process's clocks and timers run `factor` times as fast as they should (libfaketime): a timer
 * for a minute fires after a second at 60. The kernel's own timers and other processes keep to the real time.
 */
export function fastClock(factor: number): Record<string, string> {
  const { stdout, error } = spawnSync('faketime', ['-f', '+0', 'printenv', 'LD_PRELOAD'], {
    encoding: 'utf8',
  });
  if (error !== undefined) throw new Error('These tests need the faketime command: apt-get install faketime');
  return { LD_PRELOAD: stdout.trim(), FAKETIME: `+0 x${factor}` };
}
