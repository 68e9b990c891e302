import test from 'ava';
import { addValues, emptyCounts } from '../../src/domain/statistics/fields.ts';
import { METRICS_CONTENT_TYPE, type MetricsInput, renderMetrics } from '../../src/server/metrics-text.ts';

const input: MetricsInput = {
  version: '1.2.3',
  totals: [],
  models: [],
  pool: { keys: { ready: 3, resting: 2, busy: 1, disabled: 0, banned: 4 }, isDry: false },
  isStoreUp: true,
  openStreams: 4,
  queuedRows: 2,
  droppedRows: 0,
  startedAtMs: 1_700_000_000_500,
  process: { residentBytes: 12_345, eventLoopDelayMs: 2.5 },
};

function totalsOf(prefix: string, values: Record<string, number>) {
  const counts = emptyCounts();
  addValues(counts, values);
  return { prefix, counts };
}

interface Family {
  type: string;
  help: string;
  samples: { name: string; labels: Map<string, string>; value: number }[];
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/;
const UNESCAPED: Record<string, string> = { '\\\\': '\\', '\\"': '"', '\\n': '\n' };

function labelsOf(text: string): Map<string, string> {
  const labels = new Map<string, string>();
  let rest = text;
  while (rest !== '') {
    const [whole, name, value] = LABEL.exec(rest) ?? [];
    if (whole === undefined) throw new Error(`Bad labels: ${text}`);
    if (labels.has(name!)) throw new Error(`Label twice: ${text}`);
    labels.set(
      name!,
      value!.replace(/\\["\\n]/g, pair => UNESCAPED[pair]!),
    );
    rest = rest.slice(whole.length);
  }
  return labels;
}

/**
 * Reads the text format 0.0.4 strictly: HELP, TYPE, then all samples of the metric in one group; every line ends with a
 * line feed; no sample comes twice; histograms are cumulative, end with +Inf, and have a sum and a count.
 */
function parse(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('The last line must end with a line feed');
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let current: [string, Family] | undefined;
  const lines = text.slice(0, -1).split('\n');
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index]!;
    const help = new RegExp(`^# HELP (${NAME}) (.+)$`).exec(line);
    if (help !== null) {
      const type = new RegExp(`^# TYPE ${help[1]} (counter|gauge|histogram)$`).exec(lines[index + 1] ?? '');
      if (type === null) throw new Error(`No type after ${line}`);
      if (families.has(help[1]!)) throw new Error(`Metric twice: ${line}`);
      current = [help[1]!, { type: type[1]!, help: help[2]!, samples: [] }];
      families.set(...current);
      index += 1;
      continue;
    }
    const sample = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (-?\\d+(?:\\.\\d+)?(?:e[+-]\\d+)?)$`).exec(line);
    if (sample === null) throw new Error(`Not a sample: ${line}`);
    const key = line.slice(0, line.lastIndexOf(' '));
    if (seen.has(key)) throw new Error(`Sample twice: ${line}`);
    seen.add(key);
    const suffix = sample[1]!.slice(current![0].length);
    const allowed = current![1].type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
    if (!sample[1]!.startsWith(current![0]) || !allowed.includes(suffix))
      throw new Error(`Stray sample: ${line}`);
    current![1].samples.push({
      name: sample[1]!,
      labels: labelsOf(sample[2] ?? ''),
      value: Number(sample[3]),
    });
  }
  for (const [name, family] of families) if (family.type === 'histogram') checkHistogram(name, family);
  return families;
}

function checkHistogram(name: string, { samples }: Family): void {
  for (const ofPrefix of Map.groupBy(samples, ({ labels }) => labels.get('prefix')).values()) {
    const buckets = ofPrefix.filter(sample => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => labels.get('le')!);
    if (bounds.at(-1) !== '+Inf') throw new Error('No bucket +Inf');
    let previous = { bound: Number.NEGATIVE_INFINITY, value: 0 };
    for (const [index, { value }] of buckets.entries()) {
      const bound = bounds[index] === '+Inf' ? Number.POSITIVE_INFINITY : Number(bounds[index]);
      if (!(bound > previous.bound) || value < previous.value) throw new Error('Buckets are not cumulative');
      previous = { bound, value };
    }
    const count = ofPrefix.filter(sample => sample.name === `${name}_count`);
    const sum = ofPrefix.filter(sample => sample.name === `${name}_sum`);
    if (count.length !== 1 || sum.length !== 1 || count[0]!.value !== previous.value)
      throw new Error('Bad count');
  }
}

function sampleOf(
  families: Map<string, Family>,
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  const family = [...families].find(
    ([familyName]) => name.startsWith(familyName) && name !== `${familyName}_total`,
  );
  return family?.[1].samples.find(
    sample =>
      sample.name === name &&
      sample.labels.size === Object.keys(labels).length &&
      Object.entries(labels).every(([label, value]) => sample.labels.get(label) === value),
  )?.value;
}

test('the text is valid, totals are counters and the process has gauges', t => {
  const values = {
    requests: 6,
    errors: 2,
    aborted: 1,
    status_2xx: 3,
    status_4xx: 1,
    status_5xx: 2,
    bytes_in: 700,
    bytes_out: 2 ** 52,
    duration_sum_ms: 1234,
    duration_le_1: 1,
    duration_le_150: 4,
    duration_le_inf: 1,
    first_byte_sum_ms: 17,
    first_byte_le_20: 1,
  };
  const families = parse(
    renderMetrics({
      ...input,
      totals: [totalsOf('/claude', { requests: 1, status_2xx: 1 }), totalsOf('/openai', values)],
    }),
  );
  const prefix = '/openai';
  t.is(sampleOf(families, 'switchyard_build_info', { version: '1.2.3' }), 1);
  t.is(sampleOf(families, 'switchyard_requests_total', { prefix, status_class: '2xx' }), 3);
  t.is(sampleOf(families, 'switchyard_requests_total', { prefix, status_class: '3xx' }), 0);
  t.is(sampleOf(families, 'switchyard_requests_total', { prefix: '/claude', status_class: '2xx' }), 1);
  t.is(sampleOf(families, 'switchyard_errors_total', { prefix }), 2);
  t.is(sampleOf(families, 'switchyard_aborted_total', { prefix }), 1);
  t.is(sampleOf(families, 'switchyard_bytes_total', { prefix, direction: 'in' }), 700);
  t.is(sampleOf(families, 'switchyard_bytes_total', { prefix, direction: 'out' }), 2 ** 52);
  const duration = 'switchyard_request_duration_seconds';
  t.is(sampleOf(families, `${duration}_bucket`, { prefix, le: '0.001' }), 1);
  t.is(sampleOf(families, `${duration}_bucket`, { prefix, le: '0.1' }), 1);
  t.is(sampleOf(families, `${duration}_bucket`, { prefix, le: '0.15' }), 5);
  t.is(sampleOf(families, `${duration}_bucket`, { prefix, le: '600' }), 5);
  t.is(sampleOf(families, `${duration}_bucket`, { prefix, le: '+Inf' }), 6);
  t.is(sampleOf(families, `${duration}_sum`, { prefix }), 1.234);
  t.is(sampleOf(families, `${duration}_count`, { prefix }), 6);
  t.is(sampleOf(families, 'switchyard_first_byte_seconds_count', { prefix }), 1);
  t.is(sampleOf(families, 'switchyard_open_streams'), 4);
  t.is(sampleOf(families, 'switchyard_store_up'), 1);
  t.is(sampleOf(families, 'switchyard_counter_rows_queued'), 2);
  t.is(sampleOf(families, 'switchyard_counter_rows_dropped_total'), 0);
  t.is(sampleOf(families, 'switchyard_event_loop_delay_seconds'), 0.0025);
  t.is(sampleOf(families, 'process_resident_memory_bytes'), 12_345);
  t.is(sampleOf(families, 'process_start_time_seconds'), 1_700_000_000.5);
});

test('tokens have a model and a kind, keys of the pool a state', t => {
  const counts = emptyCounts();
  addValues(counts, {
    requests: 9,
    tokens_input: 1000,
    tokens_output: 200,
    tokens_cached: 30,
    tokens_reasoning: 4,
    usage_unknown: 5,
  });
  const models = [
    { model: 'gpt-4o', counts },
    { model: 'o"3', counts: emptyCounts() },
  ];
  const families = parse(renderMetrics({ ...input, models, pool: { ...input.pool!, isDry: true } }));
  const tokens = (model: string, kind: string) =>
    sampleOf(families, 'switchyard_tokens_total', { model, kind });
  t.deepEqual(
    ['input', 'output', 'cached', 'reasoning'].map(kind => tokens('gpt-4o', kind)),
    [1000, 200, 30, 4],
  );
  t.is(tokens('o"3', 'input'), 0);
  t.is(sampleOf(families, 'switchyard_usage_unknown_total', { model: 'gpt-4o' }), 5);
  t.is(families.get('switchyard_tokens_total')!.type, 'counter');
  const keys = (state: string) => sampleOf(families, 'switchyard_pool_keys', { state });
  t.deepEqual(['ready', 'resting', 'busy', 'disabled', 'banned'].map(keys), [3, 2, 1, 0, 4]);
  t.is(sampleOf(families, 'switchyard_pool_dry'), 1);
});

test('a label value may hold anything', t => {
  const prefix = '/a"b\\n\\\n{x="y"} 1';
  const families = parse(renderMetrics({ ...input, totals: [totalsOf(prefix, { requests: 1, errors: 1 })] }));
  t.is(sampleOf(families, 'switchyard_errors_total', { prefix }), 1);
});

test('before anything was counted the text is valid too', t => {
  const families = parse(renderMetrics({ ...input, isStoreUp: false }));
  t.is(sampleOf(families, 'switchyard_store_up'), 0);
  t.false(families.has('switchyard_requests_total'));
  t.false(families.has('switchyard_tokens_total'));
  t.is(sampleOf(families, 'switchyard_pool_dry'), 0);
  t.is(METRICS_CONTENT_TYPE, 'text/plain; version=0.0.4; charset=utf-8');
});
