import { ProtocolError } from './protocol-error.ts';
import type { ResponseHead } from './types.ts';

const IN_TOKEN = 1;
const IN_VALUE = 2;
/** By character code: whether it may stand in a token (RFC 9110 §5.6.2), in a field value (§5.5). */
const KINDS = kindsOf(/[!#$%&'*+\-.^_`|~0-9A-Za-z]/, /[\t\x20-\x7e\x80-\xff]/);
const CR = 0x0d;
const LF = 0x0a;
const COLON = 0x3a;
const SPACE = 0x20;
const ZERO = 0x30;
const ONE = 0x31;

/** How the body of a response ends (RFC 9112 §6.3). */
export type Framing = 'none' | 'length' | 'chunked' | 'close';

export interface ParsedHead extends ResponseHead {
  readonly framing: Framing;
  /** The connection may serve again once this message is complete. */
  readonly persistent: boolean;
  /** Milliseconds the other side promises to keep an idle connection (`Keep-Alive: timeout`), or -1. */
  readonly keepAliveMs: number;
}

/**
 * Parses a response head: strictly, because what a lenient parser lets through becomes response smuggling.
 *
 * @param bytes the head, without the empty line at its end
 * @param method of the request, which decides about the body
 * @throws ProtocolError
 */
export function parseResponseHead(bytes: Buffer, method: string): ParsedHead {
  const text = bytes.toString('latin1');
  const lineEnd = endOfLine(bytes, 0);
  let at = lineEnd;
  const status = statusOf(bytes, lineEnd);
  if (status === -1 || !text.startsWith('HTTP/1.')) throw new ProtocolError('status line is not HTTP/1');
  const isCurrent = bytes[7] === ONE;
  const headers: string[] = [];
  let length = -1;
  let chunked = false;
  let transferEncoding = false;
  let persistent = isCurrent;
  let keepAliveMs = -1;
  while (at < bytes.length) {
    const colon = endOfName(bytes, at + 2);
    const name = text.slice(at + 2, colon);
    at = endOfLine(bytes, colon + 1);
    const value = trimmed(text, colon + 1, at);
    headers.push(name, value);
    // Lengths first: lower-casing every name of every answer costs more than the rest of this loop.
    switch (name.length) {
      case 10: {
        const lower = name.toLowerCase();
        if (lower === 'connection') {
          if (value === 'keep-alive') persistent = true;
          else if (/(?:^|,)\s*close\s*(?:,|$)/i.test(value)) persistent = false;
          else if (/(?:^|,)\s*keep-alive\s*(?:,|$)/i.test(value)) persistent = true;
        } else if (lower === 'keep-alive') {
          const timeout = /(?:^|[,\s])timeout\s*=\s*"?(\d{1,6})/i.exec(value);
          if (timeout !== null) keepAliveMs = Number(timeout[1]) * 1000;
        }
        break;
      }
      case 14:
        if (name.toLowerCase() === 'content-length') {
          if (!/^\d{1,15}$/.test(value)) throw new ProtocolError('Content-Length is not a number');
          if (length !== -1 && length !== Number(value))
            throw new ProtocolError('two Content-Length that differ');
          length = Number(value);
        }
        break;
      case 17:
        if (name.toLowerCase() === 'transfer-encoding') {
          if (transferEncoding || value.toLowerCase() !== 'chunked') {
            throw new ProtocolError('Transfer-Encoding is not exactly chunked');
          }
          transferEncoding = true;
          chunked = true;
        }
        break;
    }
  }
  if (!isCurrent && transferEncoding) throw new ProtocolError('Transfer-Encoding in HTTP/1.0');
  const head = { status, reason: text.slice(13, lineEnd), headers, keepAliveMs };
  if (method === 'HEAD' || status === 204 || status === 304 || status < 200) {
    return { ...head, length: 0, framing: 'none', persistent };
  }
  if (chunked) {
    // RFC 9112 §6.3: Transfer-Encoding overrides, the length must not go on, and the connection ends with this message.
    if (length !== -1) {
      return {
        ...head,
        headers: without(headers, 'content-length'),
        length: -1,
        framing: 'chunked',
        persistent: false,
      };
    }
    return { ...head, length: -1, framing: 'chunked', persistent };
  }
  if (length !== -1) return { ...head, length, framing: 'length', persistent };
  return { ...head, length: -1, framing: 'close', persistent: false };
}

/** Parses trailer field lines. @param text latin1, without the empty line at its end; may be empty */
export function parseTrailers(text: string): string[] {
  const trailers: string[] = [];
  if (text === '') return trailers;
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; ; at += 2) {
    const colon = endOfName(bytes, at);
    const name = text.slice(at, colon);
    at = endOfLine(bytes, colon + 1);
    trailers.push(name, trimmed(text, colon + 1, at));
    if (at === bytes.length) return trailers;
  }
}

/**
 * The status of the line `HTTP/1.x 200 OK`, of which the reason and the space before it may be missing.
 *
 * @returns -1 where it is no such line; its first seven bytes are not looked at
 */
function statusOf(bytes: Buffer, lineEnd: number): number {
  const version = bytes[7]!;
  if (lineEnd < 12 || (version !== ZERO && version !== ONE) || bytes[8] !== SPACE) return -1;
  if (lineEnd > 12 && bytes[12] !== SPACE) return -1;
  let status = 0;
  for (let at = 9; at < 12; at += 1) {
    const digit = bytes[at]! - ZERO;
    if (digit < 0 || digit > 9) return -1;
    status = status * 10 + digit;
  }
  return status < 100 ? -1 : status;
}

/** Where the colon stands behind the field name that begins at `from`. */
function endOfName(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && (KINDS[bytes[at]!]! & IN_TOKEN) !== 0) at += 1;
  if (at === from || bytes[at] !== COLON) throw new ProtocolError('field line without a name');
  return at;
}

/**
 * Where the line ends that goes on at `from`: at its CRLF, or at the end. No other control character than a tab may
 * stand in it, a CR or LF alone neither (RFC 9112 §2.2).
 */
function endOfLine(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && (KINDS[bytes[at]!]! & IN_VALUE) !== 0) at += 1;
  if (at < bytes.length && !(bytes[at] === CR && bytes[at + 1] === LF)) {
    throw new ProtocolError('control character in a line');
  }
  return at;
}

function kindsOf(token: RegExp, value: RegExp): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => {
    const character = String.fromCharCode(code);
    return (token.test(character) ? IN_TOKEN : 0) | (value.test(character) ? IN_VALUE : 0);
  });
}

/** `text.slice(from, to)` without spaces and tabs at its ends. */
function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function without(headers: readonly string[], lowerName: string): string[] {
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    if (headers[index]!.toLowerCase() !== lowerName) kept.push(headers[index]!, headers[index + 1]!);
  }
  return kept;
}
