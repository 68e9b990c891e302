import test from 'ava';
import fc from 'fast-check';
import {
  bucketOf,
  emptyCounts,
  HISTOGRAM_BOUNDS_MS,
  HISTOGRAM_BUCKETS,
} from '../../../src/domain/statistics/fields.ts';
import { figuresOf, percentileMs, ratio, timesOf } from '../../../src/domain/statistics/figures.ts';

function histogramOf(times: readonly number[]): number[] {
  const histogram = new Array<number>(HISTOGRAM_BUCKETS).fill(0);
  for (const ms of times) histogram[bucketOf(ms)]! += 1;
  return histogram;
}

test('nothing counted gives zeros, and no times', t => {
  const none = { avg_ms: null, p50_ms: null, p95_ms: null, p99_ms: null };
  t.deepEqual(figuresOf(emptyCounts()), {
    requests: 0,
    errors: 0,
    aborted: 0,
    error_rate: 0,
    status: { '1xx': 0, '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0 },
    bytes_in: 0,
    bytes_out: 0,
    duration: none,
    first_byte: none,
  });
});

test('a percentile lies within its bucket in proportion to the rank', t => {
  const histogram = histogramOf([...Array(50).fill(12), ...Array(50).fill(18)]);
  t.is(percentileMs(histogram, 0.25), 12.5);
  t.is(percentileMs(histogram, 0.5), 15);
  t.is(percentileMs(histogram, 0.75), 17.5);
  t.is(percentileMs(histogram, 1), 20);
});

test('times beyond the last bound count as it', t => {
  t.is(percentileMs(histogramOf([700_000]), 0.5), 600_000);
});

test('a percentile is in the bucket where the sorted times have it', t => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 900_000, noNaN: true }), { minLength: 1, maxLength: 60 }),
      fc.constantFrom(0.5, 0.95, 0.99),
      (times, quantile) => {
        const sorted = times.toSorted((a, b) => a - b);
        const exact = sorted[Math.ceil(quantile * sorted.length) - 1]!;
        const shown = percentileMs(histogramOf(times), quantile)!;
        const bucket = bucketOf(exact);
        const lowMs = HISTOGRAM_BOUNDS_MS[bucket - 1] ?? 0;
        t.true(shown >= lowMs - 0.05 && shown <= (HISTOGRAM_BOUNDS_MS[bucket] ?? lowMs) + 0.05);
      },
    ),
  );
});

test('means and rates are rounded', t => {
  t.is(timesOf(100, histogramOf([30, 30, 40])).avg_ms, 33.3);
  t.is(ratio(1, 3), 0.3333);
  t.is(ratio(0, 0), 0);
});
