import { randomBytes } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { createOnce } from '../base/new-file.ts';
import { Secret } from '../base/secret.ts';

const SHORTEST_SECRET = 16;

/** A secret that is generated where nobody sets it: its setting, and the file below `DATA_DIR`. */
export interface GeneratedSecret {
  readonly setting: string;
  readonly fileName: string;
}

export const ADMIN_TOKEN: GeneratedSecret = { setting: 'ADMIN_TOKEN', fileName: 'admin-token' };
export const API_ACCESS_KEY: GeneratedSecret = { setting: 'API_ACCESS_KEY', fileName: 'api-access-key' };

/**
 * A secret: the configured one, or the one in its file, which the first start generates there.
 *
 * @throws AppError `ERR_INTERNAL`, in words for the operator, when the folder cannot be used or the file is damaged
 */
export async function loadSecret(options: {
  readonly of: GeneratedSecret;
  readonly configured: Secret | undefined;
  /** `DATA_DIR`; created where it is missing. */
  readonly folder: string;
  readonly log: Log;
}): Promise<Secret> {
  if (options.configured !== undefined) return options.configured;
  const { setting, fileName } = options.of;
  const file = join(options.folder, fileName);
  try {
    await mkdir(options.folder, { recursive: true });
    const existing = await readSecret(file, options.log);
    if (existing !== undefined) return existing;
    const created = await createOnce(file, `${randomBytes(32).toString('base64url')}\n`);
    const secret = await readSecret(file, options.log);
    if (secret === undefined)
      throw new AppError('ERR_INTERNAL', `Expected \`${file}\` to stay once it is written`);
    // `file` is the place, never the content.
    if (created) options.log.info({ file }, `${setting} is not set: generated one into this file`);
    return secret;
  } catch (error) {
    if (error instanceof AppError) throw error;
    const reason = (error as NodeJS.ErrnoException).code ?? 'an unknown error';
    throw new AppError(
      'ERR_INTERNAL',
      `Expected \`${file}\` to be readable and its folder writable, got ${reason}; set ${setting} or mend DATA_DIR`,
      { cause: error },
    );
  }
}

async function readSecret(file: string, log: Log): Promise<Secret | undefined> {
  let text: string;
  try {
    text = (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  if (text.length < SHORTEST_SECRET || !/^[\x21-\x7e]+$/.test(text)) {
    throw new AppError(
      'ERR_INTERNAL',
      `Expected \`${file}\` to hold at least ${SHORTEST_SECRET} printable characters; delete it to have a new one generated`,
    );
  }
  // Windows has no such mode bits and shows every file as open to all.
  const { mode } = await stat(file);
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    log.warn({ file }, 'other users of this machine may read this secret: make its file mode 0600');
  }
  return new Secret(text);
}
