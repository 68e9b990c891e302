/**
 * The counter fields of a series: what is counted, under which name it is stored, and at which index it lies in memory.
 * Stored names never change their meaning; a histogram bucket is named by its bound, so other bounds are other names.
 */

/** Amounts of one series, by the indices below. All are sums, so series and times can be added up. */
export type Counts = Float64Array;

/** Upper bounds of the histogram buckets in ms, inclusive; one more bucket holds what is longer. */
export const HISTOGRAM_BOUNDS_MS: readonly number[] = [
  1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000, 7000,
  10_000, 15_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000,
];

export const HISTOGRAM_BUCKETS = HISTOGRAM_BOUNDS_MS.length + 1;

/** Finished exchanges, whatever became of them. */
export const REQUESTS = 0;
/** Answers with status 400 or above, but for 499. */
export const ERRORS = 1;
/** Clients that left before the end (499). */
export const ABORTED = 2;
/** First of five: answers by status class, 1xx to 5xx; 499 is among 4xx. */
export const STATUS_CLASSES = 3;
/** Body bytes from the client. */
export const BYTES_IN = 8;
/** Body bytes to the client. */
export const BYTES_OUT = 9;
/** Sum of durations in ms. */
export const DURATION_SUM = 10;
/** Sum of times to the first byte of the answer in ms, of those that had one. */
export const FIRST_BYTE_SUM = 11;
/** Tokens of prompts, those from a cache included. */
export const TOKENS_INPUT = 12;
/** Tokens made, those of reasoning included. */
export const TOKENS_OUTPUT = 13;
/** Part of the input that came from a cache. */
export const TOKENS_CACHED = 14;
/** Part of the output that went into reasoning. */
export const TOKENS_REASONING = 15;
/** Answers that used tokens without telling how many. */
export const USAGE_UNKNOWN = 16;
/** First of `HISTOGRAM_BUCKETS`: exchanges by duration. */
export const DURATION_BUCKETS = 17;
/** First of `HISTOGRAM_BUCKETS`: exchanges by time to the first byte of the answer, of those that had one. */
export const FIRST_BYTE_BUCKETS = DURATION_BUCKETS + HISTOGRAM_BUCKETS;

const bucketNames = [...HISTOGRAM_BOUNDS_MS.map(String), 'inf'];

/** Stored names, by index. */
export const FIELD_NAMES: readonly string[] = [
  'requests',
  'errors',
  'aborted',
  'status_1xx',
  'status_2xx',
  'status_3xx',
  'status_4xx',
  'status_5xx',
  'bytes_in',
  'bytes_out',
  'duration_sum_ms',
  'first_byte_sum_ms',
  'tokens_input',
  'tokens_output',
  'tokens_cached',
  'tokens_reasoning',
  'usage_unknown',
  ...bucketNames.map(bound => `duration_le_${bound}`),
  ...bucketNames.map(bound => `first_byte_le_${bound}`),
];

const fieldIndex: ReadonlyMap<string, number> = new Map(FIELD_NAMES.map((name, index) => [name, index]));

export function emptyCounts(): Counts {
  return new Float64Array(FIELD_NAMES.length);
}

/** Adds `factor` times `more` to `sum`. */
export function addCounts(sum: Counts, more: Counts, factor: 1 | -1 = 1): void {
  for (let index = 0; index < sum.length; index += 1) sum[index]! += factor * more[index]!;
}

/** Adds `factor` times stored values to `sum`. Names that this version does not know are left out. */
export function addValues(sum: Counts, values: Readonly<Record<string, number>>, factor: 1 | -1 = 1): void {
  for (const name in values) {
    const index = fieldIndex.get(name);
    if (index !== undefined) sum[index]! += factor * values[name]!;
  }
}

/** The histogram bucket, from 0, that a time in ms falls into. */
export function bucketOf(ms: number): number {
  let low = 0;
  let high = HISTOGRAM_BOUNDS_MS.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ms <= HISTOGRAM_BOUNDS_MS[middle]!) high = middle;
    else low = middle + 1;
  }
  return low;
}
