import test from 'ava';
import * as field from '../../../src/domain/statistics/fields.ts';

test('each index means the field of its name', t => {
  t.is(field.FIELD_NAMES[field.REQUESTS], 'requests');
  t.is(field.FIELD_NAMES[field.ERRORS], 'errors');
  t.is(field.FIELD_NAMES[field.ABORTED], 'aborted');
  t.is(field.FIELD_NAMES[field.STATUS_CLASSES], 'status_1xx');
  t.is(field.FIELD_NAMES[field.STATUS_CLASSES + 4], 'status_5xx');
  t.is(field.FIELD_NAMES[field.BYTES_IN], 'bytes_in');
  t.is(field.FIELD_NAMES[field.BYTES_OUT], 'bytes_out');
  t.is(field.FIELD_NAMES[field.DURATION_SUM], 'duration_sum_ms');
  t.is(field.FIELD_NAMES[field.FIRST_BYTE_SUM], 'first_byte_sum_ms');
  t.is(field.FIELD_NAMES[field.DURATION_BUCKETS], 'duration_le_1');
  t.is(field.FIELD_NAMES[field.DURATION_BUCKETS + field.HISTOGRAM_BUCKETS - 1], 'duration_le_inf');
  t.is(field.FIELD_NAMES[field.FIRST_BYTE_BUCKETS], 'first_byte_le_1');
  t.is(field.FIELD_NAMES.at(-1), 'first_byte_le_inf');
  t.is(field.FIELD_NAMES.length, field.FIRST_BYTE_BUCKETS + field.HISTOGRAM_BUCKETS);
  t.is(new Set(field.FIELD_NAMES).size, field.FIELD_NAMES.length);
});

test('a time falls into the first bucket whose bound it does not exceed', t => {
  t.is(field.bucketOf(0), 0);
  for (const [bucket, boundMs] of field.HISTOGRAM_BOUNDS_MS.entries()) {
    t.is(field.bucketOf(boundMs), bucket);
    t.is(field.bucketOf(boundMs + 0.001), bucket + 1);
  }
  t.is(field.bucketOf(Number.POSITIVE_INFINITY), field.HISTOGRAM_BUCKETS - 1);
});

test('stored values are added by name, and names of another version are left out', t => {
  const counts = field.emptyCounts();
  field.addValues(counts, { requests: 3, duration_le_inf: 2, duration_le_4: 9, constructor: 1 });
  field.addValues(counts, { requests: 1 }, -1);
  t.is(counts[field.REQUESTS], 2);
  t.is(counts[field.FIRST_BYTE_BUCKETS - 1], 2);
  t.is(
    counts.reduce((sum, count) => sum + count),
    4,
  );
});
