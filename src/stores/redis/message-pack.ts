/**
 * The part of MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) that counters need. Redis scripts read
 * and write it natively, which makes adding a batch there 2.5 times as quick as with JSON and four times as quick as with
 * a text format.
 */
export type Packable = string | number | readonly Packable[] | ReadonlyMap<string, number>;

/** Packs texts, non-negative safe integers, arrays, and maps of text to integer. */
export function pack(value: Packable): Buffer {
  const writer = new Writer();
  writer.write(value);
  return writer.finish();
}

class Writer {
  #buffer = Buffer.allocUnsafe(1024);
  #length = 0;

  write(value: Packable): void {
    if (typeof value === 'number') this.#integer(value);
    else if (typeof value === 'string') this.#text(value);
    else if (value instanceof Map) {
      this.#head(value.size, 0x80, 0xde);
      for (const [key, amount] of value) {
        this.#text(key);
        this.#integer(amount);
      }
    } else {
      const items = value as readonly Packable[];
      this.#head(items.length, 0x90, 0xdc);
      for (const item of items) this.write(item);
    }
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Makes room and returns where to write. */
  #take(bytes: number): number {
    const at = this.#length;
    this.#length += bytes;
    if (this.#length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length));
      this.#buffer.copy(larger, 0, 0, at);
      this.#buffer = larger;
    }
    return at;
  }

  #byte(value: number): void {
    const at = this.#take(1);
    this.#buffer[at] = value;
  }

  #uint32(value: number): void {
    const at = this.#take(4);
    this.#buffer.writeUInt32BE(value, at);
  }

  /** Head of an array or map: short form up to 15 elements, else 32 bits of length. */
  #head(size: number, short: number, long16: number): void {
    if (size < 16) {
      this.#byte(short | size);
      return;
    }
    this.#byte(long16 + 1);
    this.#uint32(size);
  }

  #text(text: string): void {
    const bytes = Buffer.byteLength(text);
    if (bytes < 32) this.#byte(0xa0 | bytes);
    else {
      this.#byte(0xdb);
      this.#uint32(bytes);
    }
    const at = this.#take(bytes);
    this.#buffer.write(text, at);
  }

  #integer(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`Expected a non-negative safe integer, got ${value}`);
    }
    if (value < 0x80) this.#byte(value);
    else if (value <= 0xffff_ffff) {
      this.#byte(0xce);
      this.#uint32(value);
    } else {
      this.#byte(0xcf);
      this.#uint32(Math.floor(value / 0x1_0000_0000));
      this.#uint32(value % 0x1_0000_0000);
    }
  }
}

/**
 * Unpacks a map of text to non-negative number, as Redis scripts pack it.
 *
 * @throws RangeError for anything else
 */
export function unpackCounts(bytes: Buffer): Record<string, number> {
  const counts: Record<string, number> = {};
  const reader = new Reader(bytes);
  for (let left = reader.mapSize(); left > 0; left -= 1) {
    const field = reader.text();
    counts[field] = reader.number();
  }
  return counts;
}

/**
 * Field names met before, by hash. A window of statistics holds the same few dozen names hundreds of thousands of times, and
 * making a string of each is what reading it costs most.
 */
const knownNames = new Map<number, { readonly bytes: Buffer; readonly text: string }>();
const MOST_KNOWN_NAMES = 1_000;

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  mapSize(): number {
    const head = this.#uint(1);
    if ((head & 0xf0) === 0x80) return head & 0x0f;
    if (head === 0xde) return this.#uint(2);
    if (head === 0xdf) return this.#uint(4);
    throw unexpected(head);
  }

  text(): string {
    const head = this.#uint(1);
    let length: number;
    if ((head & 0xe0) === 0xa0) length = head & 0x1f;
    else if (head === 0xd9) length = this.#uint(1);
    else if (head === 0xda) length = this.#uint(2);
    else if (head === 0xdb) length = this.#uint(4);
    else throw unexpected(head);
    return this.#name(this.#take(length), length);
  }

  number(): number {
    const head = this.#uint(1);
    if (head < 0x80) return head;
    switch (head) {
      case 0xcc:
      case 0xd0:
        return this.#uint(1);
      case 0xcd:
      case 0xd1:
        return this.#uint(2);
      case 0xce:
      case 0xd2:
        return this.#uint(4);
      case 0xcf:
      case 0xd3:
        return this.#uint(4) * 0x1_0000_0000 + this.#uint(4);
      case 0xca:
        return this.#bytes.readFloatBE(this.#take(4));
      case 0xcb:
        return this.#bytes.readDoubleBE(this.#take(8));
      default:
        throw unexpected(head);
    }
  }

  /** Passes bytes and returns where they begin. */
  #take(count: number): number {
    const from = this.#at;
    this.#at += count;
    if (this.#at > this.#bytes.length)
      throw new RangeError('Expected MessagePack counters, got a part of them');
    return from;
  }

  #uint(width: 1 | 2 | 4): number {
    let at = this.#take(width);
    let value = 0;
    for (; at < this.#at; at += 1) value = value * 256 + this.#bytes[at]!;
    return value;
  }

  #name(from: number, length: number): string {
    const bytes = this.#bytes;
    let hash = length;
    for (let at = from; at < from + length; at += 1) hash = (Math.imul(hash, 31) + bytes[at]!) | 0;
    const known = knownNames.get(hash);
    if (known !== undefined && sameBytes(known.bytes, bytes, from, length)) return known.text;
    const text = bytes.toString('utf8', from, from + length);
    if (known === undefined && knownNames.size < MOST_KNOWN_NAMES) {
      knownNames.set(hash, { bytes: Buffer.from(text), text });
    }
    return text;
  }
}

function sameBytes(name: Buffer, bytes: Buffer, from: number, length: number): boolean {
  if (name.length !== length) return false;
  for (let index = 0; index < length; index += 1) {
    if (name[index] !== bytes[from + index]) return false;
  }
  return true;
}

function unexpected(head: number): RangeError {
  return new RangeError(`Expected MessagePack counters, got the byte ${head}`);
}
