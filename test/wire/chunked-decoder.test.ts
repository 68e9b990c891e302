import test from 'ava';
import fc from 'fast-check';
import { ChunkedDecoder } from '../../src/wire/chunked-decoder.ts';
import { ProtocolError } from '../../src/wire/protocol-error.ts';

/** Decodes text that arrives in the given pieces. */
function decode(pieces: readonly Buffer[]): {
  body: Buffer;
  done: boolean;
  trailers: readonly string[];
  rest: number;
} {
  const decoder = new ChunkedDecoder();
  const parts: Buffer[] = [];
  let rest = 0;
  for (const piece of pieces) {
    if (decoder.done) rest += piece.length;
    else rest += piece.length - decoder.decode(piece, 0, data => parts.push(Buffer.from(data)));
  }
  return { body: Buffer.concat(parts), done: decoder.done, trailers: decoder.trailers, rest };
}

const latin1 = (text: string) => Buffer.from(text, 'latin1');

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const borders = [
    0,
    ...[...new Set(at.map(index => index % (bytes.length + 1)))].sort((a, b) => a - b),
    bytes.length,
  ];
  return borders.slice(1).map((to, index) => bytes.subarray(borders[index], to));
}

test('a body comes out as it went in, however it is cut into chunks and packets', t => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 8 }),
      fc.constantFrom('', ';a=b', ';c="d"', ' '),
      fc.constantFrom('', 'X-Sum: abc\r\n', 'A: 1\r\nB: 2\r\n'),
      fc.array(fc.nat(), { maxLength: 12 }),
      (chunks, extension, trailer, borders) => {
        const framed = chunks.map(chunk =>
          Buffer.concat([
            latin1(`${chunk.length.toString(16)}${extension}\r\n`),
            Buffer.from(chunk),
            latin1('\r\n'),
          ]),
        );
        const bytes = Buffer.concat([...framed, latin1(`0\r\n${trailer}\r\nMORE`)]);
        const result = decode(cut(bytes, borders));
        t.deepEqual(result.body, Buffer.concat(chunks));
        t.true(result.done);
        t.is(result.rest, 4);
        t.is(result.trailers.length, (trailer.match(/\n/g) ?? []).length * 2);
      },
    ),
  );
});

for (const [text, what] of [
  ['3\nabc\r\n0\r\n\r\n', 'a bare LF behind the size'],
  ['3\r\nabcXX0\r\n\r\n', 'data that is longer than its size'],
  ['3\r\nabc\n0\r\n\r\n', 'a bare LF behind the data'],
  ['0x3\r\nabc\r\n', 'a hexadecimal prefix'],
  ['+3\r\nabc\r\n', 'a sign'],
  [' 3\r\nabc\r\n', 'a space before the size'],
  ['\r\n', 'no digit'],
  ['fffffffffffffff\r\n', 'a size beyond all numbers'],
  ['3;a\nb\r\nabc\r\n', 'a bare LF in the extension'],
  ['0\r\nbad line\r\n\r\n', 'a trailer that is no field'],
  [`3;${'a'.repeat(20_000)}\r\n`, 'an endless extension'],
  [`0\r\nA: ${'a'.repeat(70_000)}`, 'an endless trailer'],
] as const) {
  test(`chunked framing with ${what} is refused`, t => {
    t.throws(() => decode([latin1(text)]), { instanceOf: ProtocolError });
  });
}
