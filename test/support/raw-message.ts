import type { Readable } from 'node:stream';

/** A header field as it stood on the wire: name in its own case, value without the space around it. */
export type Field = readonly [name: string, value: string];

export interface RawHead {
  /** Request line or status line. */
  readonly startLine: string;
  readonly fields: readonly Field[];
  /** Start line and fields as they came (latin1), the empty line included. */
  readonly text: string;
}

export interface RawBody {
  /** Without chunked framing. */
  readonly data: Buffer;
  /** As it came. */
  readonly bytes: Buffer;
  readonly trailers: readonly Field[];
  /** False where the connection ended before the framing said so. */
  readonly complete: boolean;
}

/** What must have come had not: the other side ended the connection. */
export class Ended extends Error {}

/**
 * Bytes of a stream, taken by delimiter or by count. Deliberately lenient about what it takes, so that a test sees what
 * was really sent.
 */
export class ByteSource {
  #pieces: Buffer[] = [];
  #length = 0;
  #ending: 'open' | 'end' | 'reset' = 'open';
  #wake: (() => void) | undefined;

  constructor(stream: Readable) {
    const end = (how: 'end' | 'reset') => {
      if (this.#ending === 'open') this.#ending = how;
      this.#wake?.();
    };
    stream.on('data', (piece: Buffer) => {
      this.#pieces.push(piece);
      this.#length += piece.length;
      this.#wake?.();
    });
    stream.on('end', () => end('end'));
    stream.on('error', () => end('reset'));
    stream.on('close', () => end('reset'));
  }

  /** How the stream ended; `open` while it has not. `reset` for every ending but an orderly one. */
  get ending(): 'open' | 'end' | 'reset' {
    return this.#ending;
  }

  /** What has come and was not taken. */
  get waiting(): Buffer {
    if (this.#pieces.length !== 1) this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0]!;
  }

  /** Takes all bytes up to and with `delimiter`. @throws Ended */
  async until(delimiter: string): Promise<Buffer> {
    for (;;) {
      const at = this.waiting.indexOf(delimiter, 0, 'latin1');
      if (at !== -1) return this.#take(at + delimiter.length);
      if (!(await this.more())) {
        throw new Ended(`Expected ${JSON.stringify(delimiter)} after ${this.waiting}`);
      }
    }
  }

  /** Takes `count` bytes, or fewer where the stream ends before. */
  async exactly(count: number): Promise<Buffer> {
    while (this.#length < count && (await this.more()));
    return this.#take(Math.min(count, this.#length));
  }

  /** Takes everything up to the end of the stream. */
  async rest(): Promise<Buffer> {
    while (await this.more());
    return this.#take(this.#length);
  }

  /** Waits for more bytes; false when none can come. */
  async more(): Promise<boolean> {
    if (this.#ending !== 'open') return false;
    const before = this.#length;
    await new Promise<void>(resolve => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
    return this.#length > before || this.#ending === 'open';
  }

  #take(count: number): Buffer {
    const bytes = this.waiting;
    this.#pieces = [bytes.subarray(count)];
    this.#length -= count;
    return bytes.subarray(0, count);
  }
}

/** Reads a start line and its fields. @throws Ended */
export async function readHead(source: ByteSource): Promise<RawHead> {
  const text = (await source.until('\r\n\r\n')).toString('latin1');
  const [startLine = '', ...lines] = text.slice(0, -4).split('\r\n');
  return { startLine, fields: lines.map(parseField), text };
}

/** Reads a body as its framing has it. @param framing number of bytes, `chunked`, or `close` */
export async function readBody(source: ByteSource, framing: number | 'chunked' | 'close'): Promise<RawBody> {
  if (framing === 'chunked') return readChunked(source);
  const data = framing === 'close' ? await source.rest() : await source.exactly(framing);
  const complete = framing === 'close' ? source.ending === 'end' : data.length === framing;
  return { data, bytes: data, trailers: [], complete };
}

async function readChunked(source: ByteSource): Promise<RawBody> {
  const data: Buffer[] = [];
  const bytes: Buffer[] = [];
  const trailers: Field[] = [];
  let complete = false;
  try {
    for (;;) {
      const sizeLine = await source.until('\r\n');
      bytes.push(sizeLine);
      const size = Number.parseInt(sizeLine.toString('latin1'), 16);
      if (size === 0) break;
      const piece = await source.exactly(size);
      data.push(piece);
      bytes.push(piece, await source.until('\r\n'));
    }
    for (;;) {
      const line = await source.until('\r\n');
      bytes.push(line);
      if (line.length === 2) break;
      trailers.push(parseField(line.toString('latin1').slice(0, -2)));
    }
    complete = true;
  } catch (error) {
    if (!(error instanceof Ended)) throw error;
  }
  return { data: Buffer.concat(data), bytes: Buffer.concat(bytes), trailers, complete };
}

function parseField(line: string): Field {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')];
}

/** All values of a field, in order. @param name in any case */
export function fieldValues(fields: readonly Field[], name: string): string[] {
  const lower = name.toLowerCase();
  return fields.filter(([given]) => given.toLowerCase() === lower).map(([, value]) => value);
}

/** First value of a field. @param name in any case */
export function fieldValue(fields: readonly Field[], name: string): string | undefined {
  return fieldValues(fields, name)[0];
}
