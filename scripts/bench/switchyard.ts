import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROXY_CORES } from './cores.ts';
import type { BenchContext } from './measure.ts';

const ROOT = join(import.meta.dirname, '../..');
/** What `npm start` gives to node, its flags included. */
const SHIPPED = (
  JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: { start: string } }
).scripts.start
  .split(' ')
  .slice(1)
  .map(word => (word.startsWith('-') ? word : join(ROOT, word)));

/** The prefix that leads to the origin, with every contestant. */
export const PREFIX = '/bench';

export interface Switchyard {
  readonly pid: number;
  readonly port: number;
  /** Calls the admin's interface. @throws Error when it does not answer with a 2xx */
  admin(method: string, path: string, body?: unknown): Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts Switchyard as shipped: production, statistics on, every other setting at its default, an empty data folder. */
export async function startSwitchyard(
  { children, folder }: BenchContext,
  environment: Readonly<Record<string, string>> = {},
): Promise<Switchyard> {
  const token = randomBytes(16).toString('hex');
  const ownFolder = mkdtempSync(join(folder, 'switchyard-'));
  const program = children.start({
    command: process.execPath,
    args: SHIPPED,
    cores: PROXY_CORES,
    folder: ownFolder,
    environment: { NODE_ENV: 'production', HOST: '127.0.0.1', PORT: '0', ADMIN_TOKEN: token, ...environment },
  });
  let port: unknown;
  while (typeof port !== 'number') ({ port } = await program.message());
  const address = `http://127.0.0.1:${port}`;
  return {
    pid: program.pid,
    port,
    stop: program.stop,
    async admin(method, path, body) {
      const answer = await fetch(`${address}${path}`, {
        method,
        headers: { 'x-admin-key': token, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      if (!answer.ok)
        throw new Error(`Expected ${method} ${path} to be done, got ${answer.status}: ${text.slice(0, 300)}`);
      return text === '' ? undefined : JSON.parse(text);
    },
  };
}

/** Switchyard with one more mapping than it has at its first start: the way to the origin. */
export async function startSwitchyardFor(
  context: BenchContext,
  target: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Switchyard> {
  const switchyard = await startSwitchyard(context, environment);
  await switchyard.admin('POST', '/api/mappings', { prefix: PREFIX, target });
  return switchyard;
}
