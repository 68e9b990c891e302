import { ProtocolError } from './protocol-error.ts';
import { parseTrailers } from './response-head.ts';

const CR = 13;
const LF = 10;
const SEMICOLON = 59;
const LONGEST_EXTENSION_BYTES = 16 * 1024;
const LONGEST_TRAILER_BYTES = 64 * 1024;
const LARGEST_SIZE_DIGITS = 13;

/**
 * Takes chunked framing off a response body (RFC 9112 §7.1), piece by piece and strictly: hex digits only, CRLF only,
 * extensions skipped and bounded.
 */
export class ChunkedDecoder {
  #state: 'size' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'trailer' | 'done' = 'size';
  #remaining = 0;
  #digits = 0;
  #extensionBytes = 0;
  #trailerText = '';
  /** Flat list name, value …; valid when `done`. */
  trailers: readonly string[] = [];

  get done(): boolean {
    return this.#state === 'done';
  }

  /**
   * Decodes `bytes` from `start`, giving each piece of data to `onData`.
   *
   * @returns index of the first byte not consumed: the end, or what follows the message
   * @throws ProtocolError
   */
  decode(bytes: Buffer, start: number, onData: (piece: Buffer) => void): number {
    let at = start;
    const end = bytes.length;
    while (at < end) {
      switch (this.#state) {
        case 'size': {
          const code = bytes[at]!;
          const digit = hexDigit(code);
          if (digit !== -1) {
            this.#digits += 1;
            if (this.#digits > LARGEST_SIZE_DIGITS) throw new ProtocolError('chunk size too large');
            this.#remaining = this.#remaining * 16 + digit;
          } else if (this.#digits === 0) {
            throw new ProtocolError('chunk size without a digit');
          } else if (code === CR) {
            this.#state = 'size-lf';
          } else if (code === SEMICOLON || code === 32 || code === 9) {
            this.#state = 'extension';
            this.#extensionBytes = 0;
          } else {
            throw new ProtocolError('chunk size is not hexadecimal');
          }
          at += 1;
          break;
        }
        case 'extension': {
          const code = bytes[at]!;
          if (code === CR) this.#state = 'size-lf';
          else if (code < 32 && code !== 9) throw new ProtocolError('control character in a chunk extension');
          this.#extensionBytes += 1;
          if (this.#extensionBytes > LONGEST_EXTENSION_BYTES)
            throw new ProtocolError('chunk extension too long');
          at += 1;
          break;
        }
        case 'size-lf':
          if (bytes[at] !== LF) throw new ProtocolError('chunk size line does not end in CRLF');
          at += 1;
          this.#digits = 0;
          this.#state = this.#remaining === 0 ? 'trailer' : 'data';
          break;
        case 'data': {
          const to = Math.min(end, at + this.#remaining);
          this.#remaining -= to - at;
          if (this.#remaining === 0) this.#state = 'data-cr';
          onData(at === 0 && to === end ? bytes : bytes.subarray(at, to));
          at = to;
          break;
        }
        case 'data-cr':
          if (bytes[at] !== CR) throw new ProtocolError('chunk data is longer than its size');
          at += 1;
          this.#state = 'data-lf';
          break;
        case 'data-lf':
          if (bytes[at] !== LF) throw new ProtocolError('chunk data does not end in CRLF');
          at += 1;
          this.#state = 'size';
          break;
        case 'trailer':
          at = this.#readTrailer(bytes, at);
          break;
        case 'done':
          return at;
      }
    }
    return at;
  }

  #readTrailer(bytes: Buffer, at: number): number {
    const before = this.#trailerText.length;
    const text =
      this.#trailerText + bytes.toString('latin1', at, Math.min(bytes.length, at + LONGEST_TRAILER_BYTES));
    const ending = text.startsWith('\r\n') ? 0 : text.indexOf('\r\n\r\n');
    if (ending === -1) {
      if (text.length >= LONGEST_TRAILER_BYTES) throw new ProtocolError('trailer too long');
      this.#trailerText = text;
      return bytes.length;
    }
    this.trailers = parseTrailers(text.slice(0, ending));
    this.#trailerText = '';
    this.#state = 'done';
    return at + (ending === 0 ? 2 : ending + 4) - before;
  }
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
