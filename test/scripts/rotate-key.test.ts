import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { Secret } from '../../src/base/secret.ts';
import { readAllKeys } from '../../src/domain/transfer/backup-content.ts';
import { freshKey } from '../admin/pool-harness.ts';
import { clearKeys, openWorkplace } from './operator-harness.ts';

const OLD = '11'.repeat(32);
const NEW = '22'.repeat(32);

test.serial('a key in a file is changed in two steps, the first of which changes no secret', async t => {
  const { folder, run, open } = openWorkplace(t);
  const keys = [freshKey(), freshKey()];
  writeFileSync(join(folder, 'keys.txt'), keys.join('\n'));
  await run('import', ['keys.txt']);
  const file = join(folder, 'data/encryption-key');
  const old = readFileSync(file, 'utf8').trim();

  const prepared = await run('rotate-key');
  t.is(prepared.code, 0, prepared.err);
  t.regex(prepared.out, /Restart Switchyard/);
  const [current = '', previous, ...others] = readFileSync(file, 'utf8').trim().split(',');
  t.is(previous, old);
  t.not(current, old);
  t.deepEqual(others, []);

  const done = await run('rotate-key');
  t.is(done.code, 0, done.err);
  t.regex(done.out, /^Sealed 3 secrets in the embedded database under the new key\nThe old key is gone/);
  t.is(readFileSync(file, 'utf8').trim(), current);
  const { stores, sealer } = await open();
  t.deepEqual([...(await clearKeys(stores, sealer)).keys()].sort(), keys.sort());
  for (const text of [old, current]) {
    t.false((prepared.out + prepared.err + done.out + done.err).includes(text));
  }
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
  t.regex(both.out, /under the new key\nThe old key may be taken out of ENCRYPTION_KEY\n$/);
  const { stores, sealer } = await open(new Secret(NEW));
  t.deepEqual([...(await clearKeys(stores, sealer)).keys()], [key]);
  t.regex((await run('rotate-key', [], { ENCRYPTION_KEY: `${NEW},${OLD}` })).out, /^Sealed 0 secrets/);
});

test.serial('while a secret cannot be opened the old keys are kept', async t => {
  const { folder, run, open } = openWorkplace(t);
  writeFileSync(join(folder, 'keys.txt'), `${freshKey()}\n${freshKey()}`);
  await run('import', ['keys.txt']);
  const { stores } = await open();
  const [first] = (await readAllKeys(stores.pool.keys)).keys();
  await stores.pool.keys.update(first!, { sealed: 'v1:AAAAAAAA:AAAA' });
  await run('rotate-key');
  const file = readFileSync(join(folder, 'data/encryption-key'), 'utf8');
  const done = await run('rotate-key');
  t.is(done.code, 1);
  t.regex(done.err, new RegExp(`rotate: no given key opens these.*${first}`));
  t.is(readFileSync(join(folder, 'data/encryption-key'), 'utf8'), file);
});

test.serial('where there is no key nothing is rotated', async t => {
  const { run } = openWorkplace(t);
  const { code, err } = await run('rotate-key');
  t.is(code, 1);
  t.regex(err, /^rotate: .*encryption-key.*\n$/);
});
