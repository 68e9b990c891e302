import test from 'ava';
import fc from 'fast-check';
import { AppError } from '../../src/base/errors.ts';
import {
  ALGORITHM_NAMES,
  DEFAULT_POOL_CONFIG,
  POOL_CONFIG_NAMES,
  parsePoolConfigChange,
} from '../../src/domain/pool/pool-config.ts';
import { keyLines } from '../../src/domain/transfer/key-lines.ts';
import { loadModule } from '../support/browser.ts';

const { partsOf } = await loadModule('console/keys/batch.js');
const { keysAddress, readFilters, writeFilters } = await loadModule('console/keys/filters.js');
const { moved } = await loadModule('console/pools/order.js');
const { algorithms, changeOf, parsedValue, settingFields, valueAt } = await loadModule(
  'console/settings/fields.js',
);
const { bordersOf, STEPS, stepOf } = await loadModule('console/tokens/heat-scale.js');

const { successRate } = await loadModule('pool/success-rate.js');

interface Field {
  readonly name: string;
  readonly kind: string;
  readonly least?: number;
  readonly most?: number;
  readonly needs?: string;
}

const pastedLine = fc
  .array(fc.constantFrom('sk-a', 'sk-b', ' ', ',', ';', '#', '"', "'", '\t', '\uFEFF'), { maxLength: 8 })
  .map(parts => parts.join(''));
const pasted = fc
  .tuple(fc.array(pastedLine, { maxLength: 30 }), fc.constantFrom('\n', '\r\n', '\r'))
  .map(([lines, end]) => lines.join(end));

test('a pasted text is cut into parts that hold the same keys at the same lines as the whole', t => {
  fc.assert(
    fc.property(pasted, fc.integer({ min: 1, max: 7 }), (text, most) => {
      const parts: { text: string; before: number }[] = partsOf(text, most);
      const found = parts.flatMap(part =>
        [...keyLines(part.text)].map(({ line, text: key }) => ({ line: line + part.before, text: key })),
      );
      t.deepEqual(found, [...keyLines(text)]);
    }),
  );
});

test('the keys of a pasted text are counted as the server counts them', t => {
  fc.assert(
    // Quotes around nothing are the server's alone to judge.
    fc.property(
      pasted.map(text => text.replaceAll(/["']/g, '')),
      text => {
        const counted = partsOf(text).reduce((sum: number, part: { keys: number }) => sum + part.keys, 0);
        t.is(counted, [...keyLines(text)].length);
      },
    ),
  );
});

test('filters come out of an address as they went in', t => {
  const text = fc.string({ maxLength: 12 });
  fc.assert(
    fc.property(
      text,
      text,
      text,
      text,
      fc.integer({ min: 1, max: 10_000 }),
      (status, pool, provider, q, page) => {
        const filters = { status, pool, provider, q, page };
        t.deepEqual(readFilters(keysAddress(filters)), filters);
      },
    ),
  );
  t.deepEqual(readFilters('#/keys?page=-3&status=banned'), {
    status: 'banned',
    pool: '',
    provider: '',
    q: '',
    page: 1,
  });
  t.is(writeFilters({ status: '', page: 1 }), '');
});

test('a pool that moves leaves the others in their order', t => {
  const list = fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(list, fc.nat(), fc.integer({ min: -3, max: 12 }), (items, pick, to) => {
      const from = pick % items.length;
      const after: string[] = moved(items, from, to);
      const item = items[from]!;
      t.deepEqual(
        after.filter(each => each !== item),
        items.filter(each => each !== item),
      );
      t.is(after.indexOf(item), Math.max(0, Math.min(items.length - 1, to)));
    }),
  );
});

test('the settings of the console are those of the server, with the same algorithms', t => {
  t.deepEqual(settingFields.map(({ name }: Field) => name).sort(), [...POOL_CONFIG_NAMES].sort());
  t.deepEqual(algorithms, ALGORITHM_NAMES);
  for (const { name, kind, needs } of settingFields as Field[]) {
    const kindOfDefault = { string: 'choice', boolean: 'flag', number: 'integer' } as Record<string, string>;
    t.is(kindOfDefault[typeof valueAt(DEFAULT_POOL_CONFIG, name)], kind, name);
    if (needs !== undefined) t.is(typeof valueAt(DEFAULT_POOL_CONFIG, needs), 'boolean', needs);
  }
});

function serverTakes(name: string, value: unknown): boolean {
  try {
    parsePoolConfigChange(changeOf(new Map([[name, value]])));
    return true;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return false;
  }
}

test('the console takes exactly the numbers that the server takes', t => {
  for (const field of settingFields as Field[]) {
    if (field.kind !== 'integer') continue;
    const { least = 0, most = 0, name } = field;
    for (const value of [least - 1, least, most, most + 1]) {
      t.is(parsedValue(field, String(value)) !== undefined, serverTakes(name, value), `${name} ${value}`);
    }
    for (const text of ['', '-', '1.5', '1e3', 'x', '∞'])
      t.is(parsedValue(field, text), undefined, `${name} ${text}`);
    t.is(parsedValue(field, ` ${least} `), least);
  }
});

test('a change of settings is nested as the server wants it, and null takes a value back', t => {
  const change = changeOf(
    new Map<string, unknown>([
      ['algorithm', 'random'],
      ['retry.max', 2],
      ['retry.delayMs', null],
    ]),
  );
  t.deepEqual(change, { algorithm: 'random', retry: { max: 2, delayMs: null } });
  t.is(parsePoolConfigChange(change).size, 3);
});

test('each colour of the heat map stands for about as many hours, whatever the busiest one had', t => {
  const values = [Array.from({ length: 100 }, (_, index) => index + 1), [1_000_000_000]];
  const borders = bordersOf(values);
  const counts = new Array(STEPS + 1).fill(0);
  for (const value of values.flat()) counts[stepOf(value, borders)] += 1;
  t.is(counts[0], 0);
  t.true(
    counts.slice(1).every(count => count >= 19 && count <= 22),
    String(counts),
  );
  t.is(stepOf(0, borders), 0);
  t.is(stepOf(5, bordersOf([[5]])), 1, 'a lone hour has a colour');
  t.is(stepOf(0, bordersOf([])), 0);
});

test('how well a key does is told by its last tries, before there were any by all that is known', t => {
  const none = { requests: 0, successes: 0, failures: 0 };
  const good = { requests: 10, successes: 9, failures: 0 };
  const bad = { requests: 3, successes: 1, failures: 3 };
  t.is(successRate({ ...none, allTime: none }), undefined);
  t.is(successRate({ ...none, allTime: null }), undefined);
  t.is(successRate({ ...none, allTime: bad }), 0.25);
  t.is(
    successRate({ ...bad, allTime: good }),
    0.25,
    'another key answered in the end: it shows nowhere else',
  );
  t.is(successRate({ ...good, allTime: null }), 1);
});
