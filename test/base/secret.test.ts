import { format, inspect } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import { Secret } from '../../src/base/secret.ts';

const secret = new Secret('correct-horse-battery');

test('a secret shows stars wherever it is printed', t => {
  const printed = [
    String(secret),
    `${secret}`,
    JSON.stringify({ secret }),
    inspect(secret),
    inspect({ deep: { secret } }, { depth: 5, showHidden: true }),
    format('%s %o %j', secret, secret, secret),
    Object.values(secret).join(),
    new Error(`token ${secret}`).message,
  ];
  for (const text of printed) t.notRegex(text, /horse/);
  t.is(JSON.stringify(secret), '"***"');
});

test('a secret is revealed only when asked', t => {
  t.is(secret.reveal(), 'correct-horse-battery');
});

test('a secret matches its own text and nothing else', t => {
  t.true(secret.matches('correct-horse-battery'));
  for (const wrong of [
    '',
    'correct-horse-batterz',
    'correct-horse-batter',
    'correct-horse-battery ',
    '***',
  ]) {
    t.false(secret.matches(wrong), wrong);
  }
});

test('texts of any length and letters are compared exactly', t => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (own, other) => {
      t.is(new Secret(own).matches(other), own === other);
    }),
  );
  t.pass();
});
