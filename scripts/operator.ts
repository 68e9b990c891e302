// What the operator's commands share: the same settings and stores as the server's, one line for what goes wrong, and
// secrets that come from anywhere but the command line, which every user of the machine may read.
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { AppError } from '../src/base/errors.ts';
import type { Log } from '../src/base/log.ts';
import { ConfigError, readConfig } from '../src/config/read.ts';
import type { Config } from '../src/config/settings.ts';
import { type Encryption, openEncryption } from '../src/stores/encryption.ts';
import { openStores } from '../src/stores/open.ts';
import type { Stores } from '../src/stores/types.ts';

/** As often as a server. */
const LEARN_EVERY_MS = 1000;

/** The installation that a command works on. A server may run on it at the same time. */
export interface Installation {
  readonly config: Config;
  readonly stores: Stores;
  /** `Redis` or `the embedded database`. */
  readonly where: string;
  readonly log: Log;
}

/** A fault that is the operator's to mend: its message is all that is shown. */
export class OperatorError extends Error {}

/** Opens the installation that the environment and `.env` name, and closes it whatever happens. */
export async function withInstallation(work: (installation: Installation) => Promise<void>): Promise<void> {
  if (existsSync('.env')) process.loadEnvFile('.env');
  const config = readConfig(process.env);
  const log = warningsToStderr();
  const stores = await openStores(config, { log });
  try {
    const where = stores.kind === 'redis' ? 'Redis' : 'the embedded database';
    await work({ config, stores, where, log });
  } finally {
    await stores.close();
  }
}

/**
 * What keys are sealed with there.
 *
 * @throws AppError `ERR_ENCRYPTION_KEY`, `ERR_STORE_UNAVAILABLE`
 */
export async function encryptionOf({ config, stores, log }: Installation): Promise<Encryption> {
  const encryption = await openEncryption({
    configured: config.encryptionKey,
    kind: stores.kind,
    folder: config.dataDir,
    log,
    pool: stores.pool,
  });
  await encryption.verify();
  // A rotation may begin while the command works. A store that is away is told by the calls that need it.
  setInterval(() => void encryption.learn().catch(() => undefined), LEARN_EVERY_MS).unref();
  return encryption;
}

/** Runs a command: a failure is one line and exit code 1; a fault of the program itself keeps its trace. */
export async function runCommand(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    console.error(`${name}: ${explain(error)}`);
    process.exitCode = 1;
  }
}

function explain(error: unknown): string {
  if (error instanceof ConfigError) return error.problems.join('; ');
  if (error instanceof AppError || error instanceof OperatorError) return error.message;
  if (error instanceof Error && 'code' in error) {
    // An option that does not exist, a file that cannot be read.
    if (String(error.code).startsWith('ERR_PARSE_ARGS') || 'syscall' in error) return error.message;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Environment variable that a passphrase may come from. */
export const PASSPHRASE_VARIABLE = 'BACKUP_PASSPHRASE';

/**
 * The passphrase of a backup: from a file, the environment, or the keyboard, where it is not shown.
 *
 * @param source.repeat asks twice, because what is mistyped now opens nothing later
 */
export async function readPassphrase(source: {
  readonly file: string | undefined;
  readonly repeat: boolean;
}): Promise<string> {
  if (source.file !== undefined) return readFileSync(source.file, 'utf8').replace(/\r?\n$/, '');
  const given = process.env[PASSPHRASE_VARIABLE];
  if (given !== undefined && given !== '') return given;
  if (!process.stdin.isTTY) {
    throw new OperatorError(`Expected a passphrase in ${PASSPHRASE_VARIABLE} or by --passphrase-file`);
  }
  const passphrase = await askHidden('Passphrase: ');
  if (source.repeat && (await askHidden('Once more: ')) !== passphrase) {
    throw new OperatorError('The two passphrases differ; nothing was done');
  }
  return passphrase;
}

async function askHidden(question: string): Promise<string> {
  process.stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  try {
    return await lines.question('');
  } finally {
    lines.close();
    process.stderr.write('\n');
  }
}

/** The few things that the program itself would log and an operator must know: a generated key, an open file. */
function warningsToStderr(): Log {
  return pino(
    { level: 'info', base: null },
    {
      write: (line: string) => {
        const { msg, file } = JSON.parse(line) as { msg?: string; file?: string };
        process.stderr.write(`${msg ?? ''}${file === undefined ? '' : ` (${file})`}\n`);
      },
    },
  );
}
