import type { PoolEntry } from './pool-entry.ts';

/**
 * The entries of a shelf as requests for one model see them: those that may be taken now, in an array (any one can be
 * drawn, and any one leaves by the last taking its place), and those that rest, in a heap by the time they return. An
 * entry is in one of the two, or in none (banned, disabled, at its limit). Every move costs at most O(log n).
 */
export class Lane {
  readonly ready: PoolEntry[];
  readonly #resting: PoolEntry[];
  readonly #untilMs: number[];
  /** By slot: 0 is in none, n is `ready[n - 1]`, -n is `resting[n - 1]`. */
  #places: Int32Array;

  constructor(copyOf?: Lane) {
    this.ready = copyOf === undefined ? [] : copyOf.ready.slice();
    this.#resting = copyOf === undefined ? [] : copyOf.#resting.slice();
    this.#untilMs = copyOf === undefined ? [] : copyOf.#untilMs.slice();
    this.#places = copyOf === undefined ? new Int32Array(16) : copyOf.#places.slice();
  }

  get restingCount(): number {
    return this.#resting.length;
  }

  /** When the first resting entry returns, epoch ms; `Infinity` where none rests. */
  get soonestMs(): number {
    return this.#untilMs[0] ?? Number.POSITIVE_INFINITY;
  }

  /** The resting entry that returns first. */
  get soonest(): PoolEntry | undefined {
    return this.#resting[0];
  }

  isReady(entry: PoolEntry): boolean {
    return this.#placeOf(entry) > 0;
  }

  setReady(entry: PoolEntry): void {
    if (this.#placeOf(entry) > 0) return;
    this.remove(entry);
    this.ready.push(entry);
    this.#setPlace(entry, this.ready.length);
  }

  setResting(entry: PoolEntry, untilMs: number): void {
    const place = this.#placeOf(entry);
    if (place < 0) {
      const index = -place - 1;
      this.#untilMs[index] = untilMs;
      this.#sink(this.#rise(index));
      return;
    }
    this.remove(entry);
    this.#resting.push(entry);
    this.#untilMs.push(untilMs);
    this.#setPlace(entry, -this.#resting.length);
    this.#rise(this.#resting.length - 1);
  }

  remove(entry: PoolEntry): void {
    const place = this.#placeOf(entry);
    if (place > 0) this.#takeReady(place - 1);
    else if (place < 0) this.#takeResting(-place - 1);
    else return;
    this.#setPlace(entry, 0);
  }

  #takeReady(index: number): void {
    const last = this.ready.pop()!;
    if (index === this.ready.length) return;
    this.ready[index] = last;
    this.#setPlace(last, index + 1);
  }

  #takeResting(index: number): void {
    const last = this.#resting.pop()!;
    const untilMs = this.#untilMs.pop()!;
    if (index === this.#resting.length) return;
    this.#resting[index] = last;
    this.#untilMs[index] = untilMs;
    this.#setPlace(last, -index - 1);
    this.#sink(this.#rise(index));
  }

  /** @returns where it ends up */
  #rise(from: number): number {
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (this.#untilMs[parent]! <= this.#untilMs[index]!) break;
      this.#swap(index, parent);
      index = parent;
    }
    return index;
  }

  #sink(from: number): void {
    const size = this.#resting.length;
    for (let index = from; ; ) {
      let least = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < size && this.#untilMs[child]! < this.#untilMs[least]!) least = child;
      }
      if (least === index) return;
      this.#swap(index, least);
      index = least;
    }
  }

  #swap(left: number, right: number): void {
    const entry = this.#resting[left]!;
    this.#resting[left] = this.#resting[right]!;
    this.#resting[right] = entry;
    const untilMs = this.#untilMs[left]!;
    this.#untilMs[left] = this.#untilMs[right]!;
    this.#untilMs[right] = untilMs;
    this.#setPlace(this.#resting[left]!, -left - 1);
    this.#setPlace(entry, -right - 1);
  }

  #placeOf(entry: PoolEntry): number {
    return this.#places[entry.slot] ?? 0;
  }

  #setPlace(entry: PoolEntry, place: number): void {
    if (entry.slot >= this.#places.length) {
      const larger = new Int32Array(Math.max(entry.slot + 1, this.#places.length * 2));
      larger.set(this.#places);
      this.#places = larger;
    }
    this.#places[entry.slot] = place;
  }
}
