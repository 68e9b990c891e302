import { ProtocolError } from './protocol-error.ts';
import type { ResponseHead } from './types.ts';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// Anything but HTAB, SP, visible ASCII and obs-text; and CR or LF that do not stand together (RFC 9112 §2.2).
const FORBIDDEN = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?:^|[^\r])\n/;
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: (.*))?$/;

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
 * @param text the head as latin1, without the empty line at its end
 * @param method of the request, which decides about the body
 * @throws ProtocolError
 */
export function parseResponseHead(text: string, method: string): ParsedHead {
  if (FORBIDDEN.test(text)) throw new ProtocolError('control character in the response head');
  let lineEnd = text.indexOf('\r\n');
  const statusLine = STATUS_LINE.exec(lineEnd === -1 ? text : text.slice(0, lineEnd));
  if (statusLine === null) throw new ProtocolError('status line is not HTTP/1');
  const status = Number(statusLine[2]);
  const headers: string[] = [];
  let length = -1;
  let chunked = false;
  let transferEncoding = false;
  let persistent = statusLine[1] === '1';
  let keepAliveMs = -1;
  while (lineEnd !== -1) {
    const start = lineEnd + 2;
    lineEnd = text.indexOf('\r\n', start);
    const end = lineEnd === -1 ? text.length : lineEnd;
    const colon = text.indexOf(':', start);
    if (colon === -1 || colon > end) throw new ProtocolError('field line without a colon');
    const name = text.slice(start, colon);
    if (!TOKEN.test(name)) throw new ProtocolError('field name is not a token');
    const value = trimmed(text, colon + 1, end);
    headers.push(name, value);
    // Lengths first: lower-casing every name of every answer costs more than the rest of this loop.
    switch (name.length) {
      case 10: {
        const lower = name.toLowerCase();
        if (lower === 'connection') {
          if (/(?:^|,)\s*close\s*(?:,|$)/i.test(value)) persistent = false;
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
  if (statusLine[1] === '0' && transferEncoding) throw new ProtocolError('Transfer-Encoding in HTTP/1.0');
  const head = { status, reason: statusLine[3] ?? '', headers, keepAliveMs };
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
  if (text === '') return [];
  if (FORBIDDEN.test(text)) throw new ProtocolError('control character in a trailer');
  const trailers: string[] = [];
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    if (!TOKEN.test(name)) throw new ProtocolError('trailer is not a field line');
    trailers.push(name, trimmed(line, colon + 1, line.length));
  }
  return trailers;
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
