import { AppError } from '../../base/errors.ts';
import { DEFAULT_POOL } from '../../stores/pool-types.ts';
import { parseKeyText } from '../pool/key-text.ts';
import type { LineDraft, LineProblem } from './add-keys.ts';
import { type ForeignOptions, readDroid2api } from './droid2api.ts';
import type { ForeignPool } from './foreign-pool.ts';
import { keyLines } from './key-lines.ts';

/**
 * Reads a file to import: a pool file of droid2api, or a plain text of keys.
 *
 * @throws AppError `ERR_VALIDATION` where it looks like JSON and is not a pool file
 */
export function readForeignFile(text: string, options: ForeignOptions): ForeignPool {
  const body = text.replace(/^\uFEFF/, '').trimStart();
  if (!/^[{[]/.test(body)) return readPlainText(text, options);
  let file: unknown;
  try {
    file = JSON.parse(body);
  } catch (error) {
    // The parser's own message quotes the text, and that may be a key.
    if (!(error instanceof SyntaxError)) throw error;
    throw new AppError('ERR_VALIDATION', 'Expected JSON, got a text that begins like it and is broken');
  }
  return readDroid2api(file, options);
}

function readPlainText(text: string, { nowMs, detectProvider }: ForeignOptions): ForeignPool {
  const drafts: LineDraft[] = [];
  const refused: LineProblem[] = [];
  for (const { line, text: written } of keyLines(text)) {
    try {
      const key = parseKeyText(written);
      drafts.push({
        line,
        draft: {
          text: key,
          provider: detectProvider(key),
          pool: DEFAULT_POOL,
          notes: '',
          status: 'active',
          statusReason: '',
          statusAtMs: nowMs,
          createdAtMs: nowMs,
        },
      });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      refused.push({ line, code: 'ERR_VALIDATION', message: error.message });
    }
  }
  return { groups: [], drafts, refused, settings: [], remarks: [] };
}
