import test from 'ava';
import { AppError } from '../../../src/base/errors.ts';
import { groupIdFor, isGroupId } from '../../../src/domain/pool/group-text.ts';
import { hintOf, newKeyId, parseKeyText, withoutKey } from '../../../src/domain/pool/key-text.ts';

test('a hint shows the vendor and the last four characters, of a long key alone', t => {
  const body = 'abcdefghijklmnopqrstuvwx1234';
  for (const [key, hint] of [
    [`sk-${body}`, 'sk-…1234'],
    [`sk-ant-${body}`, 'sk-ant-…1234'],
    [`sk-proj-${body}`, 'sk-proj-…1234'],
    [`AIza${body}`, 'AIza…1234'],
    [`AQ.${body}`, 'AQ.…1234'],
    [`xai-${body}`, 'xai-…1234'],
    [`fk-${body}`, 'fk-…1234'],
    [body, '…1234'],
    [`a-b-c-d-e-f-${body}`, 'a-b-…1234'],
    ['x'.repeat(24), '…xxxx'],
    ['x'.repeat(23), '…'],
    ['sk-1', '…'],
  ] as const) {
    t.is(hintOf(key), hint);
  }
});

test('a hint leaves at least eight characters of any key unknown', t => {
  for (let length = 1; length < 60; length += 1) {
    for (const letter of ['a', '-', '_', 'a-', 'abcde-', 'A1']) {
      const key = letter.repeat(60).slice(0, length);
      const shown = hintOf(key).replace('…', '').length;
      t.true(shown === 0 || length - shown >= 8, `${key} ${hintOf(key)}`);
    }
  }
});

test('a key may be anything that stands in a header field', t => {
  t.is(parseKeyText('  sk-a:b|c+/=~"\\ '), 'sk-a:b|c+/=~"\\');
  for (const bad of [undefined, null, 7, {}, '', ' ', 'a b', 'a\tb', 'a\nb', 'a\0b', 'é', 'x'.repeat(4097)]) {
    const error = t.throws(() => parseKeyText(bad), { instanceOf: AppError });
    t.is(error.field, 'key');
    if (typeof bad === 'string' && bad.trim() !== '') t.false(error.message.includes(bad));
  }
});

test('a key in a text gives way to its hint; a short one may be a word', t => {
  const key = `sk-${'k'.repeat(30)}`;
  t.is(withoutKey(`one ${key}, two ${key}`, key), 'one sk-…kkkk, two sk-…kkkk');
  t.is(withoutKey('ollama on the desk', 'ollama'), 'ollama on the desk');
});

test('ids sort as they were made', t => {
  const ids = [999, 999, 1000, 1_800_000_000_000, 1_800_000_000_000].map(newKeyId);
  t.deepEqual([...ids].sort(), ids);
  t.is(new Set(ids).size, ids.length);
  t.true(ids.every(id => /^k[0-9a-z]{23}$/.test(id)));
});

test('an id of a group is made from its name, and is always one that is allowed', t => {
  t.is(groupIdFor('Free Keys', new Set()), 'free-keys');
  t.is(groupIdFor('Free Keys', new Set(['free-keys', 'free-keys-2'])), 'free-keys-3');
  t.is(groupIdFor('白嫖池', new Set()), 'pool-2');
  for (const name of ['', '-', '..', 'x'.repeat(500), '__proto__', 'A/B?c#d', ' é ']) {
    t.true(isGroupId(groupIdFor(name, new Set())), name);
  }
});
