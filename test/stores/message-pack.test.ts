import test from 'ava';
import fc from 'fast-check';
import { pack, unpackCounts } from '../../src/stores/redis/message-pack.ts';

test('counts come back as they were packed, at every width of number, text and map', t => {
  const amount = fc.oneof(
    fc.maxSafeNat(),
    fc.constantFrom(0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
  );
  const name = fc.string({ unit: 'grapheme', maxLength: 40 }).filter(text => text !== '__proto__');
  fc.assert(
    fc.property(fc.dictionary(name, amount, { maxKeys: 40, noNullPrototype: true }), counts => {
      t.deepEqual(unpackCounts(pack(new Map(Object.entries(counts)))), counts);
    }),
  );
});

test('what is no count is refused', t => {
  for (const amount of [-1, 0.5, Number.NaN, 2 ** 53])
    t.throws(() => pack(amount), { instanceOf: RangeError });
  for (const bytes of [[0xc0], [0x81, 0x01, 0x01], [0x81, 0xa1, 0x61, 0xc3], []]) {
    t.throws(() => unpackCounts(Buffer.from(bytes)), { instanceOf: RangeError });
  }
});

test('a double, which a script may write for a large sum, is read', t => {
  const bytes = Buffer.from([0x81, 0xa1, 0x61, 0xcb, 0, 0, 0, 0, 0, 0, 0, 0]);
  bytes.writeDoubleBE(2 ** 52, 4);
  t.deepEqual(unpackCounts(bytes), { a: 2 ** 52 });
});
