import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** The proxy under test has this core for itself. */
export const PROXY_CORES = '0';

/** Load and origins share all other cores, so that they do not take time from the proxy. */
export const LOAD_CORES = availableParallelism() > 2 ? `1-${availableParallelism() - 1}` : '1';

/**
 * Puts this process, which only waits, beside the load.
 *
 * @throws Error that says what is missing
 */
export function takePlace(): void {
  if (process.platform !== 'linux') throw new Error('Expected Linux: costs are read from /proc');
  if (availableParallelism() < 2)
    throw new Error('Expected two cores or more: the proxy under test has one alone');
  try {
    execFileSync('taskset', ['-a', '-c', '-p', LOAD_CORES, String(process.pid)], { stdio: 'ignore' });
  } catch (error) {
    throw new Error('Expected `taskset` to pin processes: apt-get install util-linux', { cause: error });
  }
}
