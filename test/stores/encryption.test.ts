import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { AppError } from '../../src/base/errors.ts';
import { Secret } from '../../src/base/secret.ts';
import {
  type EncryptionKeySource,
  loadEncryptionKey,
  openEncryption,
  saveEncryptionKeys,
} from '../../src/stores/encryption.ts';
import { announceKey, announcementFor, withdrawKey } from '../../src/stores/next-key.ts';
import type { PoolStores } from '../../src/stores/pool-types.ts';
import { rotateKeys } from '../../src/stores/rotate.ts';
import { createSealer } from '../../src/stores/sealing.ts';
import { openSqlite } from '../../src/stores/sqlite/open-sqlite.ts';
import { capturedLog } from '../support/captured-log.ts';
import { keyOf } from './pool-keys.ts';

const OLD = Buffer.alloc(32, 1);
const NEW = Buffer.alloc(32, 2);
const setTo = (...keys: Buffer[]) => new Secret(keys.map(key => key.toString('hex')).join(','));

function folderOf(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-encryption-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A store and what names the key; `kind` says as what the store counts. */
async function place(t: ExecutionContext, kind: EncryptionKeySource['kind'] = 'sqlite') {
  const folder = folderOf(t);
  const stores = await openSqlite(folder);
  t.teardown(() => stores.close());
  const captured = capturedLog();
  const { pool } = stores;
  return {
    folder,
    file: join(folder, 'encryption-key'),
    pool,
    lines: captured.lines,
    open: (configured?: Secret, over: Partial<PoolStores> = {}) =>
      openEncryption({ configured, kind, folder, log: captured.log, pool: { ...pool, ...over } }),
  };
}

test('beside the embedded store the first start generates a key for the owner alone; the log says where, never what', async t => {
  const { file, folder, lines, open } = await place(t);
  const first = await open();
  const text = readFileSync(file, 'utf8');
  t.is(Buffer.from(text, 'base64').length, 32);
  t.is(statSync(file).mode & 0o777, 0o600);
  t.deepEqual(
    readdirSync(folder).filter(name => name.startsWith('encryption')),
    ['encryption-key'],
  );
  t.true(lines.join().includes(file));
  t.false(lines.join().includes(text.trim()));
  const again = await open();
  t.is(again.sealer.open('a', first.sealer.seal('a', 'text')), 'text');
  t.is(readFileSync(file, 'utf8'), text);
});

test('of several processes that start at once all have the key of one', async t => {
  const { open } = await place(t);
  const all = await Promise.all(Array.from({ length: 8 }, () => open()));
  t.is(new Set(all.map(({ sealer }) => sealer.fingerprint('x'))).size, 1);
});

test('a configured key is used and no file is written', async t => {
  const { file, open } = await place(t);
  const { sealer } = await open(setTo(OLD));
  t.is(createSealer({ current: OLD }).open('a', sealer.seal('a', 'x')), 'x');
  t.false(existsSync(file));
});

test('the wrong key does not start, whether or not a secret is stored yet', async t => {
  const { open, pool } = await place(t);
  await open(setTo(OLD));
  const message =
    /^Expected the encryption key .* to be the one that the stored secrets are sealed under, got another one$/;
  t.regex((await t.throwsAsync(open(setTo(NEW)), { code: 'ERR_ENCRYPTION_KEY' })).message, message);
  await pool.keys.add([keyOf(1)]);
  const error = await t.throwsAsync(open(setTo(NEW)), { code: 'ERR_ENCRYPTION_KEY' });
  t.notRegex(error.message, /\n/);
  await t.notThrowsAsync(open(setTo(OLD)));
  await t.notThrowsAsync(open(setTo(NEW, OLD)));
});

test('where secrets are stored and the key file is gone, none is generated', async t => {
  const { file, open, pool } = await place(t);
  const { sealer } = await open();
  await pool.keys.add([keyOf(1, { sealed: sealer.seal('key-1', 'x') })]);
  const kept = readFileSync(file, 'utf8');
  rmSync(file);
  const error = await t.throwsAsync(open(), { code: 'ERR_ENCRYPTION_KEY' });
  t.true(error.message.includes(file) && error.message.includes('put it back'));
  t.false(existsSync(file));
  writeFileSync(file, kept);
  t.is((await open()).sealer.open('key-1', (await pool.keys.changes(0, 1)).changed[0]!.sealed), 'x');
});

test('a key file with something else is an error that names it and does not show it', async t => {
  const { file, open } = await place(t);
  writeFileSync(file, 'not-a-key-but-secret\n');
  const error = await t.throwsAsync(open(), { code: 'ERR_ENCRYPTION_KEY' });
  t.true(error.message.includes(file) && error.message.includes('64 hex digits or base64'));
  t.notRegex(error.message, /not-a-key/);
});

test('a key file that others may read is warned of', async t => {
  const { file, lines, open } = await place(t);
  await open();
  chmodSync(file, 0o644);
  await open();
  t.is(lines.filter(line => line.includes('0600')).length, 1);
});

test('a folder that cannot be used is one clear line', async t => {
  const folder = join(folderOf(t), 'file');
  writeFileSync(folder, '');
  const options = {
    configured: undefined,
    kind: 'sqlite',
    folder,
    log: capturedLog().log,
    isUsed: false,
  } as const;
  const error = await t.throwsAsync(loadEncryptionKey(options), { code: 'ERR_ENCRYPTION_KEY' });
  t.regex(error.message, /set ENCRYPTION_KEY or mend DATA_DIR$/);
});

test('with Redis and no key the program starts, and sealing says what to set', async t => {
  const { file, open, pool } = await place(t, 'redis');
  const { sealer, verify } = await open();
  t.false(existsSync(file));
  t.deepEqual(await pool.sealed.names(), []);
  await t.notThrowsAsync(verify());
  t.throws(() => sealer.seal('key-1', 'sk-1'), {
    code: 'ERR_ENCRYPTION_KEY',
    message: /`ENCRYPTION_KEY` to be set/,
  });
});

test('with Redis, no key and stored secrets the program does not start', async t => {
  const { open, pool } = await place(t, 'redis');
  const { sealer } = await open(setTo(OLD));
  await t.notThrowsAsync(open(), 'an instance that has a key but no secret yet keeps nobody from starting');
  await pool.sealed.replace('oauth', sealer.seal('oauth', 'token'), 0);
  await t.throwsAsync(open(), { code: 'ERR_ENCRYPTION_KEY', message: /holds secrets/ });
});

test('a store that is away at start is compared with before the first use, and keeps nothing from starting', async t => {
  const { lines, open, pool } = await place(t, 'redis');
  await open(setTo(OLD));
  let isAway = true;
  const sealed: PoolStores['sealed'] = {
    ...pool.sealed,
    read: async name => {
      if (isAway) throw new AppError('ERR_STORE_UNAVAILABLE', 'away');
      return pool.sealed.read(name);
    },
  };
  const right = await open(setTo(OLD), { sealed });
  const wrong = await open(setTo(NEW), { sealed });
  t.is(lines.filter(line => line.includes('checked before the first use')).length, 2);
  await t.throwsAsync(right.verify(), { code: 'ERR_STORE_UNAVAILABLE' });
  isAway = false;
  await t.notThrowsAsync(right.verify());
  await t.throwsAsync(wrong.verify(), { code: 'ERR_ENCRYPTION_KEY' });
});

test('of two processes with different keys that come first at once, one is refused', async t => {
  const { open } = await place(t);
  const outcomes = await Promise.allSettled([open(setTo(OLD)), open(setTo(NEW))]);
  t.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
});

test('until a rotation is done the old key is needed to start, after it the new one will do', async t => {
  const { open, pool } = await place(t);
  const { sealer: old } = await open(setTo(OLD));
  await pool.keys.add([keyOf(1, { sealed: old.seal('key-1', 'x') })]);
  const { sealer } = await open(setTo(NEW, OLD));
  await t.throwsAsync(open(setTo(NEW)), { code: 'ERR_ENCRYPTION_KEY' });
  await rotateKeys(pool, sealer);
  const { sealer: fresh } = await open(setTo(NEW));
  t.is(fresh.open('key-1', (await pool.keys.changes(0, 1)).changed[0]!.sealed), 'x');
  await t.throwsAsync(open(setTo(OLD)), { code: 'ERR_ENCRYPTION_KEY' });
});

test('the keys in the file can be replaced, for this user alone', async t => {
  const { file, folder, open } = await place(t);
  await saveEncryptionKeys(folder, { current: NEW, previous: [OLD] });
  t.is(statSync(file).mode & 0o777, 0o600);
  const { sealer } = await open();
  t.is(sealer.open('a', createSealer({ current: OLD }).seal('a', 'x')), 'x');
  t.true(sealer.isCurrent(createSealer({ current: NEW }).seal('a', 'x')));
});

const sealedUnder = (key: Buffer) => createSealer({ current: key }).seal('a', 'text');

test('keys that a rotation puts into the file are learned while the process runs, and the old one stays', async t => {
  const { folder, open } = await place(t);
  await saveEncryptionKeys(folder, { current: OLD, previous: [] });
  const { sealer, learn, verify } = await open();
  t.false(await learn());
  t.true(sealer.isCurrent(sealedUnder(OLD)));
  await saveEncryptionKeys(folder, { current: NEW, previous: [OLD] });
  await verify();
  t.true(sealer.isCurrent(sealedUnder(NEW)));
  t.is(sealer.open('a', sealedUnder(OLD)), 'text');
  t.deepEqual(sealer.otherFingerprints('x'), [createSealer({ current: OLD }).fingerprint('x')]);
  t.false(await learn());
});

test('a file that is replaced by a key which opens nothing changes nothing, and is told of once', async t => {
  const { file, folder, lines, open } = await place(t);
  await saveEncryptionKeys(folder, { current: OLD, previous: [] });
  const { sealer, learn } = await open();
  for (const text of [NEW.toString('base64'), 'rubbish', undefined]) {
    if (text === undefined) rmSync(file);
    else writeFileSync(file, text);
    t.false(await learn());
    t.false(await learn());
    t.true(sealer.isCurrent(sealedUnder(OLD)));
  }
  t.is(lines.filter(line => line.includes('opens nothing')).length, 2);
  await saveEncryptionKeys(folder, { current: NEW, previous: [OLD] });
  t.true(await learn());
});

test('a file that changed while a process started is learned with the first look', async t => {
  const { folder, open, pool } = await place(t);
  await saveEncryptionKeys(folder, { current: OLD, previous: [] });
  await open();
  const sealed: PoolStores['sealed'] = {
    ...pool.sealed,
    read: async name => {
      await saveEncryptionKeys(folder, { current: NEW, previous: [OLD] });
      return await pool.sealed.read(name);
    },
  };
  const { sealer, learn } = await open(undefined, { sealed });
  await learn();
  t.true(sealer.isCurrent(sealedUnder(NEW)));
});

test('a key that is announced to those who have the old one is learned by them alone', async t => {
  const { open, pool } = await place(t, 'redis');
  const running = await open(setTo(OLD));
  const both = await open(setTo(NEW, OLD));
  const [under, sealer] = [createSealer({ current: OLD }), createSealer({ current: NEW })];
  t.is(await announcementFor(pool.sealed, under), 'none');
  await announceKey(pool.sealed, { under, next: NEW });
  t.is(await announcementFor(pool.sealed, under), 'own');
  t.is(await announcementFor(pool.sealed, sealer), 'foreign');
  t.false((await pool.sealed.read('encryption-next'))!.sealed.includes(NEW.toString('base64')));
  t.true(await running.learn());
  t.true(running.sealer.isCurrent(sealedUnder(NEW)));
  t.is(running.sealer.open('a', sealedUnder(OLD)), 'text');
  t.false(await running.learn());
  t.false(await both.learn());
  await rotateKeys(pool, both.sealer);
  // Until it is withdrawn, a process may start with the old key.
  const late = await open(setTo(OLD));
  t.true(late.sealer.isCurrent(sealedUnder(NEW)));
  await withdrawKey(pool.sealed, sealer);
  t.is(await announcementFor(pool.sealed, sealer), 'none');
  await t.throwsAsync(open(setTo(OLD)), { code: 'ERR_ENCRYPTION_KEY' });
  await t.notThrowsAsync(open(setTo(NEW)));
  t.false(await running.learn());
});

test('an old announcement does not take a process back to the key before', async t => {
  const THIRD = Buffer.alloc(32, 3);
  const { open, pool } = await place(t, 'redis');
  await open(setTo(OLD));
  await announceKey(pool.sealed, { under: createSealer({ current: OLD }), next: NEW });
  const { sealer, learn } = await open(setTo(THIRD, NEW, OLD));
  t.false(await learn());
  t.true(sealer.isCurrent(sealedUnder(THIRD)));
});

test('an announcement alone is no secret that would need a key', async t => {
  const { open, pool } = await place(t, 'redis');
  await announceKey(pool.sealed, { under: createSealer({ current: OLD }), next: NEW });
  await t.notThrowsAsync(open());
});
