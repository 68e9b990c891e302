import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'ava';
import { Secret } from '../../src/base/secret.ts';
import { readAllKeys } from '../../src/domain/transfer/backup-content.ts';
import { freshKey } from '../admin/pool-harness.ts';
import { clearKeys, openWorkplace } from './operator-harness.ts';

const OLD = '11'.repeat(32);
const NEW = '22'.repeat(32);

test.serial('a key in a file is changed by one command, which shows neither', async t => {
  const { folder, run, open } = openWorkplace(t);
  const keys = [freshKey(), freshKey()];
  writeFileSync(join(folder, 'keys.txt'), keys.join('\n'));
  await run('import', ['keys.txt']);
  const file = join(folder, 'data/encryption-key');
  const old = readFileSync(file, 'utf8').trim();

  const { code, out, err } = await run('rotate-key');
  t.is(code, 0, err);
  t.regex(out, /^Sealed 3 secrets in the embedded database under the new key\nThe old key is gone/);
  const current = readFileSync(file, 'utf8').trim();
  t.is(Buffer.from(current, 'base64').length, 32);
  t.not(current, old);
  const { stores, sealer } = await open();
  t.deepEqual([...(await clearKeys(stores, sealer)).keys()].sort(), keys.sort());
  for (const text of [old, current]) t.false((out + err).includes(text));
});

test.serial('a rotation of a key in a file that was killed goes on with the key it had made', async t => {
  const { folder, run, start, open } = openWorkplace(t);
  const key = freshKey();
  writeFileSync(join(folder, 'keys.txt'), key);
  await run('import', ['keys.txt']);
  const file = join(folder, 'data/encryption-key');
  const child = start('rotate-key');
  const [line] = await once(createInterface({ input: child.stderr! }), 'line');
  t.regex(String(line), /A new key stands first/);
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  const [made] = readFileSync(file, 'utf8').trim().split(',');
  const done = await run('rotate-key');
  t.is(done.code, 0, done.err);
  t.is(readFileSync(file, 'utf8').trim(), made!);
  const { stores, sealer } = await open();
  t.deepEqual([...(await clearKeys(stores, sealer)).keys()], [key]);
});

test.serial('a key that opens nothing is not changed for another one', async t => {
  const { folder, run } = openWorkplace(t);
  writeFileSync(join(folder, 'keys.txt'), freshKey());
  await run('import', ['keys.txt']);
  const file = join(folder, 'data/encryption-key');
  writeFileSync(file, OLD);
  const { code, err } = await run('rotate-key');
  t.is(code, 1);
  t.regex(err, /^rotate: Expected the encryption key /);
  t.is(readFileSync(file, 'utf8'), OLD);
});

test.serial('a key in the environment is changed by whoever set it, and the command says how', async t => {
  const { folder, run, open } = openWorkplace(t);
  const key = freshKey();
  writeFileSync(join(folder, 'keys.txt'), key);
  await run('import', ['keys.txt'], { ENCRYPTION_KEY: OLD });
  const alone = await run('rotate-key', [], { ENCRYPTION_KEY: OLD });
  t.is(alone.code, 1);
  t.regex(alone.err, /^rotate: Expected the new and the old key in ENCRYPTION_KEY, got one key\n/);

  const both = await run('rotate-key', [], { ENCRYPTION_KEY: `${NEW},${OLD}` });
  t.is(both.code, 0, both.err);
  t.regex(both.out, /^Sealed 2 secrets .* under the new key\nNow put the new key alone into ENCRYPTION_KEY/);
  const { stores, sealer } = await open(new Secret(NEW));
  t.deepEqual([...(await clearKeys(stores, sealer)).keys()], [key]);
  t.regex((await run('rotate-key', [], { ENCRYPTION_KEY: `${NEW},${OLD}` })).out, /^Sealed 0 secrets/);
  const ended = await run('rotate-key', [], { ENCRYPTION_KEY: NEW });
  t.regex(ended.out, /^Sealed 0 secrets.*\nThe old key opens nothing any more/);
  t.regex((await run('rotate-key', [], { ENCRYPTION_KEY: NEW })).err, /got one key/);
});

test.serial('while a secret cannot be opened the old keys are kept', async t => {
  const { folder, run, open } = openWorkplace(t);
  writeFileSync(join(folder, 'keys.txt'), `${freshKey()}\n${freshKey()}`);
  await run('import', ['keys.txt']);
  const { stores } = await open();
  const [first] = (await readAllKeys(stores.pool.keys)).keys();
  await stores.pool.keys.update(first!, { sealed: 'v1:AAAAAAAA:AAAA' });
  const old = readFileSync(join(folder, 'data/encryption-key'), 'utf8').trim();
  const done = await run('rotate-key');
  t.is(done.code, 1);
  t.regex(done.err, new RegExp(`rotate: no given key opens these.*${first}`));
  const [current, previous] = readFileSync(join(folder, 'data/encryption-key'), 'utf8').trim().split(',');
  t.is(previous, old);
  t.not(current, old);
  // Once it is gone the rotation ends.
  await stores.pool.keys.remove([first!]);
  t.is((await run('rotate-key')).code, 0);
  t.is(readFileSync(join(folder, 'data/encryption-key'), 'utf8').trim(), current!);
});

test.serial('where there is no key nothing is rotated', async t => {
  const { run } = openWorkplace(t);
  const { code, err } = await run('rotate-key');
  t.is(code, 1);
  t.regex(err, /^rotate: .*encryption-key.*\n$/);
});
