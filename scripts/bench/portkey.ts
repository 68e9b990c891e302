import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { untilListening } from './children.ts';
import { freePort } from './contestants.ts';
import { PROXY_CORES } from './cores.ts';
import type { BenchContext } from './measure.ts';

export const PORTKEY = '@portkey-ai/gateway';

const SERVER = join(import.meta.dirname, `../../node_modules/${PORTKEY}/build/start-server.js`);

/** The gateway, ready; the fields of a request say which vendor it asks. */
export interface Portkey {
  readonly pid: number;
  readonly port: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly stop: () => Promise<void>;
}

/**
 * Starts it in production without its console, which is its best setting.
 *
 * @returns why it cannot be measured, where it cannot
 */
export async function startPortkey(
  { children, folder }: BenchContext,
  originPort: number,
): Promise<Portkey | { readonly missing: string }> {
  if (!existsSync(SERVER)) return { missing: 'not installed' };
  const port = await freePort();
  const program = children.start({
    command: process.execPath,
    args: [SERVER, `--port=${port}`, '--headless'],
    cores: PROXY_CORES,
    folder,
    environment: { NODE_ENV: 'production' },
  });
  try {
    await untilListening(port);
  } catch (error) {
    await program.stop();
    return { missing: `did not start: ${error instanceof Error ? error.message : error}` };
  }
  const headers = {
    'x-portkey-provider': 'openai',
    'x-portkey-custom-host': `http://127.0.0.1:${originPort}/v1`,
  };
  return { pid: program.pid, port, headers, stop: program.stop };
}
