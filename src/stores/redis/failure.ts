import { AppError } from '../../base/errors.ts';

/** First words of Redis' error replies and Node's error codes, and what they mean to an operator. */
const MEANINGS: readonly (readonly [pattern: RegExp, meaning: string])[] = [
  [
    /\b(WRONGPASS|NOAUTH|invalid password|invalid username-password)\b/i,
    'The shared store (Redis) refused the credentials',
  ],
  [/\bNOPERM\b/, 'The shared store (Redis) does not permit this user a command that is needed'],
  [/\bWRONGTYPE\b/, 'A key of the shared store (Redis) holds another type of value than expected'],
  [/\bOOM\b/, 'The shared store (Redis) is out of memory'],
  [/\bREADONLY\b/, 'The shared store (Redis) is a read-only replica'],
  [/\bMISCONF\b/, 'The shared store (Redis) cannot save to its disk'],
  [/\b(LOADING|BUSY|TRYAGAIN|CLUSTERDOWN|MASTERDOWN)\b/, 'The shared store (Redis) is busy'],
  [/DB index is out of range/, 'The shared store (Redis) has no database of this number'],
  [/Command timed out/, 'The shared store (Redis) did not answer in time'],
];

/** What is wrong, in words that hold no address, no credential and no text of a library. */
export function meaningOf(error: unknown): string {
  const text = error instanceof Error ? error.message : '';
  return MEANINGS.find(([pattern]) => pattern.test(text))?.[1] ?? 'The shared store (Redis) is not reachable';
}

/**
 * A stand-in for an error of Redis that may be logged. The original carries the command with its arguments, the password
 * among them, and sometimes quotes them in its message.
 */
export function harmless(error: unknown): Error {
  if (!(error instanceof Error)) return new Error('Redis: unknown error');
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const word = /\b[A-Z]{3,}\b|timed out/.exec(error.message)?.[0];
  return new Error(`Redis: ${code ?? word ?? error.name}`);
}

/** The error that callers of a store see. */
export function unavailable(error: unknown, meaning = meaningOf(error)): AppError {
  return new AppError('ERR_STORE_UNAVAILABLE', meaning, { cause: harmless(error) });
}
