import { randomBytes } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { createOnce } from '../base/new-file.ts';
import { replaceFile } from '../base/replace-file.ts';
import type { Secret } from '../base/secret.ts';
import {
  ENCRYPTION_KEY_EXPECTED,
  type EncryptionKeys,
  parseEncryptionKeys,
} from '../config/encryption-key.ts';
import { announcedKey, NEXT_KEY_NAME } from './next-key.ts';
import type { PoolStores } from './pool-types.ts';
import { createKeyRing, createSealer, type KeyRing, lockedSealer, type Sealer } from './sealing.ts';
import type { Stores } from './types.ts';

/** File below `DATA_DIR` that holds the generated key, beside the embedded database only. */
export const ENCRYPTION_KEY_FILE = 'encryption-key';

/** Name of the sealed value that tells whether a process has the right key. */
export const CHECK_NAME = 'encryption-check';
const CHECK_TEXT = 'switchyard';
/** Values that hold no secret of anybody's. */
const OWN_NAMES: ReadonlySet<string> = new Set([CHECK_NAME, NEXT_KEY_NAME]);

export interface EncryptionKeySource {
  /** `ENCRYPTION_KEY`. */
  readonly configured: Secret | undefined;
  readonly kind: Stores['kind'];
  /** `DATA_DIR`. */
  readonly folder: string;
  readonly log: Log;
}

/**
 * The encryption keys: the configured ones, else, beside the embedded database, those in `<folder>/encryption-key`.
 *
 * @param options.isUsed secrets are stored already: where their key is missing none is generated, it could not open them
 * @returns `undefined` with Redis and no configured key: a key of its own would be of no use to other instances
 * @throws AppError `ERR_ENCRYPTION_KEY`, in words for the operator
 */
export async function loadEncryptionKey(
  options: EncryptionKeySource & { readonly isUsed: boolean },
): Promise<EncryptionKeys | undefined> {
  const { configured, kind, folder, log, isUsed } = options;
  if (configured !== undefined) return parsed(configured.reveal(), 'ENCRYPTION_KEY');
  if (kind !== 'sqlite') return undefined;
  const file = join(folder, ENCRYPTION_KEY_FILE);
  try {
    await mkdir(folder, { recursive: true });
    const existing = await readKeyFile(file, log);
    if (existing !== undefined) return existing;
    if (isUsed) {
      throw new AppError(
        'ERR_ENCRYPTION_KEY',
        `Expected \`${file}\` to exist, for the stored secrets are sealed under it; put it back or set ENCRYPTION_KEY`,
      );
    }
    const created = await createOnce(file, `${randomBytes(32).toString('base64')}\n`);
    const keys = await readKeyFile(file, log);
    if (keys === undefined)
      throw new AppError('ERR_ENCRYPTION_KEY', `Expected \`${file}\` to stay once it is written`);
    if (created) log.info({ file }, 'ENCRYPTION_KEY is not set: generated one into this file; back it up');
    return keys;
  } catch (error) {
    if (error instanceof AppError) throw error;
    const reason = (error as NodeJS.ErrnoException).code ?? 'an unknown error';
    throw new AppError(
      'ERR_ENCRYPTION_KEY',
      `Expected \`${file}\` to be readable and its folder writable, got ${reason}; set ENCRYPTION_KEY or mend DATA_DIR`,
      { cause: error },
    );
  }
}

/**
 * Replaces the keys in `<folder>/encryption-key`: during a rotation the new one with the old ones, after it the new one
 * alone. After a crash the file holds the one or the other.
 */
export async function saveEncryptionKeys(folder: string, keys: EncryptionKeys): Promise<void> {
  const texts = [keys.current, ...keys.previous].map(key => key.toString('base64'));
  await replaceFile(join(folder, ENCRYPTION_KEY_FILE), `${texts.join(',')}\n`);
}

/** What the pool encrypts with. */
export interface Encryption {
  readonly sealer: Sealer;
  /**
   * Makes sure that what is stored is under this process' key, and that this is the newest; a store without secrets takes
   * the key as its own. To be awaited before anything is sealed: a store that was away at start is checked then.
   *
   * @throws AppError `ERR_ENCRYPTION_KEY`, `ERR_STORE_UNAVAILABLE`
   */
  verify(): Promise<void>;
  /**
   * Looks whether a rotation has brought a new key, and seals under it from then on. Cheap: it may be asked every second.
   *
   * @returns whether there was one
   * @throws AppError `ERR_STORE_UNAVAILABLE`
   */
  learn(): Promise<boolean>;
}

/**
 * Loads the key and compares it with what is stored.
 *
 * With Redis and no key the program runs, but sealing throws; where secrets are stored already it does not start.
 *
 * @throws AppError `ERR_ENCRYPTION_KEY` in words for the operator; a store that is away does not throw
 */
export async function openEncryption(
  source: EncryptionKeySource & { readonly pool: Pick<PoolStores, 'keys' | 'sealed'> },
): Promise<Encryption> {
  const { pool, log } = source;
  // The embedded store is never away, and only beside it a key is generated.
  const isUsed = source.kind === 'sqlite' && (await holdsSecrets(pool));
  const keys = await loadEncryptionKey({ ...source, isUsed });
  const ring = keys === undefined ? undefined : createKeyRing(keys);
  const sealer = ring ?? lockedSealer;
  const news = ring === undefined ? undefined : keyNews(source, ring);
  let isVerified = false;

  async function learn(): Promise<boolean> {
    const adopted = await news?.();
    if (adopted === undefined || !ring!.adopt(adopted)) return false;
    const where = source.configured === undefined ? '' : ', though ENCRYPTION_KEY still names the one before';
    log.info(`The encryption key was changed: from now on the new one is used${where}`);
    return true;
  }

  async function verify(): Promise<void> {
    await learn();
    if (isVerified) return;
    if (ring !== undefined) await check(ring, pool);
    else if (await holdsSecrets(pool)) throw noKey();
    else return;
    isVerified = true;
  }

  try {
    await verify();
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'ERR_STORE_UNAVAILABLE')) throw error;
    log.warn(
      'The store does not answer: whether ENCRYPTION_KEY is the right one is checked before the first use',
    );
  }
  return { sealer, verify, learn };
}

/**
 * Where a rotation tells its new key: in the file where the key comes from there, else in the store, sealed under the key
 * that everybody has. The environment of a process that runs cannot be changed.
 *
 * @returns reads the keys that are in force now; `undefined` where nothing has changed since the last call
 */
function keyNews(
  { configured, folder, log, pool }: Parameters<typeof openEncryption>[0],
  ring: KeyRing,
): () => Promise<EncryptionKeys | undefined> {
  if (configured !== undefined) {
    return async () => {
      const current = await announcedKey(pool.sealed, ring);
      return current && { current, previous: [] };
    };
  }
  const file = join(folder, ENCRYPTION_KEY_FILE);
  let seen: string | undefined;
  return async () => {
    // A file that cannot be read now is no news: the keys that are known serve on.
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text === undefined || text === seen) return undefined;
    const keys = parseEncryptionKeys(text.trim());
    const isRight = keys !== undefined && (await opensCheck(createSealer(keys), pool));
    // What would be sealed under a key that somebody put there by mistake would be lost with it.
    if (!isRight && seen !== undefined) {
      log.error(
        { file },
        'this file was replaced by one whose key opens nothing; the key before it is used on',
      );
    }
    seen = text;
    return isRight ? keys : undefined;
  };
}

/** Whether the store holds anything that a key is needed for. */
async function holdsSecrets({ keys, sealed }: Pick<PoolStores, 'keys' | 'sealed'>): Promise<boolean> {
  if ((await sealed.names()).some(name => !OWN_NAMES.has(name))) return true;
  return (await keys.changes(0, 1)).changed.length > 0;
}

/** Opens the value that whoever came first has sealed; of several that come first at once, one is. */
async function check(sealer: Sealer, pool: Pick<PoolStores, 'sealed'>): Promise<void> {
  if ((await pool.sealed.read(CHECK_NAME)) === undefined) {
    await pool.sealed.replace(CHECK_NAME, sealer.seal(CHECK_NAME, CHECK_TEXT), 0);
  }
  if (await opensCheck(sealer, pool)) return;
  throw new AppError(
    'ERR_ENCRYPTION_KEY',
    'Expected the encryption key (`ENCRYPTION_KEY`, or `DATA_DIR/encryption-key` where that is unset) to be the one that the stored secrets are sealed under, got another one',
  );
}

async function opensCheck(sealer: Sealer, { sealed }: Pick<PoolStores, 'sealed'>): Promise<boolean> {
  const value = await sealed.read(CHECK_NAME);
  try {
    return value !== undefined && sealer.open(CHECK_NAME, value.sealed) === CHECK_TEXT;
  } catch (error) {
    if (error instanceof AppError) return false;
    throw error;
  }
}

function noKey(): AppError {
  return new AppError(
    'ERR_ENCRYPTION_KEY',
    'Expected `ENCRYPTION_KEY` to be set: the shared store holds secrets that are sealed under it',
  );
}

async function readKeyFile(file: string, log: Log): Promise<EncryptionKeys | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const keys = parsed(text.trim(), file);
  // Windows has no such mode bits and shows every file as open to all.
  const { mode } = await stat(file);
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    log.warn({ file }, 'other users of this machine may read the encryption key: make it mode 0600');
  }
  return keys;
}

function parsed(text: string, place: string): EncryptionKeys {
  const keys = parseEncryptionKeys(text);
  if (keys === undefined) {
    throw new AppError(
      'ERR_ENCRYPTION_KEY',
      `Expected \`${place}\` to be ${ENCRYPTION_KEY_EXPECTED}, got another value (not shown)`,
    );
  }
  return keys;
}
