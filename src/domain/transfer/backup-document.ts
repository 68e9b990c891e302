import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { AppError } from '../../base/errors.ts';

const FORMAT = 'switchyard-backup';
const VERSION = 1;
const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SALT_BYTES = 16;
/** 128 MiB and some tenths of a second for each guess at a passphrase. */
const DEFAULT_COST = { cost: 2 ** 17, blockSize: 8, parallelization: 1 };
/** What a document may ask for, so that a made-up one cannot take all memory. */
const MOST_COST = { cost: 2 ** 18, blockSize: 8, parallelization: 4 };
const MOST_CONTENT_BYTES = 1024 * 1024 * 1024;

export const SHORTEST_PASSPHRASE = 12;
export const LONGEST_PASSPHRASE = 1024;

/** A backup as it lies in a file. All members but `data` and `tag` are authenticated as additional data. */
export interface BackupDocument {
  readonly format: typeof FORMAT;
  readonly version: typeof VERSION;
  readonly createdAtMs: number;
  readonly kdf: {
    readonly name: 'scrypt';
    readonly cost: number;
    readonly blockSize: number;
    readonly parallelization: number;
    /** Base64, as the following. */
    readonly salt: string;
  };
  readonly nonce: string;
  readonly tag: string;
  /** AES-256-GCM over gzip over UTF-8. */
  readonly data: string;
}

const zip = promisify(gzip);
const unzip = promisify(gunzip);

/** @throws AppError `ERR_VALIDATION` (field `passphrase`) */
export function parseNewPassphrase(value: unknown): string {
  if (
    typeof value !== 'string' ||
    value.length < SHORTEST_PASSPHRASE ||
    value.length > LONGEST_PASSPHRASE ||
    value.trim() === ''
  ) {
    throw new AppError(
      'ERR_VALIDATION',
      `Expected the passphrase to have ${SHORTEST_PASSPHRASE} to ${LONGEST_PASSPHRASE} characters`,
      { field: 'passphrase' },
    );
  }
  return value;
}

export async function encryptBackup(
  content: string,
  passphrase: string,
  options: { readonly nowMs: number; readonly cost?: number },
): Promise<BackupDocument> {
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const kdf = { name: 'scrypt' as const, ...DEFAULT_COST, cost: options.cost ?? DEFAULT_COST.cost };
  const open: Omit<BackupDocument, 'data' | 'tag'> = {
    format: FORMAT,
    version: VERSION,
    createdAtMs: options.nowMs,
    kdf: { ...kdf, salt: salt.toString('base64') },
    nonce: nonce.toString('base64'),
  };
  const key = await deriveKey(passphrase, open.kdf);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(additionalData(open));
  const data = Buffer.concat([cipher.update(await zip(content)), cipher.final()]);
  return { ...open, tag: cipher.getAuthTag().toString('base64'), data: data.toString('base64') };
}

/**
 * @param document what somebody says is a backup
 * @throws AppError `ERR_VALIDATION` (field `backup`) where it is none or of another version, `ERR_PASSPHRASE` where the
 * passphrase does not open it, or it was damaged
 */
export async function decryptBackup(document: unknown, passphrase: string): Promise<string> {
  const backup = checked(document);
  const key = await deriveKey(passphrase, backup.kdf);
  const decipher = createDecipheriv(CIPHER, key, Buffer.from(backup.nonce, 'base64'), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(additionalData(backup));
  decipher.setAuthTag(Buffer.from(backup.tag, 'base64'));
  const zipped = decipher.update(Buffer.from(backup.data, 'base64'));
  try {
    decipher.final();
  } catch (error) {
    throw new AppError(
      'ERR_PASSPHRASE',
      'The passphrase does not open this backup, or the backup is damaged; nothing was changed',
      { cause: error, field: 'passphrase' },
    );
  }
  return (await unzip(zipped, { maxOutputLength: MOST_CONTENT_BYTES })).toString('utf8');
}

function checked(document: unknown): BackupDocument {
  const backup = (document ?? {}) as Partial<BackupDocument>;
  if (typeof document !== 'object' || backup.format !== FORMAT)
    throw invalid('a document of `npm run backup`');
  if (backup.version !== VERSION) throw invalid(`version ${VERSION}, got another one`);
  const { kdf, nonce, tag, data, createdAtMs } = backup;
  const whole =
    kdf?.name === 'scrypt' &&
    isPowerOfTwo(kdf.cost, MOST_COST.cost) &&
    isIntegerTo(kdf.blockSize, MOST_COST.blockSize) &&
    isIntegerTo(kdf.parallelization, MOST_COST.parallelization) &&
    isBase64(kdf.salt, SALT_BYTES) &&
    isBase64(nonce, NONCE_BYTES) &&
    isBase64(tag, TAG_BYTES) &&
    typeof createdAtMs === 'number' &&
    typeof data === 'string';
  if (!whole) throw invalid('whole, got one with members missing or damaged');
  return backup as BackupDocument;
}

function invalid(expected: string): AppError {
  return new AppError('ERR_VALIDATION', `Expected \`backup\` to be ${expected}`, { field: 'backup' });
}

function isIntegerTo(value: unknown, most: number): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= most;
}

function isPowerOfTwo(value: unknown, most: number): boolean {
  return isIntegerTo(value, most) && Number(value) >= 2 && Number.isInteger(Math.log2(Number(value)));
}

function isBase64(value: unknown, bytes: number): boolean {
  return typeof value === 'string' && Buffer.from(value, 'base64').length === bytes;
}

function additionalData(backup: Omit<BackupDocument, 'data' | 'tag'>): Buffer {
  const { format, version, createdAtMs, kdf, nonce } = backup;
  return Buffer.from(
    JSON.stringify([
      format,
      version,
      createdAtMs,
      kdf.name,
      kdf.cost,
      kdf.blockSize,
      kdf.parallelization,
      kdf.salt,
      nonce,
    ]),
  );
}

/** Off the main thread. The passphrase is normalised, since keyboards spell the same letter in several ways. */
function deriveKey(passphrase: string, kdf: BackupDocument['kdf']): Promise<Buffer> {
  const { cost, blockSize, parallelization } = kdf;
  return new Promise((resolve, reject) => {
    scrypt(
      passphrase.normalize('NFKC'),
      Buffer.from(kdf.salt, 'base64'),
      KEY_BYTES,
      { cost, blockSize, parallelization, maxmem: 256 * cost * blockSize + 1024 * 1024 },
      (error, key) => (error === null ? resolve(key) : reject(error)),
    );
  });
}
