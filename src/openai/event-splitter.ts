import { TailBuffer } from './tail-buffer.ts';

const LF = 0x0a;
const CR = 0x0d;
const DATA = Buffer.from('data');
const EVENT = Buffer.from('event');
const BYTE_ORDER_MARK = Buffer.from('\uFEFF');
const LINE_FEED = Buffer.from('\n');
const LONGEST_NAME_BYTES = 128;
/** So many bytes of a line tell whether it is a data line. */
const DECIDED_BYTES = DATA.length + 1;

/**
 * @param data of all its `data` lines, joined by LF; valid during the call only
 * @param name of its `event` line, or empty
 * @param cut the front of `data` is missing, because the event was longer than the limit
 */
export type EventVisitor = (data: Buffer, name: string, cut: boolean) => void;

/**
 * Cuts an event stream (HTML Living Standard §9.2.6) into its events, wherever the pieces are cut and whatever ends the
 * lines. Events without data (comments, keep-alives) are not reported. Holds at most twice the limit.
 */
export class EventSplitter {
  readonly #visit: EventVisitor;
  /** The line that has begun and not ended; of a data line past the limit its end. */
  readonly #line: TailBuffer;
  /** Whether that line is a data line; known before its front is dropped. */
  #lineIsData = false;
  /** Data lines that could not stay where they came. */
  readonly #kept: TailBuffer;
  #name = '';
  #dataLines = 0;
  /** The one data line of the event, while it lies in the piece at hand. */
  #piece: Buffer | undefined;
  #from = 0;
  #to = 0;
  #cut = false;
  /** The last piece ended with CR: an LF that follows belongs to it. */
  #afterCr = false;
  #firstLine = true;

  constructor(limitBytes: number, visit: EventVisitor) {
    this.#visit = visit;
    this.#line = new TailBuffer(limitBytes);
    this.#kept = new TailBuffer(limitBytes);
  }

  /** No event has begun that has not ended. */
  get idle(): boolean {
    return this.#dataLines === 0 && this.#line.length === 0 && this.#name === '';
  }

  /** Takes the next piece. Nothing of it is used after the call. */
  push(piece: Buffer): void {
    let at = 0;
    if (this.#afterCr && piece.length > 0) {
      this.#afterCr = false;
      if (piece[0] === LF) at = 1;
    }
    let nextCr = piece.indexOf(CR, at);
    while (at < piece.length) {
      if (nextCr !== -1 && nextCr < at) nextCr = piece.indexOf(CR, at);
      let end = piece.indexOf(LF, at);
      if (nextCr !== -1 && (end === -1 || nextCr < end)) end = nextCr;
      if (end === -1) {
        this.#begin(piece, at);
        break;
      }
      this.#endLine(piece, at, end);
      at = end + 1;
      if (end === nextCr) {
        if (at === piece.length) this.#afterCr = true;
        else if (piece[at] === LF) at += 1;
      }
    }
    this.#settle();
  }

  /** The stream has ended: reports the event that has begun, though its end is missing. */
  end(): void {
    if (this.#line.length > 0) this.#endLine(LINE_FEED, 0, 0);
    this.#report();
  }

  /** Keeps the beginning, or another part, of a line that goes on in the next piece. */
  #begin(piece: Buffer, from: number, to = piece.length): void {
    const line = this.#line;
    let at = from;
    if (line.length < DECIDED_BYTES) {
      at = Math.min(to, from + DECIDED_BYTES - line.length);
      line.append(piece, from, at);
      this.#lineIsData = fieldEnd(line.bytes, 0, line.length, DATA) !== -1;
    }
    if (at < to) line.append(piece, at, to);
  }

  #endLine(piece: Buffer, from: number, end: number): void {
    const line = this.#line;
    if (line.length === 0) {
      this.#take(piece, from, end, true);
      return;
    }
    this.#begin(piece, from, end);
    if (!line.cut) {
      this.#take(line.bytes, 0, line.length, false);
    } else if (this.#lineIsData) {
      this.#addData(line.bytes, 0, line.length);
      this.#cut = true;
    }
    line.clear();
  }

  /** @param lasting the bytes stay as they are until the end of `push` */
  #take(bytes: Buffer, start: number, end: number, lasting: boolean): void {
    let from = start;
    if (this.#firstLine) {
      this.#firstLine = false;
      if (bytes.compare(BYTE_ORDER_MARK, 0, 3, from, Math.min(end, from + 3)) === 0) from += 3;
    }
    if (from === end) {
      this.#report();
      return;
    }
    const data = fieldEnd(bytes, from, end, DATA);
    if (data !== -1) {
      if (lasting && this.#dataLines === 0) {
        this.#piece = bytes;
        this.#from = data;
        this.#to = end;
        this.#dataLines = 1;
      } else {
        this.#addData(bytes, data, end);
      }
      return;
    }
    const name = fieldEnd(bytes, from, end, EVENT);
    if (name !== -1) this.#name = bytes.toString('utf8', name, Math.min(end, name + LONGEST_NAME_BYTES));
  }

  #addData(bytes: Buffer, from: number, to: number): void {
    this.#settle();
    if (this.#dataLines > 0) this.#kept.append(LINE_FEED);
    this.#kept.append(bytes, from, to);
    this.#dataLines += 1;
  }

  /** Copies what lies in the piece at hand. */
  #settle(): void {
    if (this.#piece === undefined) return;
    this.#kept.append(this.#piece, this.#from, this.#to);
    this.#piece = undefined;
  }

  #report(): void {
    if (this.#dataLines > 0) {
      const data = this.#piece === undefined ? this.#kept.bytes : this.#piece.subarray(this.#from, this.#to);
      this.#visit(data, this.#name, this.#cut || this.#kept.cut);
    }
    this.#piece = undefined;
    this.#kept.clear();
    this.#dataLines = 0;
    this.#cut = false;
    this.#name = '';
  }
}

/** Where the value of a line begins that is of this field; -1 where it is of another. */
function fieldEnd(bytes: Buffer, from: number, end: number, field: Buffer): number {
  const after = from + field.length;
  if (after > end) return -1;
  for (let index = 0; index < field.length; index += 1) if (bytes[from + index] !== field[index]) return -1;
  if (after === end) return end;
  if (bytes[after] !== 0x3a) return -1;
  return after + 1 < end && bytes[after + 1] === 0x20 ? after + 2 : after + 1;
}
