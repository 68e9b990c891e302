import { join } from 'node:path';
import type { Program } from './children.ts';
import { LOAD_CORES } from './cores.ts';
import type { BenchContext } from './measure.ts';

export interface Origin extends Program {
  readonly port: number;
}

/** Starts one of the programs that stand for a vendor, beside the load. */
export async function startOrigin(
  { children, folder }: BenchContext,
  file: string,
  ...args: string[]
): Promise<Origin> {
  const program = children.start({
    command: process.execPath,
    args: [join(import.meta.dirname, 'programs', file), ...args],
    cores: LOAD_CORES,
    folder,
  });
  const { port } = await program.message();
  return { ...program, port: port as number };
}

/** Runs a program that makes load, gives it `task`, and returns what it reports. */
export async function runLoad<Report>(
  { children, folder }: BenchContext,
  file: string,
  task: unknown,
): Promise<Report> {
  const program = children.start({
    command: process.execPath,
    args: [join(import.meta.dirname, 'programs', file), JSON.stringify(task)],
    cores: LOAD_CORES,
    folder,
  });
  const report = await program.message();
  await program.stop();
  if (typeof report.problem === 'string') throw new Error(report.problem);
  return report as Report;
}
