const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
/** Strings longer than this are skipped by the engine's own search, which is far quicker but slow to start. */
const SHORT_BYTES = 40;
/** A key is at most so long, each of its characters written as `\uXXXX`. */
const LONGEST_KEY_BYTES = 6 * 32;

/** @param valueAt where the value begins, in bytes; @param depth 1 for the members of the outermost object or array */
export type MemberVisitor = (key: string, valueAt: number, depth: number) => void;

/**
 * Walks over JSON without building it, and reports members (`"key": value`) with one of the wanted keys, at every
 * depth, in the order of the text. Costs about a nanosecond a byte outside long strings, nothing inside them. Text that
 * is cut off is walked as far as it goes. Text that is no JSON never throws; what is reported of it means nothing.
 *
 * @param wanted keys of at most 32 characters
 */
export function scanMembers(json: Buffer, wanted: ReadonlySet<string>, visit: MemberVisitor): void {
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
    if (close - start > LONGEST_KEY_BYTES) continue;
    const key = textOf(json, start, close);
    if (key !== undefined && wanted.has(key)) visit(key, at, depth);
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
  while (json[next] === 0x20 || json[next] === 0x0a || json[next] === 0x0d || json[next] === 0x09) next += 1;
  return next;
}

/** Where the string that begins at `open` has its closing quote; -1 where it has none. */
function stringEnd(json: Buffer, open: number): number {
  const short = Math.min(json.length, open + SHORT_BYTES);
  let at = open + 1;
  while (at < short) {
    const byte = json[at]!;
    if (byte === QUOTE) return at;
    at += byte === BACKSLASH ? 2 : 1;
  }
  while (at < json.length) {
    const quote = json.indexOf(QUOTE, at);
    if (quote === -1) return -1;
    let backslashes = 0;
    while (quote - 1 - backslashes >= at && json[quote - 1 - backslashes] === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return quote;
    at = quote + 1;
  }
  return -1;
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
