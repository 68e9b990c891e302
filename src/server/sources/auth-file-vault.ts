import { constants } from 'node:fs';
import { access, readFile, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from '../../base/errors.ts';
import { replaceFile } from '../../base/replace-file.ts';
import { parseAuthFile, updateAuthFile } from '../../domain/pool/sources/auth-file.ts';
import type { TokenVault } from '../../domain/pool/sources/types.ts';

/**
 * The tokens in `DATA_DIR/auth.json`. Of processes that share the folder one at a time may replace them: whoever calls
 * `replace` holds the right to.
 */
export function authFileVault(path: string): TokenVault {
  return {
    async read() {
      const text = await readText(path);
      if (text === undefined) return undefined;
      const tokens = parseAuthFile(text);
      if (tokens === undefined) {
        throw new AppError('ERR_INTERNAL', 'Expected `auth.json` to be a JSON object, got something else');
      }
      return { tokens, version: text };
    },

    async prepare() {
      try {
        await access(dirname(await realpath(path)), constants.W_OK);
      } catch (error) {
        throw unusable('replaceable', error);
      }
    },

    async replace(tokens, { version }) {
      if ((await readText(path)) !== version) return false;
      try {
        // A link stays one: what it points to is replaced.
        await replaceFile(await realpath(path), updateAuthFile(String(version), tokens));
      } catch (error) {
        throw unusable('replaceable', error);
      }
      return true;
    },
  };
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unusable('readable', error);
  }
}

function unusable(what: string, error: unknown): AppError {
  const reason = (error as NodeJS.ErrnoException).code ?? 'an unknown error';
  return new AppError('ERR_INTERNAL', `Expected \`auth.json\` to be ${what}, got ${reason}`, {
    cause: error,
  });
}
