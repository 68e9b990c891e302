import * as field from './fields.ts';

/** What a time distribution says, in ms with one decimal; `null` where nothing was measured. */
export interface Times {
  avg_ms: number | null;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
}

/** Tokens of answers on `/v1`. */
export interface TokenFigures {
  /** Prompts, cached tokens included. */
  input: number;
  /** Answers, reasoning tokens included. */
  output: number;
  cached: number;
  reasoning: number;
  /** Answers that used tokens without telling how many: what the other numbers lack. */
  unknown: number;
}

/** What was counted, as `/stats` shows it. */
export interface Figures {
  requests: number;
  /** Status 400 and above, but for 499. */
  errors: number;
  /** Clients that left before the end (499). */
  aborted: number;
  /** Errors among requests, from 0 to 1 with four decimals; 0 where there are none. */
  error_rate: number;
  status: { '1xx': number; '2xx': number; '3xx': number; '4xx': number; '5xx': number };
  bytes_in: number;
  bytes_out: number;
  /** From the request's head to the end of the answer. */
  duration: Times;
  /** From the request's head to the first byte of the answer. */
  first_byte: Times;
  /** On `/v1` and its endpoints, and in sums that hold tokens. */
  tokens?: TokenFigures;
}

/** @param ofPool whether tokens are shown where there are none, too */
export function figuresOf(counts: field.Counts, ofPool = false): Figures {
  const status = (statusClass: number) => counts[field.STATUS_CLASSES + statusClass - 1]!;
  const requests = counts[field.REQUESTS]!;
  const errors = counts[field.ERRORS]!;
  return {
    requests,
    errors,
    aborted: counts[field.ABORTED]!,
    error_rate: ratio(errors, requests),
    status: { '1xx': status(1), '2xx': status(2), '3xx': status(3), '4xx': status(4), '5xx': status(5) },
    bytes_in: counts[field.BYTES_IN]!,
    bytes_out: counts[field.BYTES_OUT]!,
    duration: timesOf(counts[field.DURATION_SUM]!, durationsOf(counts)),
    first_byte: timesOf(counts[field.FIRST_BYTE_SUM]!, firstBytesOf(counts)),
    ...(ofPool || hasTokens(counts) ? { tokens: tokensOf(counts) } : {}),
  };
}

export function tokensOf(counts: field.Counts): TokenFigures {
  return {
    input: counts[field.TOKENS_INPUT]!,
    output: counts[field.TOKENS_OUTPUT]!,
    cached: counts[field.TOKENS_CACHED]!,
    reasoning: counts[field.TOKENS_REASONING]!,
    unknown: counts[field.USAGE_UNKNOWN]!,
  };
}

function hasTokens(counts: field.Counts): boolean {
  return counts.subarray(field.TOKENS_INPUT, field.USAGE_UNKNOWN + 1).some(count => count !== 0);
}

/** The histogram of durations within `counts`; a view, not a copy. */
export function durationsOf(counts: field.Counts): Float64Array {
  return counts.subarray(field.DURATION_BUCKETS, field.DURATION_BUCKETS + field.HISTOGRAM_BUCKETS);
}

/** The histogram of times to the first byte within `counts`; a view, not a copy. */
export function firstBytesOf(counts: field.Counts): Float64Array {
  return counts.subarray(field.FIRST_BYTE_BUCKETS, field.FIRST_BYTE_BUCKETS + field.HISTOGRAM_BUCKETS);
}

/** Mean and percentiles of a histogram whose times add up to `sumMs`. */
export function timesOf(sumMs: number, histogram: ArrayLike<number>): Times {
  const count = total(histogram);
  return {
    avg_ms: count === 0 ? null : rounded(sumMs / count, 1),
    p50_ms: percentileMs(histogram, 0.5),
    p95_ms: percentileMs(histogram, 0.95),
    p99_ms: percentileMs(histogram, 0.99),
  };
}

/**
 * The time that the share `quantile` of a histogram does not exceed, in ms with one decimal: times are taken to be
 * spread evenly within a bucket, and those in the open last bucket count as its lower bound. `null` when it is empty.
 */
export function percentileMs(histogram: ArrayLike<number>, quantile: number): number | null {
  const count = total(histogram);
  if (count === 0) return null;
  const rank = quantile * count;
  let below = 0;
  for (let bucket = 0; bucket < histogram.length; bucket += 1) {
    const inBucket = histogram[bucket]!;
    if (inBucket > 0 && below + inBucket >= rank) {
      const lowMs = bucket === 0 ? 0 : field.HISTOGRAM_BOUNDS_MS[bucket - 1]!;
      const highMs = field.HISTOGRAM_BOUNDS_MS[bucket] ?? lowMs;
      return rounded(lowMs + ((highMs - lowMs) * (rank - below)) / inBucket, 1);
    }
    below += inBucket;
  }
  return field.HISTOGRAM_BOUNDS_MS.at(-1)!;
}

/** `part` of `whole`, with four decimals; 0 where there is no whole. */
export function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : rounded(part / whole, 4);
}

export function rounded(value: number, decimals: number): number {
  const factor = 10 ** decimals;
  return Math.round(value * factor) / factor;
}

function total(histogram: ArrayLike<number>): number {
  let sum = 0;
  for (let bucket = 0; bucket < histogram.length; bucket += 1) sum += histogram[bucket]!;
  return sum;
}
