import test from 'ava';
import fc from 'fast-check';
import { AppError } from '../../../src/base/errors.ts';
import { decryptBackup, encryptBackup } from '../../../src/domain/transfer/backup-document.ts';

/** A low cost, since nothing secret is kept by it. */
const QUICK = { nowMs: 1, cost: 2 ** 4 };

test('what was encrypted is decrypted by its passphrase, whatever both are', async t => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'grapheme' }),
      async (content, passphrase) => {
        const document = JSON.parse(JSON.stringify(await encryptBackup(content, passphrase, QUICK)));
        t.is(await decryptBackup(document, passphrase), content.toWellFormed());
      },
    ),
    { numRuns: 50 },
  );
});

test('the same passphrase typed on another keyboard opens it', async t => {
  const document = await encryptBackup('content', 'Ünïcödé pass'.normalize('NFC'), QUICK);
  t.is(await decryptBackup(document, 'Ünïcödé pass'.normalize('NFD')), 'content');
});

test('two backups of the same share neither salt nor nonce', async t => {
  const [first, second] = [await encryptBackup('x', 'y', QUICK), await encryptBackup('x', 'y', QUICK)];
  t.not(first.kdf.salt, second.kdf.salt);
  t.not(first.nonce, second.nonce);
  t.not(first.data, second.data);
});

test('a change of any member is noticed', async t => {
  const document = await encryptBackup('content', 'passphrase', QUICK);
  const flipped = (text: string): string => {
    const bytes = Buffer.from(text, 'base64');
    bytes[0]! ^= 1;
    return bytes.toString('base64');
  };
  for (const [name, changed] of [
    ['createdAtMs', { createdAtMs: 2 }],
    ['nonce', { nonce: flipped(document.nonce) }],
    ['tag', { tag: flipped(document.tag) }],
    ['data', { data: flipped(document.data) }],
    ['no data', { data: '' }],
    ['salt', { kdf: { ...document.kdf, salt: flipped(document.kdf.salt) } }],
    ['cost', { kdf: { ...document.kdf, cost: 2 ** 5 } }],
  ] as const) {
    const error = await t.throwsAsync(decryptBackup({ ...document, ...changed }, 'passphrase'), {
      instanceOf: AppError,
    });
    t.is(error.code, 'ERR_PASSPHRASE', name);
  }
});

test('a document that is none is refused before any work is done for it', async t => {
  const document = await encryptBackup('content', 'passphrase', QUICK);
  for (const bad of [
    undefined,
    null,
    [],
    'text',
    {},
    { ...document, version: '1' },
    { ...document, kdf: undefined },
    { ...document, kdf: { ...document.kdf, name: 'pbkdf2' } },
    { ...document, kdf: { ...document.kdf, cost: 2 ** 19 } },
    { ...document, kdf: { ...document.kdf, cost: -2 } },
    { ...document, kdf: { ...document.kdf, blockSize: 1024 } },
    { ...document, kdf: { ...document.kdf, parallelization: 1e6 } },
    { ...document, kdf: { ...document.kdf, salt: '' } },
    { ...document, nonce: 7 },
    { ...document, tag: document.tag.slice(0, 8) },
    { ...document, data: null },
  ]) {
    const error = await t.throwsAsync(decryptBackup(bad, 'passphrase'), { instanceOf: AppError });
    t.is(error.code, 'ERR_VALIDATION', JSON.stringify(bad));
    t.is(error.field, 'backup');
  }
});
