import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import { parseEncryptionKeys } from '../../src/config/encryption-key.ts';
import { createSealer, lockedSealer } from '../../src/stores/sealing.ts';

const OLD = Buffer.alloc(32, 1);
const NEW = Buffer.alloc(32, 2);

test('what was sealed opens for the same record, whatever the text', t => {
  const sealer = createSealer({ current: OLD });
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (id, text) => {
      t.is(sealer.open(id, sealer.seal(id, text)), text);
    }),
  );
});

test('the same text is never sealed alike twice, and shows neither itself nor the key', t => {
  const key = randomBytes(32);
  const sealer = createSealer({ current: key });
  const all = Array.from({ length: 200 }, () => sealer.seal('key-1', 'sk-secret-text'));
  t.is(new Set(all).size, 200);
  for (const sealed of all) {
    t.regex(sealed, /^v1:[\w-]{8}:[\w-]+$/);
    t.false(Buffer.from(sealed.split(':')[2]!, 'base64url').includes('sk-secret-text'));
    t.is(sealed.split(':')[1], all[0]!.split(':')[1]);
  }
  const shown = inspect(sealer, { depth: 9, showHidden: true }) + JSON.stringify(sealer);
  for (const encoding of ['hex', 'base64', 'base64url'] as const)
    t.false(shown.includes(key.toString(encoding)));
});

test('a sealed text does not open in another record', t => {
  const sealer = createSealer({ current: OLD });
  const error = t.throws(() => sealer.open('key-2', sealer.seal('key-1', 'sk-secret')), {
    code: 'ERR_SEALED',
  });
  t.notRegex(inspect(error, { depth: 9 }), /sk-secret/);
});

test('a sealed text in which one bit is turned does not open', t => {
  const sealer = createSealer({ current: OLD });
  const [version, keyId, body] = sealer.seal('key-1', 'sk-secret').split(':');
  const bytes = Buffer.from(body!, 'base64url');
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const damaged = Buffer.from(bytes);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    const text = `${version}:${keyId}:${damaged.toString('base64url')}`;
    t.throws(() => sealer.open('key-1', text), { code: 'ERR_SEALED' }, `bit ${bit}`);
  }
});

for (const text of ['', 'sk-clear', 'v1:', 'v1:aaaaaaaa:', 'v2:aaaaaaaa:AAAA', 'v1:a:b:c']) {
  test(`\`${text}\` is no sealed text`, t => {
    t.throws(() => createSealer({ current: OLD }).open('key-1', text), { code: 'ERR_SEALED' });
  });
}

test('a sealed text that is cut off does not open', t => {
  const sealer = createSealer({ current: OLD });
  const sealed = sealer.seal('key-1', 'x');
  for (let length = 0; length < sealed.length; length += 1) {
    t.throws(() => sealer.open('key-1', sealed.slice(0, length)), undefined, `${length}`);
  }
});

test('another key is told apart from damage, in words that name the setting', t => {
  const sealed = createSealer({ current: OLD }).seal('key-1', 'sk-secret');
  const error = t.throws(() => createSealer({ current: NEW }).open('key-1', sealed), {
    code: 'ERR_ENCRYPTION_KEY',
  });
  t.regex(error.message, /ENCRYPTION_KEY/);
});

test('during a rotation both keys open and the new one seals', t => {
  const old = createSealer({ current: OLD });
  const both = createSealer({ current: NEW, previous: [OLD] });
  const fresh = createSealer({ current: NEW });
  const before = old.seal('key-1', 'text');
  t.is(both.open('key-1', before), 'text');
  t.false(both.isCurrent(before));
  const after = both.seal('key-1', 'text');
  t.true(both.isCurrent(after));
  t.is(fresh.open('key-1', after), 'text');
  t.throws(() => old.open('key-1', after), { code: 'ERR_ENCRYPTION_KEY' });
});

test('fingerprints are equal for equal texts under one key alone', t => {
  const old = createSealer({ current: OLD });
  const both = createSealer({ current: NEW, previous: [OLD] });
  t.is(old.fingerprint('sk-1'), createSealer({ current: OLD }).fingerprint('sk-1'));
  t.not(old.fingerprint('sk-1'), old.fingerprint('sk-2'));
  t.not(old.fingerprint('sk-1'), both.fingerprint('sk-1'));
  t.deepEqual(both.otherFingerprints('sk-1'), [old.fingerprint('sk-1')]);
  t.deepEqual(old.otherFingerprints('sk-1'), []);
  t.regex(old.fingerprint('sk-1'), /^[\w-]{43}$/);
});

test('a previous key that is the current one is none', t => {
  const sealer = createSealer({ current: OLD, previous: [OLD] });
  t.deepEqual(sealer.otherFingerprints('sk-1'), []);
  t.is(sealer.open('a', sealer.seal('a', 'x')), 'x');
});

test('without a key everything is refused, and says what to set', t => {
  const uses = [
    () => lockedSealer.seal('a', 'b'),
    () => lockedSealer.open('a', createSealer({ current: OLD }).seal('a', 'b')),
    () => lockedSealer.fingerprint('a'),
    () => lockedSealer.otherFingerprints('a'),
  ];
  for (const use of uses) {
    const error = t.throws(use, { code: 'ERR_ENCRYPTION_KEY' });
    t.regex(error.message, /`ENCRYPTION_KEY` to be set/);
    t.is((error as Error & { status?: number }).status, 503);
  }
});

test('a key is read from hex and from base64 of either alphabet, with and without padding', t => {
  const key = Buffer.from('fbefbe'.padEnd(64, 'f7ef'), 'hex');
  t.true(key.toString('base64').includes('+') && key.toString('base64').includes('/'));
  for (const text of [
    key.toString('hex'),
    key.toString('hex').toUpperCase(),
    key.toString('base64'),
    key.toString('base64').replace('=', ''),
    key.toString('base64url'),
  ]) {
    t.deepEqual(parseEncryptionKeys(text), { current: key, previous: [] }, text);
  }
});

test('several keys are one that seals and others that open', t => {
  t.deepEqual(parseEncryptionKeys(`${NEW.toString('hex')}, ${OLD.toString('base64')}`), {
    current: NEW,
    previous: [OLD],
  });
});

for (const text of [
  '',
  'short',
  'a'.repeat(32),
  'g'.repeat(64),
  'a'.repeat(63),
  'a'.repeat(65),
  `${'a'.repeat(42)}==`,
]) {
  test(`a text of ${text.length} characters that is no 32 bytes is no key: ${text.slice(0, 5)}`, t => {
    t.is(parseEncryptionKeys(text), undefined);
    t.is(parseEncryptionKeys(`${OLD.toString('hex')},${text}`), undefined);
  });
}

test('no nonce is given out twice', t => {
  const sealer = createSealer({ current: OLD });
  const nonces = new Set<string>();
  for (let count = 0; count < 2_000; count += 1) {
    const body = sealer.seal('key-1', 'text').split(':')[2]!;
    nonces.add(Buffer.from(body, 'base64url').subarray(0, 12).toString('hex'));
  }
  t.is(nonces.size, 2_000);
});

test('a text under a known key is told without opening it', t => {
  const sealer = createSealer({ current: NEW, previous: [OLD] });
  t.true(sealer.knows(sealer.seal('key-1', '')));
  t.true(sealer.knows(createSealer({ current: OLD }).seal('key-1', 'text')));
  const [version, keyId] = sealer.seal('key-1', 'text').split(':');
  for (const text of [
    createSealer({ current: randomBytes(32) }).seal('key-1', 'text'),
    `${version}:${keyId}:short`,
    `v2:${keyId}:${'A'.repeat(60)}`,
    'A'.repeat(60),
    '',
  ]) {
    t.false(sealer.knows(text), text);
  }
  t.false(lockedSealer.knows(sealer.seal('key-1', 'text')));
});
