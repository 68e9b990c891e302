/** Bytes of one piece that is written. */
const PIECE_BYTES = 256 * 1024;
/** The body repeats itself after so many bytes. */
const PERIOD_BYTES = 64 * 1024;

const piece = Buffer.allocUnsafe(PIECE_BYTES);
for (let index = 0; index < PIECE_BYTES; index += 1) piece[index] = byteAt(index);

/** The byte that stands at an offset of every body. */
function byteAt(offset: number): number {
  const place = offset % PERIOD_BYTES;
  return (place * 31 + (place >> 8)) & 0xff;
}

/** The pieces of a body of any size, which is nowhere as a whole. */
export function* bodyPieces(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= PIECE_BYTES) yield piece.subarray(0, Math.min(left, PIECE_BYTES));
}

/** Counts a body, and looks at both ends of each piece: one that is lost, doubled or out of order shows. */
export class BodyCheck {
  #bytes = 0;
  #intact = true;

  take(received: Buffer): void {
    if (received.length === 0) return;
    this.#intact &&= received[0] === byteAt(this.#bytes);
    this.#bytes += received.length;
    this.#intact &&= received.at(-1) === byteAt(this.#bytes - 1);
  }

  get bytes(): number {
    return this.#bytes;
  }

  get intact(): boolean {
    return this.#intact;
  }
}

/** What `body-load.ts` is to do. */
export interface BodyTask {
  readonly port: number;
  readonly prefix: string;
  readonly bytes: number;
  readonly way: 'up' | 'down';
  /** How many such bodies, one after the other. */
  readonly times: number;
}

export interface BodyReport {
  readonly megabytesPerSecond: number;
}
