import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface ImportRun {
  readonly module: URL;
  /** Call of an export of `module` that opens the stores. */
  readonly open: string;
  readonly batches: number;
  readonly batchSize: number;
  /** The process is killed as soon as so many batches were acknowledged. */
  readonly killAfter: number;
}

/**
 * Imports keys in a process of its own and kills it (SIGKILL) in the middle; the batch that is under way may be at any
 * point.
 *
 * @returns batches that were acknowledged
 */
export async function importAndKill(run: ImportRun): Promise<number> {
  const script = `
    import { keysOf } from ${JSON.stringify(new URL('./pool-keys.ts', import.meta.url).href)};
    const stores = await (await import(${JSON.stringify(run.module.href)})).${run.open};
    for (let batch = 0; batch < ${run.batches}; batch += 1) {
      await stores.pool.keys.add(keysOf(batch * ${run.batchSize}, (batch + 1) * ${run.batchSize}));
      process.stdout.write('batch\\n');
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  let acknowledged = 0;
  createInterface({ input: child.stdout }).on('line', () => {
    acknowledged += 1;
    if (acknowledged === run.killAfter) child.kill('SIGKILL');
  });
  const [code, signal] = await exited;
  if (signal !== 'SIGKILL') throw new Error(`Expected the import to be killed, it ended with ${code}`);
  return acknowledged;
}
