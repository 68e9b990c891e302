import { skipSpace } from './json-scan.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const USAGE = Buffer.from('usage');
const USAGE_METADATA = Buffer.from('usageMetadata');
const RESPONSE = Buffer.from('response');
const MESSAGE = Buffer.from('message');
/** No vendor's usage object comes near it, with every detail there is. */
const LONGEST_SPAN_BYTES = 8 * 1024;

/**
 * Finds the usage object of an answer or an event: member `usage` or `usageMetadata` of the outermost object, of its
 * `response` (Responses API) or `message` (Anthropic's first event), or of the last object of an outermost array that
 * has one (Gemini's stream without `alt=sse`). Of several the last.
 *
 * Reads from the end, where vendors put it, so the front may be missing: as no backslash stands outside a string, the
 * bytes before a quote tell whether it is escaped.
 *
 * @returns its JSON; `undefined` where there is none
 */
export function usageSpan(json: Buffer): string | undefined {
  let at = json.length - 1;
  while (at >= 0 && json[at]! <= 0x20) at -= 1;
  const inArray = json[at] === 0x5d;
  let depth = 0;
  // Where the objects and arrays around the present place end, and where the one that was left last lies.
  const ends = [0, 0, 0, 0];
  let childStart = -1;
  let childEnd = -1;
  let nested: string | undefined;
  for (; at >= 0; at -= 1) {
    const byte = json[at]!;
    if (byte === QUOTE) {
      const close = at;
      at = stringStart(json, close);
      if (at === -1) break;
      if (depth !== 1 && depth !== 2) continue;
      const usage = isText(json, at, close, USAGE) || isText(json, at, close, USAGE_METADATA);
      if (!usage && (depth === 2 || nested === undefined)) continue;
      if (childStart === -1 || memberStart(json, close) !== childStart) continue;
      if (usage) {
        if (json[childStart] !== 0x7b || childEnd - childStart > LONGEST_SPAN_BYTES) continue;
        const span = json.toString('utf8', childStart, childEnd + 1);
        if (depth === 1 || inArray) return span;
        nested ??= span;
      } else if (isText(json, at, close, RESPONSE) || isText(json, at, close, MESSAGE)) {
        return nested;
      } else {
        nested = undefined;
      }
    } else if ((byte & 0xdf) === 0x5d) {
      // `}` and `]` differ in one bit, as do `{` and `[`.
      depth += 1;
      if (depth < ends.length) ends[depth] = at;
    } else if ((byte & 0xdf) === 0x5b) {
      childStart = depth < ends.length ? at : -1;
      childEnd = ends[depth] ?? -1;
      depth -= 1;
      if (depth <= 0) return undefined;
    }
  }
  return nested;
}

/** Where the string that ends at `close` has its opening quote; -1 where that is missing. */
function stringStart(json: Buffer, close: number): number {
  for (let at = close - 1; at >= 0; at -= 1) {
    if (json[at] !== QUOTE) continue;
    let backslashes = 0;
    while (json[at - 1 - backslashes] === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return at;
  }
  return -1;
}

/** Where the value begins whose key ends at `close`; -1 where the string is no key. */
function memberStart(json: Buffer, close: number): number {
  const colon = skipSpace(json, close + 1);
  return json[colon] === COLON ? skipSpace(json, colon + 1) : -1;
}

/** Whether this text stands between two quotes. */
function isText(json: Buffer, open: number, close: number, text: Buffer): boolean {
  if (close - open - 1 !== text.length) return false;
  for (let index = 0; index < text.length; index += 1) {
    if (json[open + 1 + index] !== text[index]) return false;
  }
  return true;
}
