import type { StateCounts } from '../domain/pool/types.ts';
import {
  ABORTED,
  BYTES_IN,
  BYTES_OUT,
  DURATION_SUM,
  ERRORS,
  FIRST_BYTE_SUM,
  HISTOGRAM_BOUNDS_MS,
  STATUS_CLASSES,
  TOKENS_CACHED,
  TOKENS_INPUT,
  TOKENS_OUTPUT,
  TOKENS_REASONING,
  USAGE_UNKNOWN,
} from '../domain/statistics/fields.ts';
import { durationsOf, firstBytesOf } from '../domain/statistics/figures.ts';
import type { ProcessFigures } from '../domain/statistics/performance.ts';
import type { ModelTotals, PrefixTotals } from '../domain/statistics/totals.ts';

/** Media type of the Prometheus text format. */
export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export interface MetricsInput {
  readonly version: string;
  /** Of the whole installation, so that they are the same whichever worker answers. */
  readonly totals: readonly PrefixTotals[];
  /** Models on `/v1`, of the whole installation. */
  readonly models: readonly ModelTotals[];
  /** The key pool as this process sees it. */
  readonly pool?: PoolMetrics;
  readonly isStoreUp: boolean;
  /** Of the process that answers. */
  readonly openStreams: number;
  readonly queuedRows: number;
  readonly droppedRows: number;
  readonly startedAtMs: number;
  readonly process: ProcessFigures;
}

export interface PoolMetrics {
  readonly keys: StateCounts;
  /** Fewer keys are usable than `KEY_POOL_DRY_THRESHOLD`. */
  readonly isDry: boolean;
}

/** Kinds of tokens. Cached ones are among the input, reasoning ones among the output. */
const TOKEN_KINDS = [
  ['input', TOKENS_INPUT],
  ['output', TOKENS_OUTPUT],
  ['cached', TOKENS_CACHED],
  ['reasoning', TOKENS_REASONING],
] as const;

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [suffix: string, labels: Labels, value: number];

/** Renders the Prometheus text format, version 0.0.4. */
export function renderMetrics(input: MetricsInput): string {
  const { totals, process } = input;
  return [
    metric(
      'switchyard_build_info',
      ['gauge', 'Version of the program, as a label.'],
      [['', { version: input.version }, 1]],
    ),
    metric(
      'switchyard_requests_total',
      ['counter', 'Finished requests by mapping and status class.'],
      totals.flatMap(statusSamples),
    ),
    metric(
      'switchyard_errors_total',
      ['counter', 'Answers with status 400 or above, but for 499.'],
      totals.map(({ prefix, counts }): Sample => ['', { prefix }, counts[ERRORS]!]),
    ),
    metric(
      'switchyard_aborted_total',
      ['counter', 'Requests whose client left before the end (499).'],
      totals.map(({ prefix, counts }): Sample => ['', { prefix }, counts[ABORTED]!]),
    ),
    metric(
      'switchyard_bytes_total',
      ['counter', 'Body bytes; in: from clients, out: to clients.'],
      totals.flatMap(({ prefix, counts }): Sample[] => [
        ['', { prefix, direction: 'in' }, counts[BYTES_IN]!],
        ['', { prefix, direction: 'out' }, counts[BYTES_OUT]!],
      ]),
    ),
    metric(
      'switchyard_request_duration_seconds',
      ['histogram', 'From the head of the request to the end of the answer.'],
      totals.flatMap(({ prefix, counts }) =>
        histogramSamples(prefix, { buckets: durationsOf(counts), sumMs: counts[DURATION_SUM]! }),
      ),
    ),
    metric(
      'switchyard_first_byte_seconds',
      ['histogram', 'From the head of the request to the first byte of the answer.'],
      totals.flatMap(({ prefix, counts }) =>
        histogramSamples(prefix, { buckets: firstBytesOf(counts), sumMs: counts[FIRST_BYTE_SUM]! }),
      ),
    ),
    metric(
      'switchyard_tokens_total',
      ['counter', 'Tokens on /v1 by model; cached ones are among input, reasoning ones among output.'],
      input.models.flatMap(({ model, counts }) =>
        TOKEN_KINDS.map(([kind, index]): Sample => ['', { model, kind }, counts[index]!]),
      ),
    ),
    metric(
      'switchyard_usage_unknown_total',
      ['counter', 'Answers on /v1 that used tokens without telling how many.'],
      input.models.map(({ model, counts }): Sample => ['', { model }, counts[USAGE_UNKNOWN]!]),
    ),
    input.pool === undefined ? '' : poolMetrics(input.pool),
    gauge('switchyard_open_streams', 'Requests in progress in this process.', input.openStreams),
    gauge('switchyard_store_up', 'Whether the store answers: 1 or 0.', input.isStoreUp ? 1 : 0),
    gauge('switchyard_counter_rows_queued', 'Rows of counts that wait for the store.', input.queuedRows),
    metric(
      'switchyard_counter_rows_dropped_total',
      ['counter', 'Rows of counts lost for want of room.'],
      [['', {}, input.droppedRows]],
    ),
    gauge(
      'switchyard_event_loop_delay_seconds',
      'How late the event loop ran, 99th percentile over 10 s.',
      process.eventLoopDelayMs / 1000,
    ),
    gauge('process_resident_memory_bytes', 'Resident memory of this process.', process.residentBytes),
    gauge(
      'process_start_time_seconds',
      'Start of the program, seconds since the epoch.',
      input.startedAtMs / 1000,
    ),
  ].join('');
}

function poolMetrics({ keys, isDry }: PoolMetrics): string {
  return [
    metric(
      'switchyard_pool_keys',
      ['gauge', 'Upstream keys of all sources by state.'],
      Object.entries(keys).map(([state, count]): Sample => ['', { state }, count]),
    ),
    gauge(
      'switchyard_pool_dry',
      'Whether fewer keys are usable than KEY_POOL_DRY_THRESHOLD: 1 or 0.',
      isDry ? 1 : 0,
    ),
  ].join('');
}

function gauge(name: string, help: string, value: number): string {
  return metric(name, ['gauge', help], [['', {}, value]]);
}

function metric(name: string, [type, help]: readonly [string, string], samples: readonly Sample[]): string {
  if (samples.length === 0) return '';
  const lines = samples.map(([suffix, labels, value]) => `${name}${suffix}${labelText(labels)} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function statusSamples({ prefix, counts }: PrefixTotals): Sample[] {
  return [1, 2, 3, 4, 5].map(statusClass => [
    '',
    { prefix, status_class: `${statusClass}xx` },
    counts[STATUS_CLASSES + statusClass - 1]!,
  ]);
}

/** Cumulative buckets, as Prometheus wants them, with bounds in seconds. */
function histogramSamples(
  prefix: string,
  { buckets, sumMs }: { buckets: Float64Array; sumMs: number },
): Sample[] {
  const samples: Sample[] = [];
  let count = 0;
  for (const [bucket, inBucket] of buckets.entries()) {
    count += inBucket;
    const boundMs = HISTOGRAM_BOUNDS_MS[bucket];
    samples.push(['_bucket', { prefix, le: boundMs === undefined ? '+Inf' : String(boundMs / 1000) }, count]);
  }
  samples.push(['_sum', { prefix }, sumMs / 1000], ['_count', { prefix }, count]);
  return samples;
}
