import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import pino from 'pino';
import type { Secret } from '../../src/base/secret.ts';
import { readAllKeys } from '../../src/domain/transfer/backup-content.ts';
import { openEncryption } from '../../src/stores/encryption.ts';
import type { StoredKey } from '../../src/stores/pool-types.ts';
import type { Sealer } from '../../src/stores/sealing.ts';
import { openSqlite } from '../../src/stores/sqlite/open-sqlite.ts';
import type { Stores } from '../../src/stores/types.ts';

export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Workplace {
  readonly folder: string;
  /** Runs a command of `scripts/` to its end. */
  run(script: string, args?: readonly string[], environment?: Record<string, string>): Promise<Outcome>;
  /** Starts one and leaves it running. */
  start(script: string, args?: readonly string[], environment?: Record<string, string>): ChildProcess;
  /** Opens the embedded store of the folder, as a server would; closed when the test ends. */
  open(configured?: Secret): Promise<{ stores: Stores; sealer: Sealer }>;
}

/** An empty working folder in which commands can be run. */
export function openWorkplace(t: ExecutionContext): Workplace {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-operator-'));
  const open: (() => Promise<void>)[] = [];
  t.teardown(async () => {
    for (const close of open) await close();
    rmSync(folder, { recursive: true, force: true });
  });
  const start: Workplace['start'] = (script, args = [], environment = {}) =>
    spawn(
      process.execPath,
      [fileURLToPath(new URL(`../../scripts/${script}.ts`, import.meta.url)), ...args],
      { cwd: folder, env: { PATH: process.env.PATH, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
  return {
    folder,
    start,
    run: (...parameters) =>
      new Promise(resolve => {
        const child = start(...parameters);
        let out = '';
        let err = '';
        child.stdout?.setEncoding('utf8').on('data', text => {
          out += text;
        });
        child.stderr?.setEncoding('utf8').on('data', text => {
          err += text;
        });
        child.on('close', code => resolve({ code, out, err }));
      }),
    async open(configured) {
      const dataDir = join(folder, 'data');
      const stores = await openSqlite(dataDir);
      open.push(() => stores.close());
      const log = pino({ level: 'silent' });
      const { pool } = stores;
      const { sealer } = await openEncryption({ configured, kind: 'sqlite', folder: dataDir, log, pool });
      return { stores, sealer };
    },
  };
}

/** The stored keys in clear: text → record. */
export async function clearKeys(stores: Stores, sealer: Sealer): Promise<Map<string, StoredKey>> {
  const records = await readAllKeys(stores.pool.keys);
  return new Map([...records.values()].map(key => [sealer.open(key.id, key.sealed), key]));
}
