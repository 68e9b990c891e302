import { randomBytes } from 'node:crypto';
import { AppError } from '../../base/errors.ts';

/** Room for long access tokens; nothing that is longer fits into a header field of every upstream. */
export const LONGEST_KEY = 4096;

/**
 * Checks the text of an upstream key: any format that can stand in a header field. Spaces around it are dropped.
 *
 * @throws AppError `ERR_VALIDATION` (field `key`); its message never holds the text
 */
export function parseKeyText(value: unknown): string {
  if (typeof value !== 'string') throw invalid('text');
  const text = value.trim();
  if (text === '') throw invalid('text, got nothing');
  if (text.length > LONGEST_KEY) throw invalid(`at most ${LONGEST_KEY} characters, got ${text.length}`);
  if (!/^[\x21-\x7e]+$/.test(text)) {
    throw invalid('printable ASCII without spaces, got another character in it');
  }
  return text;
}

function invalid(expected: string): AppError {
  return new AppError('ERR_VALIDATION', `Expected \`key\` to be ${expected}`, { field: 'key' });
}

/** A key shorter than this shows nothing of itself: what is shown would be a good part of it. */
const SHORTEST_SHOWN = 24;
const SHOWN_END = 4;

/**
 * What may be shown of a key: `sk-…a1b2`, the start that names its vendor and its last four characters. A short key shows
 * nothing.
 */
export function hintOf(text: string): string {
  if (text.length < SHORTEST_SHOWN) return '…';
  const start = /^(?:AIza|AQ\.|(?:[A-Za-z]{1,5}[-_]){1,2})/.exec(text)?.[0] ?? '';
  return `${start}…${text.slice(-SHOWN_END)}`;
}

/** A key that is shorter may stand in any text by chance. */
const SHORTEST_FOUND = 8;

/** A text that will be shown, with the key's hint in place of the key. */
export function withoutKey(text: string, key: string): string {
  return key.length < SHORTEST_FOUND ? text : text.replaceAll(key, hintOf(key));
}

/** Tells apart what several processes make in the same ms. */
const processPart = randomBytes(5).toString('hex');
let sequence = 0;

/** A new id of a key record: ids made later by this process sort after it, and no other process makes the same. */
export function newKeyId(nowMs: number): string {
  sequence = (sequence + 1) % 36 ** 4;
  const time = Math.max(0, Math.floor(nowMs)).toString(36).padStart(9, '0');
  return `k${time}${sequence.toString(36).padStart(4, '0')}${processPart}`;
}
