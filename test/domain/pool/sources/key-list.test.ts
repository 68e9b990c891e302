import test from 'ava';
import { parseKeyList } from '../../../../src/domain/pool/sources/key-list.ts';
import { digestOf, listedKey, loginKey } from '../../../../src/domain/pool/sources/source-key.ts';
import { detectProvider } from '../../../../src/openai/providers.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

test('keys stand one a line, with comments and empty lines between them', t => {
  const text =
    '\u{feff}# our keys\nfk-one\r\n\n  fk-two  \n#fk-off\nfk-three # of team A\n\tfk-four\t#x\rfk-five#not-a-comment';
  t.deepEqual(parseKeyList(bytes(text)), {
    keys: ['fk-one', 'fk-two', 'fk-three', 'fk-four', 'fk-five#not-a-comment'],
    badLines: [],
    repeated: 0,
  });
});

test('a line that is no key is told by its number, a key that comes twice counts once', t => {
  const text = ['fk-one', 'two words', 'fk-one', 'schlüssel', 'x'.repeat(5000), 'fk-two'].join('\n');
  t.deepEqual(parseKeyList(bytes(text)), { keys: ['fk-one', 'fk-two'], badLines: [2, 4, 5], repeated: 1 });
});

test('an empty file is a list without keys, a file that is no text is none', t => {
  t.deepEqual(parseKeyList(bytes('')), { keys: [], badLines: [], repeated: 0 });
  t.is(parseKeyList(Uint8Array.of(0x66, 0x6b, 0xff, 0xfe)), undefined);
  t.is(parseKeyList(bytes('fk-one\0\0\0')), undefined);
});

test('100,000 lines are read at once', t => {
  const lines = Array.from({ length: 100_000 }, (_, number) => `fk-${number}`);
  t.deepEqual(parseKeyList(bytes(lines.join('\n')))!.keys, lines);
});

test('a key is known by the same id everywhere, which says nothing of it', t => {
  const text = 'sk-ant-0123456789abcdefghij';
  const key = listedKey('environment', text, detectProvider);
  t.like(key, {
    id: `env-${digestOf(text)}`,
    source: 'environment',
    hint: 'sk-ant-…ghij',
    provider: 'anthropic',
    pool: 'default',
    status: 'active',
    baseUrl: undefined,
    quotaTokens: undefined,
  });
  t.is(key.secret.reveal(), text);
  t.is(listedKey('environment', text, detectProvider).id, key.id);
  t.not(listedKey('environment', `${text}x`, detectProvider).id, key.id);
  t.true(listedKey('file', text, detectProvider).id.startsWith('file-'));
  t.false(JSON.stringify(key).includes(text));
});

test('the token of a login belongs to Factory unless its format names another vendor', t => {
  const provider = (text: string) => loginKey('oauth', text, detectProvider).provider;
  t.is(provider('eyJhbGciOiJSUzI1NiJ9.e30.c2ln'), 'factory');
  t.is(provider('opaque-token'), 'factory');
  t.is(provider('fk-key'), 'factory');
  t.is(provider('sk-ant-key'), 'anthropic');
  t.is(provider('sk-key'), 'openai');
  t.is(loginKey('auth-file', 'one', detectProvider).id, loginKey('auth-file', 'two', detectProvider).id);
});
