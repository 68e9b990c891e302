import test from 'ava';
import fc from 'fast-check';
import { EventSplitter } from '../../src/openai/event-splitter.ts';
import { cutAt, oneByOne, places, pushAll } from './pieces.ts';

interface Seen {
  readonly data: string;
  readonly name: string;
  readonly cut: boolean;
}

function split(pieces: readonly Buffer[], limitBytes = 64 * 1024): { seen: Seen[]; splitter: EventSplitter } {
  const seen: Seen[] = [];
  const splitter = new EventSplitter(limitBytes, (data, name, cut) =>
    seen.push({ data: data.toString(), name, cut }),
  );
  pushAll(pieces, piece => splitter.push(piece));
  return { seen, splitter };
}

for (const [shows, text, expected] of [
  ['one data line', 'data: a\n\n', [['a', '']]],
  ['a name', 'event: x\ndata: a\n\n', [['a', 'x']]],
  ['a name after the data', 'data: a\nevent: x\n\n', [['a', 'x']]],
  [
    'a name of one event only',
    'event: x\ndata: a\n\ndata: b\n\n',
    [
      ['a', 'x'],
      ['b', ''],
    ],
  ],
  ['data over several lines', 'data: a\ndata: b\ndata:\ndata: c\n\n', [['a\nb\n\nc', '']]],
  ['data without a space', 'data:a\n\n', [['a', '']]],
  ['only the first space taken off', 'data:  a\n\n', [[' a', '']]],
  ['a data line without a colon', 'data\n\n', [['', '']]],
  ['an empty data line', 'data:\n\n', [['', '']]],
  ['a field that only begins like data', 'database: a\ndatas\n\n', []],
  ['comments and other fields left out', ': hello\nid: 1\nretry: 5\ndata: a\n\n', [['a', '']]],
  ['comments alone', ': keep-alive\n\n: keep-alive\n\n', []],
  ['a name without data', 'event: x\n\ndata: a\n\n', [['a', '']]],
  ['CRLF', 'event: x\r\ndata: a\r\ndata: b\r\n\r\n', [['a\nb', 'x']]],
  ['CR', 'event: x\rdata: a\rdata: b\r\r', [['a\nb', 'x']]],
  [
    'mixed line ends',
    'data: a\r\n\ndata: b\r\rdata: c\n\r\n',
    [
      ['a', ''],
      ['b', ''],
      ['c', ''],
    ],
  ],
  [
    'many blank lines',
    '\n\n\ndata: a\n\n\n\n\ndata: b\n\n',
    [
      ['a', ''],
      ['b', ''],
    ],
  ],
  [
    'a byte order mark',
    '\uFEFFdata: a\n\ndata: b\n\n',
    [
      ['a', ''],
      ['b', ''],
    ],
  ],
  ['characters of several bytes', 'data: 你好 🌊\n\n', [['你好 🌊', '']]],
] as const) {
  test(`events with ${shows} are read, however they are cut`, t => {
    const bytes = Buffer.from(text);
    const wanted = expected.map(([data, name]) => ({ data, name, cut: false }));
    t.deepEqual(split([Buffer.from(bytes)]).seen, wanted);
    t.deepEqual(split(oneByOne(bytes)).seen, wanted);
    for (let place = 1; place < bytes.length; place += 1) {
      t.deepEqual(split(cutAt(bytes, [place])).seen, wanted, `cut at ${place}`);
    }
  });
}

test('an event whose blank line is missing is reported at the end of the stream, once', t => {
  const { seen, splitter } = split([Buffer.from('data: a\n\nevent: x\ndata: b')]);
  t.deepEqual(
    seen.map(event => event.data),
    ['a'],
  );
  splitter.end();
  splitter.end();
  t.deepEqual(
    seen.map(event => event.data),
    ['a', 'b'],
  );
  t.is(seen[1]!.name, 'x');
});

test('idle is between events only', t => {
  const { splitter } = split([]);
  t.true(splitter.idle);
  for (const part of ['d', 'ata: a', '\n']) {
    splitter.push(Buffer.from(part));
    t.false(splitter.idle, part);
  }
  splitter.push(Buffer.from('\n'));
  t.true(splitter.idle);
  splitter.push(Buffer.from('event: x\n'));
  t.false(splitter.idle);
});

test('of an event past the limit the end is kept, and the events after it are whole', t => {
  const text = `data: ${'x'.repeat(5000)}END\n\ndata: next\n\n`;
  for (const pieces of [
    [Buffer.from(text)],
    oneByOne(Buffer.from(text)),
    cutAt(Buffer.from(text), [3, 4990]),
  ]) {
    const { seen } = split(pieces, 1000);
    t.is(seen.length, 2);
    t.true(seen[0]!.data.endsWith('xEND'));
    if (seen[0]!.cut) t.is(seen[0]!.data.length, 1000);
    else t.is(seen[0]!.data.length, 5003);
    t.deepEqual(seen[1], { data: 'next', name: '', cut: false });
  }
});

test('a comment past the limit is no event and hurts none', t => {
  const text = `: ${'x'.repeat(5000)}\ndata: a\n\n`;
  for (const pieces of [[Buffer.from(text)], oneByOne(Buffer.from(text))]) {
    t.deepEqual(split(pieces, 100).seen, [{ data: 'a', name: '', cut: false }]);
  }
});

const line = fc.oneof(
  fc.record({ field: fc.constantFrom('data', 'event'), value: fc.string({ maxLength: 12 }) }),
  fc.record({ field: fc.constantFrom('', 'id', 'dat', 'data2'), value: fc.string({ maxLength: 8 }) }),
);
const event = fc.array(line, { minLength: 1, maxLength: 4 });

test('any stream, with any line ends and cut anywhere, gives the events that were written', t => {
  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 6 }),
      fc.constantFrom('\n', '\r\n', '\r'),
      places(),
      (events, lineEnd, cuts) => {
        const clean = events.map(lines =>
          lines.map(({ field, value }) => ({ field, value: value.replaceAll(/[\r\n]/g, '') })),
        );
        const text = clean
          .map(lines => [...lines.map(({ field, value }) => `${field}: ${value}`), '', ''].join(lineEnd))
          .join('');
        const wanted = clean
          .filter(lines => lines.some(({ field }) => field === 'data'))
          .map(lines => ({
            data: lines
              .filter(({ field }) => field === 'data')
              .map(({ value }) => value)
              .join('\n'),
            name: lines.findLast(({ field }) => field === 'event')?.value ?? '',
            cut: false,
          }));
        t.deepEqual(split(cutAt(Buffer.from(text), cuts)).seen, wanted);
      },
    ),
    { numRuns: 300 },
  );
});
