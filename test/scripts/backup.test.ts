import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { freshKey } from '../admin/pool-harness.ts';
import { clearKeys, openWorkplace } from './operator-harness.ts';

const BACKUP_PASSPHRASE = '正确 horse battery staple';
const withPassphrase = { BACKUP_PASSPHRASE };

test.serial('a backup of one installation makes another one the same', async t => {
  const from = openWorkplace(t);
  const keys = [freshKey(), freshKey('fk-')];
  writeFileSync(join(from.folder, 'keys.txt'), keys.join('\n'));
  await from.run('init');
  await from.run('import', ['keys.txt']);
  const made = await from.run('backup', ['all.json'], withPassphrase);
  t.is(made.code, 0, made.err);
  t.regex(made.out, /^Wrote 2 keys, \d+ mappings and all around them to all\.json\n$/);
  const path = join(from.folder, 'all.json');
  t.is(statSync(path).mode & 0o777, 0o600);
  const text = readFileSync(path, 'utf8');
  for (const secret of [...keys, BACKUP_PASSPHRASE, 'openai']) t.false(text.includes(secret));

  const into = openWorkplace(t);
  writeFileSync(join(into.folder, 'all.json'), text);
  const dry = await into.run('restore', ['all.json', '--dry-run'], withPassphrase);
  t.is(dry.code, 0, dry.err);
  t.regex(dry.out, /Keys: 2 would be added, 0 would change, 0 are as in the backup\nNothing was changed\n$/);
  const { stores, sealer } = await into.open();
  t.is((await clearKeys(stores, sealer)).size, 0);

  // The passphrase may lie in a file, too.
  writeFileSync(join(into.folder, 'passphrase'), `${BACKUP_PASSPHRASE}\n`);
  const done = await into.run('restore', ['all.json', '--passphrase-file', 'passphrase']);
  t.is(done.code, 0, done.err);
  t.regex(
    done.out,
    /Keys: 2 added, 0 changed, 0 are as in the backup\nRestored into the embedded database\n$/,
  );
  t.deepEqual([...(await clearKeys(stores, sealer)).keys()].sort(), keys.sort());
  t.is((await stores.mappings.readAll()).get('/openai'), 'https://api.openai.com');
  const again = await into.run('restore', ['all.json'], withPassphrase);
  t.regex(again.out, /Keys: 0 added, 0 changed, 2 are as in the backup/);
});

test.serial('a backup never overwrites a file, and leaves none behind when it fails', async t => {
  const { folder, run } = openWorkplace(t);
  writeFileSync(join(folder, 'precious.json'), 'precious');
  const refused = await run('backup', ['precious.json'], withPassphrase);
  t.is(refused.code, 1);
  t.regex(refused.err, /backup: EEXIST.*\n$/);
  t.is(readFileSync(join(folder, 'precious.json'), 'utf8'), 'precious');
  for (const [args, environment, words] of [
    [['a.json'], {}, /^backup: Expected a passphrase in BACKUP_PASSPHRASE or by --passphrase-file\n$/],
    [['a.json'], { BACKUP_PASSPHRASE: 'too short' }, /^backup: Expected the passphrase to have 12/],
    [['a.json', '--passphrase-file', 'none'], {}, /^backup: ENOENT/],
    [['a.json', '--passphrase', 'on the command line'], {}, /^backup: .*--passphrase/],
    [['a.json'], { ...withPassphrase, DATA_DIR: '/dev/null/data' }, /^backup: .*DATA_DIR/],
  ] as const) {
    const { code, err } = await run('backup', args, environment);
    t.is(code, 1);
    t.regex(err, words);
  }
  t.false(existsSync(join(folder, 'a.json')));
});

test.serial('a restore that cannot be done changes nothing and says why', async t => {
  const { folder, run, open } = openWorkplace(t);
  const { stores, sealer } = await open();
  await run('backup', ['all.json'], withPassphrase);
  writeFileSync(join(folder, 'text.json'), 'no json');
  writeFileSync(join(folder, 'other.json'), '{"keys":[]}');
  for (const [args, environment, words] of [
    [
      ['all.json'],
      { BACKUP_PASSPHRASE: 'a wrong one' },
      /^restore: The passphrase does not open this backup/,
    ],
    [['text.json'], withPassphrase, /^restore: Expected a backup, got a file that is not JSON\n$/],
    [['other.json'], withPassphrase, /^restore: Expected `backup` to be a document of/],
    [['none.json'], withPassphrase, /^restore: ENOENT/],
    [[], withPassphrase, /^restore: Expected one file/],
  ] as const) {
    const { code, err } = await run('restore', args, environment);
    t.is(code, 1, args[0]);
    t.regex(err, words);
    t.notRegex(err, /\n {4}at /);
  }
  t.is((await clearKeys(stores, sealer)).size, 0);
});
