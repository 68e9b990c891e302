import { HISTOGRAM_BUCKETS } from './fields.ts';

const SLOTS = 60;
const RATE_SECONDS = 10;

const REQUESTS = 0;
const ERRORS = 1;
const DURATION_SUM = 2;
const BUCKETS = 3;
const SLOT_SIZE = BUCKETS + HISTOGRAM_BUCKETS;

/** What one process did lately. Plain data, so that workers can send it to each other and add it up. */
export interface RecentCounts {
  /** Requests that ended, per second, over the last 10 s. */
  readonly requestsPerSecond: number;
  /** Of the last 60 s. */
  readonly requests: number;
  readonly errors: number;
  readonly durationSumMs: number;
  /** Requests by duration, in the buckets of `HISTOGRAM_BOUNDS_MS`. */
  readonly durations: readonly number[];
}

/** Counters of the last 60 seconds in one small ring: a second's slot is emptied when its turn comes again. */
export class RecentSeconds {
  /** The epoch second that each slot holds. */
  readonly #seconds = new Float64Array(SLOTS).fill(-1);
  readonly #slots = new Float64Array(SLOTS * SLOT_SIZE);

  add(endedAtMs: number, request: { isError: boolean; durationMs: number; bucket: number }): void {
    const second = Math.floor(endedAtMs / 1000);
    const slot = second % SLOTS;
    const base = slot * SLOT_SIZE;
    if (this.#seconds[slot] !== second) {
      this.#seconds[slot] = second;
      this.#slots.fill(0, base, base + SLOT_SIZE);
    }
    this.#slots[base + REQUESTS]! += 1;
    if (request.isError) this.#slots[base + ERRORS]! += 1;
    this.#slots[base + DURATION_SUM]! += request.durationMs;
    this.#slots[base + BUCKETS + request.bucket]! += 1;
  }

  read(nowMs: number): RecentCounts {
    const nowSecond = Math.floor(nowMs / 1000);
    const durations = new Array<number>(HISTOGRAM_BUCKETS).fill(0);
    let [latest, requests, errors, durationSumMs] = [0, 0, 0, 0];
    for (let slot = 0; slot < SLOTS; slot += 1) {
      const age = nowSecond - this.#seconds[slot]!;
      if (age < 0 || age >= SLOTS) continue;
      const base = slot * SLOT_SIZE;
      if (age < RATE_SECONDS) latest += this.#slots[base + REQUESTS]!;
      requests += this.#slots[base + REQUESTS]!;
      errors += this.#slots[base + ERRORS]!;
      durationSumMs += this.#slots[base + DURATION_SUM]!;
      for (let bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket += 1) {
        durations[bucket]! += this.#slots[base + BUCKETS + bucket]!;
      }
    }
    const coveredSeconds = RATE_SECONDS - 1 + (nowMs % 1000) / 1000;
    return { requestsPerSecond: latest / coveredSeconds, requests, errors, durationSumMs, durations };
  }
}

/** Adds up what several workers did. */
export function sumRecent(parts: readonly RecentCounts[]): RecentCounts {
  const durations = new Array<number>(HISTOGRAM_BUCKETS).fill(0);
  const sum = { requestsPerSecond: 0, requests: 0, errors: 0, durationSumMs: 0 };
  for (const part of parts) {
    sum.requestsPerSecond += part.requestsPerSecond;
    sum.requests += part.requests;
    sum.errors += part.errors;
    sum.durationSumMs += part.durationSumMs;
    for (const [bucket, count] of part.durations.entries()) durations[bucket]! += count;
  }
  return { ...sum, durations };
}
