const SMALLEST_BYTES = 1024;
const EMPTY = Buffer.alloc(0);

/** Keeps the last bytes of what is appended, up to a limit, and grows only as far as it must. */
export class TailBuffer {
  readonly #limitBytes: number;
  #bytes: Buffer = EMPTY;
  #length = 0;
  #cut = false;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** What is kept; valid until the next `append` or `clear`. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  /** Something at the front was dropped. */
  get cut(): boolean {
    return this.#cut;
  }

  append(source: Buffer, from = 0, to = source.length): void {
    const limit = this.#limitBytes;
    const start = Math.max(from, to - limit);
    const added = to - start;
    const kept = Math.min(this.#length, limit - added);
    if (start > from || kept < this.#length) {
      this.#cut = true;
      this.#bytes.copyWithin(0, this.#length - kept, this.#length);
    }
    if (kept + added > this.#bytes.length) {
      const size = Math.max(SMALLEST_BYTES, 2 ** Math.ceil(Math.log2(kept + added)));
      const grown = Buffer.allocUnsafe(Math.min(limit, size));
      this.#bytes.copy(grown, 0, 0, kept);
      this.#bytes = grown;
    }
    source.copy(this.#bytes, kept, start, to);
    this.#length = kept + added;
  }

  clear(): void {
    this.#length = 0;
    this.#cut = false;
  }
}
