import test from 'ava';
import fc from 'fast-check';
import { AppError } from '../../src/base/errors.ts';
import { parsePrefix, parseTarget } from '../../src/domain/mappings.ts';
import { WELL_KNOWN_MAPPINGS } from '../../src/domain/well-known.ts';
import { loadModule } from '../support/browser.ts';

const { arrange } = await loadModule('parts/table-order.js');
const { niceCeiling, timeSplits } = await loadModule('parts/plot-scale.js');
const { mergeCounts, stretchesOf } = await loadModule('panel/chart-data.js');
const { prefixProblem, targetProblem, tidyPrefix } = await loadModule('console/mappings/rules.js');
const { snippetsFor } = await loadModule('lib/snippets.js');
const { vendorOf } = await loadModule('lib/vendors.js');

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

interface Row {
  readonly name: string;
  readonly size: number;
}
const rows: readonly Row[] = [
  { name: '/b', size: 2 },
  { name: '/a', size: 2 },
  { name: '/c', size: 9 },
];
const names = (arranged: readonly Row[]) => arranged.map(row => row.name);
const table = { rows, rowKey: (row: Row) => row.name, query: '', descending: false };

test('a table sorts by a column, and equal rows by their key', t => {
  const sortBy = (row: Row) => row.size;
  t.deepEqual(names(arrange({ ...table, sortBy })), ['/a', '/b', '/c']);
  t.deepEqual(names(arrange({ ...table, sortBy, descending: true })), ['/c', '/a', '/b']);
});

test('a table finds the rows that hold every word of a query, in any order and case', t => {
  const text = (row: Row) => `${row.name} size${row.size}`;
  t.deepEqual(names(arrange({ ...table, text, query: 'SIZE2 /a' })), ['/a']);
  t.deepEqual(names(arrange({ ...table, text, query: 'size7' })), []);
});

test('a table that is held keeps its order, and puts new rows last', t => {
  const keep = ['/c', '/b'];
  t.deepEqual(names(arrange({ ...table, sortBy: (row: Row) => row.size, keep })), ['/c', '/b', '/a']);
});

test('the scale of a chart ends at a round number above its highest value', t => {
  t.deepEqual([0, 0.8, 3, 99, 1000, 4800].map(niceCeiling), [4, 1, 4, 120, 1200, 5000]);
});

test('the time axis has whole hours and days of the time zone, over a change of clocks too', t => {
  const midnight = Date.parse('2026-03-28T00:00:00+01:00');
  const days = timeSplits(midnight, midnight + 4 * DAY_MS, 6, 'Europe/Berlin');
  t.deepEqual(
    days.map((ms: number) => new Date(ms).toISOString().slice(0, 13)),
    ['2026-03-27T23', '2026-03-28T23', '2026-03-29T22', '2026-03-30T22', '2026-03-31T22'],
  );
  const hours = timeSplits(midnight + 1, midnight + DAY_MS, 8, 'Asia/Kolkata');
  t.true(hours.length >= 4);
  t.true(hours.every((ms: number) => new Date(ms).getUTCMinutes() === 30));
});

test('a stretch of the chart ends where the next one starts, and the last one is as long as the one before', t => {
  t.deepEqual(stretchesOf([0, 10, 30]).ends, [10, 30, 50]);
  t.deepEqual(stretchesOf([7]).ends, [7 + DAY_MS]);
  t.deepEqual(stretchesOf([]).ends, []);
});

test('bars that were merged hold every request and every error', t => {
  const count = fc.nat({ max: 1000 });
  const points = fc.array(fc.tuple(count, count), { maxLength: 400 });
  const sum = (counts: number[]) => counts.reduce((total, each) => total + each, 0);
  t.notThrows(() =>
    fc.assert(
      fc.property(points, fc.integer({ min: 1, max: 100 }), (pairs, most) => {
        const chart = {
          start_ms: pairs.map((_, index) => index * HOUR_MS),
          requests: pairs.map(([requests]) => requests),
          errors: pairs.map(([, errors]) => errors),
        };
        const merged = mergeCounts(chart, most);
        return (
          merged.starts.length <= most &&
          sum(merged.requests) === sum(chart.requests) &&
          sum(merged.errors) === sum(chart.errors) &&
          merged.ends.at(-1) === stretchesOf(chart.start_ms).ends.at(-1)
        );
      }),
    ),
  );
});

function serverTakes(parse: (text: string) => unknown, text: string): boolean {
  try {
    parse(text);
    return true;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return error.code === 'ERR_RESERVED_PREFIX';
  }
}

const pathText = fc
  .array(fc.constantFrom('/', '.', '..', 'a', 'Z9', '~', '%', '<b>', ' ', '?', '#', '"', 'é', '@', ':'), {
    maxLength: 8,
  })
  .map(parts => parts.join(''));

test('the console refuses exactly the prefixes that the server refuses', t => {
  fc.assert(
    fc.property(pathText, text => {
      const prefix = tidyPrefix(text);
      return (prefixProblem(prefix) === undefined) === serverTakes(parsePrefix, prefix);
    }),
    { numRuns: 2000 },
  );
  t.is(prefixProblem(`/${'a'.repeat(256)}`), 'rule.prefixLong');
  t.is(prefixProblem('/<img src=x onerror=alert(1)>'), 'rule.prefixCharacters');
});

test('the console refuses no target that the server takes', t => {
  const target = fc
    .tuple(
      fc.constantFrom('https://', 'http://', 'HTTP://', 'ftp://', ''),
      fc.constantFrom('a.example', '[::1]:8', 'u:p@h', ''),
      pathText,
    )
    .map(parts => parts.join(''));
  fc.assert(
    fc.property(target, text => targetProblem(text) === undefined || !serverTakes(parseTarget, text)),
    { numRuns: 2000 },
  );
  t.is(targetProblem('https://user:secret@a.example'), 'rule.targetCredentials');
  t.is(targetProblem('a.example'), 'rule.targetScheme');
});

test('a prefix is known by its name, wherever the name stands in it', t => {
  t.is(vendorOf('/team/openai-eu').key, 'OPENAI_API_KEY');
  t.is(vendorOf('/claude').dialect, 'anthropic');
  t.is(vendorOf('/opencloud').dialect, 'generic');
  t.is(vendorOf('/constructor').dialect, 'generic');
});

test('the environment of each big vendor has the variables that its tools read', t => {
  const env = (prefix: string): string =>
    snippetsFor(prefix, `https://gate.example${prefix}`).find(
      (snippet: { id: string }) => snippet.id === 'env',
    ).text;
  t.true(env('/openai').includes('export OPENAI_BASE_URL="https://gate.example/openai/v1"'));
  t.true(env('/claude').includes('export ANTHROPIC_BASE_URL="https://gate.example/claude"'));
  t.true(env('/gemini').includes('export GOOGLE_GEMINI_BASE_URL="https://gate.example/gemini"'));
  t.true(env('/xai').includes('XAI_BASE_URL=https://gate.example/xai/v1'));
  t.true(env('/groq').includes('GROQ_BASE_URL=https://gate.example/groq'));
});

test('every snippet of every well-known mapping has its address in it', t => {
  for (const prefix of [...WELL_KNOWN_MAPPINGS.keys(), '/anything']) {
    const snippets = snippetsFor(prefix, `https://gate.example${prefix}`);
    t.deepEqual(
      snippets.map((snippet: { id: string }) => snippet.id),
      ['env', 'curl', 'python', 'javascript'],
    );
    for (const { text } of snippets) t.true(text.includes(`https://gate.example${prefix}`), prefix);
  }
});
