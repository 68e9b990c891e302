import { LONGEST_KEY } from '../key-text.ts';

/** What a list of keys holds. */
export interface KeyList {
  /** Each once, in order. */
  readonly keys: readonly string[];
  /** Lines that hold something else, from 1. What they hold is not told: it may be a key with a typing error. */
  readonly badLines: readonly number[];
  /** Lines whose key stands further up already. */
  readonly repeated: number;
}

/**
 * Reads a file of keys: one a line, `#` and what follows a space before it is a comment, empty lines are skipped.
 *
 * @param bytes UTF-8, with or without a byte order mark; lines end as they do anywhere
 * @returns `undefined` where this is no text at all: a damaged file, or another one
 */
export function parseKeyList(bytes: Uint8Array): KeyList | undefined {
  const text = decoded(bytes);
  if (text === undefined || text.includes('\0')) return undefined;
  const keys = new Set<string>();
  const badLines: number[] = [];
  let repeated = 0;
  for (const [index, line] of text.split(/\r\n|\n|\r/).entries()) {
    const key = line.replace(/(^|\s)#.*$/, '').trim();
    if (key === '') continue;
    if (key.length > LONGEST_KEY || !/^[\x21-\x7e]+$/.test(key)) badLines.push(index + 1);
    else if (keys.has(key)) repeated += 1;
    else keys.add(key);
  }
  return { keys: [...keys], badLines, repeated };
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
