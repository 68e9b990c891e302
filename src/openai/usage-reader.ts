import { EventSplitter } from './event-splitter.ts';
import { TailBuffer } from './tail-buffer.ts';
import { isCounts, mergedCounts, type Usage, usageFrom } from './usage.ts';
import { usageSpan } from './usage-span.ts';

export type { Usage } from './usage.ts';

/** Of a JSON answer its last bytes are held; it may be longer. */
const HELD_JSON_BYTES = 48 * 1024;
/** Of an event its last bytes are held, in up to two copies. Two usage objects of 8 KiB at most come on top. */
const HELD_EVENT_BYTES = 24 * 1024;
const WORD = Buffer.from('usage');

/**
 * Reads the usage off an answer that passes by, and changes nothing. Holds at most 64 KiB, whatever the answer's size.
 * What is compressed cannot be read: `end` then says `undefined`.
 */
export class UsageReader {
  #kind: 'json' | 'events' | 'unknown' | 'none';
  #tail: TailBuffer | undefined;
  #events: EventSplitter | undefined;
  #firstByte = 0;
  /** JSON of the first and the last usage object: Anthropic spreads its counts over both. */
  #first: string | undefined;
  #last: string | undefined;

  /** @param options.contentType field value of the answer; `undefined` where it has none */
  constructor(options: { readonly contentType: string | undefined }) {
    this.#kind = kindOf(options.contentType);
  }

  /** Takes the next piece of the body. Its memory is the caller's again after the call. */
  push(piece: Buffer): void {
    if (this.#firstByte === 0) this.#firstByte = firstByteOf(piece);
    if (this.#kind === 'unknown' && this.#firstByte !== 0) {
      this.#kind = this.#firstByte === 0x7b || this.#firstByte === 0x5b ? 'json' : 'events';
    }
    switch (this.#kind) {
      case 'json':
        this.#tail ??= new TailBuffer(HELD_JSON_BYTES);
        this.#tail.append(piece);
        break;
      case 'events':
        this.#pushEvents(piece);
        break;
    }
  }

  /** What is known when the answer has ended, or the client has left. `undefined`: unknown, which is not zero. */
  end(): Usage | undefined {
    if (this.#tail !== undefined) this.#readAnswer(this.#tail.bytes);
    this.#events?.end();
    const first = parsed(this.#first);
    const last = parsed(this.#last);
    const counts = first !== undefined && last !== undefined ? mergedCounts(first, last) : (last ?? first);
    return counts === undefined ? undefined : usageFrom(counts);
  }

  #pushEvents(piece: Buffer): void {
    // Nearly every piece is whole events that say nothing of usage.
    if (this.#events === undefined || this.#events.idle) {
      if (endsEvent(piece) && piece.indexOf(WORD) === -1) return;
      this.#events ??= new EventSplitter(HELD_EVENT_BYTES, data => this.#readEvent(data));
    }
    this.#events.push(piece);
  }

  #readEvent(data: Buffer): void {
    for (let at = data.lastIndexOf(WORD); at > 0; at = data.lastIndexOf(WORD, at - 1)) {
      if (!namesObject(data, at)) continue;
      const span = usageSpan(data);
      if (span === undefined) return;
      if (this.#first === undefined) this.#first = span;
      else this.#last = span;
      return;
    }
  }

  /** A body that was cut off does not end as it began. */
  #readAnswer(json: Buffer): void {
    if (lastByteOf(json) === this.#firstByte + 2) this.#first = usageSpan(json);
  }
}

function kindOf(contentType: string | undefined): 'json' | 'events' | 'unknown' | 'none' {
  if (contentType === undefined) return 'unknown';
  if (/^\s*text\/event-stream/i.test(contentType)) return 'events';
  return /^\s*application\/(?:[a-z.-]+\+)?json/i.test(contentType) ? 'json' : 'none';
}

/** The usage of a JSON answer that is at hand whole, without keeping a copy. Other answers have none. */
export function usageOfJson(body: Buffer): Usage | undefined {
  if (lastByteOf(body) !== firstByteOf(body) + 2) return undefined;
  const counts = parsed(usageSpan(body));
  return counts === undefined ? undefined : usageFrom(counts);
}

export function isJson(contentType: string | undefined): boolean {
  return contentType !== undefined && kindOf(contentType) === 'json';
}

/** Whether a blank line stands at the end, whatever its line ends. */
function endsEvent(piece: Buffer): boolean {
  const last = piece[piece.length - 1];
  const before = piece[piece.length - 2];
  if (last === 0x0a) return before === 0x0a || (before === 0x0d && piece[piece.length - 3] === 0x0a);
  return last === 0x0d && (before === 0x0d || before === 0x0a);
}

/** Whether a key that begins here, `usage` or `usageMetadata`, has an object as its value; `null` is far more frequent. */
function namesObject(data: Buffer, at: number): boolean {
  let next = at + WORD.length;
  if (data[next] === 0x4d) next = data.indexOf(0x22, next);
  if (data[at - 1] !== 0x22 || data[next] !== 0x22) return false;
  for (next += 1; next < data.length; next += 1) {
    const byte = data[next]!;
    if (byte === 0x7b) return true;
    if (byte !== 0x3a && byte > 0x20) return false;
  }
  return false;
}

function firstByteOf(piece: Buffer): number {
  for (const byte of piece) if (byte > 0x20) return byte;
  return 0;
}

function lastByteOf(piece: Buffer): number {
  let at = piece.length - 1;
  while (at >= 0 && piece[at]! <= 0x20) at -= 1;
  return piece[at] ?? 0;
}

function parsed(json: string | undefined): Readonly<Record<string, unknown>> | undefined {
  if (json === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(json);
    return isCounts(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
