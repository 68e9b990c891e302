import { createHash, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';

/**
 * A value that must not be printed. `String(secret)`, template strings, JSON, `console.log` and the logger all show
 * `***`; only `reveal()` gives the text.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  /** Compares in time that does not depend on where the two differ (both are hashed to 32 bytes first). */
  matches(candidate: string): boolean {
    return timingSafeEqual(digest(this.reveal()), digest(candidate));
  }

  toString(): string {
    return '***';
  }

  toJSON(): string {
    return '***';
  }

  [inspect.custom](): string {
    return '***';
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
