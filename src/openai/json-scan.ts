const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
/** Strings longer than this are skipped by the engine's own search, which is far quicker but slow to start. */
const STEP_BYTES = 64;
/** A key is at most 32 characters, each of them perhaps written as `\uXXXX`. */
const LONGEST_KEY_BYTES = 6 * 32;

/** Keys to look for, ready to be compared with bytes. */
export class WantedKeys {
  readonly #names: ReadonlySet<string>;
  /** By length in bytes. */
  readonly #byLength: readonly (readonly { readonly name: string; readonly bytes: Buffer }[])[];

  /** @param names ASCII, at most 32 characters each */
  constructor(names: Iterable<string>) {
    this.#names = new Set(names);
    const longest = Math.max(...[...this.#names].map(name => name.length));
    this.#byLength = Array.from({ length: longest + 1 }, (_, length) =>
      [...this.#names]
        .filter(name => name.length === length)
        .map(name => ({ name, bytes: Buffer.from(name) })),
    );
  }

  /** The wanted key that stands between two quotes. */
  find(json: Buffer, start: number, close: number): string | undefined {
    if (close - start > LONGEST_KEY_BYTES) return undefined;
    for (const { name, bytes } of this.#byLength[close - start] ?? []) {
      let index = 0;
      while (index < bytes.length && json[start + index] === bytes[index]) index += 1;
      if (index === bytes.length) return name;
    }
    for (let at = start; at < close; at += 1) {
      if (json[at] !== BACKSLASH) continue;
      const key = textOf(json, start, close);
      return key !== undefined && this.#names.has(key) ? key : undefined;
    }
    return undefined;
  }
}

/** @param valueAt where the value begins, in bytes; @param depth 1 for the members of the outermost object or array */
export type MemberVisitor = (key: string, valueAt: number, depth: number) => void;

/**
 * Walks over JSON without building it, and reports members (`"key": value`) with one of the wanted keys, at every
 * depth, in the order of the text. Text that is cut off is walked as far as it goes. Text that is no JSON never throws;
 * what is reported of it means nothing.
 */
export function scanMembers(json: Buffer, wanted: WantedKeys, visit: MemberVisitor): void {
  const end = json.length;
  let depth = 0;
  let at = 0;
  while (at < end) {
    const byte = json[at]!;
    if (byte !== QUOTE) {
      // `{` and `[`, `}` and `]` differ in one bit.
      if ((byte & 0xdf) === 0x5b) depth += 1;
      else if ((byte & 0xdf) === 0x5d) depth -= 1;
      at += 1;
      continue;
    }
    const start = at + 1;
    const close = stringEnd(json, at);
    if (close === -1) return;
    at = skipSpace(json, close + 1);
    if (json[at] !== COLON) continue;
    at = skipSpace(json, at + 1);
    if (at >= end) return;
    const key = wanted.find(json, start, close);
    if (key !== undefined) visit(key, at, depth);
  }
}

/**
 * The string that begins at a place.
 *
 * @param longestBytes as written; a longer one counts as none
 * @returns `undefined` where there is none, or it is cut off
 */
export function stringAt(json: Buffer, at: number, longestBytes: number): string | undefined {
  if (json[at] !== QUOTE) return undefined;
  const close = stringEnd(json, at);
  return close === -1 || close - at > longestBytes ? undefined : textOf(json, at + 1, close);
}

/** Strings of the array that begins at a place, up to its end or its first other member. */
export function stringsAt(json: Buffer, at: number, longestBytes: number): string[] {
  const found: string[] = [];
  if (json[at] !== 0x5b) return found;
  for (let next = skipSpace(json, at + 1); ; next = skipSpace(json, next + 1)) {
    const text = stringAt(json, next, longestBytes);
    if (text === undefined) return found;
    found.push(text);
    next = skipSpace(json, stringEnd(json, next) + 1);
    if (json[next] !== 0x2c) return found;
  }
}

/** The first place from `at` on that is no white space (RFC 8259 §2). */
export function skipSpace(json: Buffer, at: number): number {
  let next = at;
  while (next < json.length && isSpace(json[next]!)) next += 1;
  return next;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Where the string that begins at `open` has its closing quote; -1 where it has none. */
function stringEnd(json: Buffer, open: number): number {
  const { length } = json;
  let at = open + 1;
  for (;;) {
    const stop = Math.min(length, at + STEP_BYTES);
    while (at < stop) {
      const byte = json[at]!;
      if (byte === QUOTE) return at;
      at += byte === BACKSLASH ? 2 : 1;
    }
    if (at >= length) return -1;
    const quote = json.indexOf(QUOTE, at);
    if (quote === -1) return -1;
    let backslashes = 0;
    while (quote - 1 - backslashes >= at && json[quote - 1 - backslashes] === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return quote;
    // Where one quote is escaped, others follow soon: on byte by byte.
    at = quote + 1;
  }
}

/** Text between two quotes; `undefined` where its escapes are none. */
function textOf(json: Buffer, start: number, close: number): string | undefined {
  const text = json.toString('utf8', start, close);
  if (!text.includes('\\')) return text;
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
