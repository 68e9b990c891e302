import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'ava';
import pino from 'pino';
import { KeyPool } from '../../src/domain/pool/key-pool.ts';
import { DEFAULT_POOL_CONFIG, mergePoolConfig } from '../../src/domain/pool/pool-config.ts';
import { PoolReplica } from '../../src/domain/pool/pool-replica.ts';
import { freshKey } from '../admin/pool-harness.ts';
import { startRedis } from '../support/redis.ts';
import { clearKeys, openWorkplace } from './operator-harness.ts';

const KEYS = [freshKey('fk-'), freshKey('fk-'), freshKey('sk-ant-')] as const;

const POOL_FILE = {
  poolGroups: [
    { id: 'freebies', name: '白嫖池', priority: 1, description: 'first' },
    { id: 'main', name: '主力池', priority: 2, description: '' },
  ],
  keys: [
    {
      key: KEYS[0],
      provider: 'factory',
      poolGroup: 'freebies',
      status: 'active',
      notes: 'of Bob',
      usage_count: 30,
      error_count: 4,
      last_used_at: '2026-01-02T03:04:05Z',
      last_test_at: '2026-01-02T03:04:06Z',
      last_test_result: 'failed',
      created_at: '2025-01-02T03:04:05Z',
    },
    {
      key: KEYS[1],
      provider: 'factory',
      poolGroup: 'main',
      status: 'banned',
      banned_reason: 'Payment Required',
      banned_at: '2025-11-01T00:00:00Z',
      usage_count: 5,
      error_count: 5,
    },
    { key: KEYS[2], poolGroup: 'main', status: 'disabled' },
    { key: KEYS[0], usage_count: 1000 },
    { key: 'not a key', usage_count: 1000 },
  ],
  config: { algorithm: 'least-used', retry: { enabled: false, maxRetries: 1, retryDelay: 10 }, mystery: 1 },
};

test.serial('a pool file of droid2api goes into the pool of a running server', async t => {
  const { folder, run, open } = openWorkplace(t);
  const { stores, sealer } = await open();
  const pool = new KeyPool({ config: DEFAULT_POOL_CONFIG });
  const server = new PoolReplica({
    stores: stores.pool,
    pool,
    opener: sealer,
    onSettings: settings => pool.configure(mergePoolConfig(new Map(), settings).config),
    log: pino({ level: 'silent' }),
    schedule: () => () => {},
  });
  await server.start();
  t.teardown(() => server.stop());
  writeFileSync(join(folder, 'key_pool.json'), JSON.stringify(POOL_FILE));

  const dry = await run('import', ['key_pool.json', '--dry-run']);
  t.is(dry.code, 0, dry.err);
  t.regex(dry.out, /Counts that would come with 2 of them: 35 requests, 9 errors\n/);
  t.regex(dry.out, /Would take 3 of 5 keys into the embedded database\n$/);
  await server.refresh();
  t.is(server.records.size, 0);
  t.is(server.groups.length, 1);
  t.is(pool.config.algorithm, 'round-robin');

  const done = await run('import', ['key_pool.json']);
  t.is(done.code, 0, done.err);
  t.regex(done.out, /Pool groups added: 2\n/);
  t.regex(done.out, /Settings set: pool\.algorithm, /);
  t.regex(done.out, /Note: `config\.mystery` is not known/);
  t.regex(done.out, /Keys that are refused: 1\n {2}5: /);
  t.regex(done.out, /Keys that are there already: 1\n {2}4: The same key stands in 1 already\n/);
  t.regex(done.out, /Took 3 of 5 keys into the embedded database\n$/);
  await server.refresh();
  const keys = await clearKeys(stores, sealer);
  t.like(keys.get(KEYS[0]), { provider: 'factory', pool: 'freebies', notes: 'of Bob', status: 'active' });
  t.like(keys.get(KEYS[1]), { pool: 'main', status: 'banned', statusReason: 'Payment Required' });
  t.regex(done.out, /Counts that came with 2 of them: 35 requests, 9 errors\n/);
  t.like(keys.get(KEYS[0]), {
    createdAtMs: Date.parse('2025-01-02T03:04:05Z'),
    earlier: { requests: 30, failures: 4, lastUsedMs: Date.parse('2026-01-02T03:04:05Z') },
    lastTest: { atMs: Date.parse('2026-01-02T03:04:06Z'), ok: false },
  });
  t.like(keys.get(KEYS[1]), {
    statusAtMs: Date.parse('2025-11-01T00:00:00Z'),
    earlier: { requests: 5, failures: 5 },
  });
  t.like(keys.get(KEYS[2]), { provider: 'anthropic', pool: 'main', status: 'disabled' });
  t.is([...pool.keys()].find(key => key.status === 'active')?.secret.reveal(), KEYS[0]);
  t.is(pool.config.algorithm, 'least-used');
  t.deepEqual(pool.config.retry, { enabled: false, max: 1, delayMs: 10 });

  const again = await run('import', ['key_pool.json']);
  t.regex(again.out, /Pool groups added: 0; 2 of the file exist/);
  t.regex(again.out, /Took 0 of 5 keys/);
  t.notRegex(again.out, /Counts/);
  t.deepEqual(await clearKeys(stores, sealer), keys, 'what was counted is not counted twice');
  for (const key of [...KEYS, 'not a key']) {
    t.false((dry.out + dry.err + done.out + done.err + again.out + again.err).includes(key));
  }
});

test.serial('a text of keys, or a pool file without its surroundings, goes to default', async t => {
  const { folder, run, open } = openWorkplace(t);
  const more = freshKey('xai-');
  writeFileSync(join(folder, 'keys.txt'), `# mine\r\n${more}\r\n\r\n${more}\r\n`);
  writeFileSync(join(folder, 'key_pool.json'), JSON.stringify(POOL_FILE));
  t.regex((await run('import', ['keys.txt'])).out, /Took 1 of 2 keys/);
  t.regex(
    (await run('import', ['key_pool.json', '--keys-only'])).out,
    /^(?![\s\S]*(groups|Settings))[\s\S]*Took 3 of 5/,
  );
  const { stores, sealer } = await open();
  const keys = await clearKeys(stores, sealer);
  t.deepEqual([...keys.keys()].sort(), [...KEYS, more].sort());
  t.true([...keys.values()].every(key => key.pool === 'default'));
  t.is((await stores.pool.groups.readAll()).length, 1);
  t.is((await stores.pool.settings.readAll()).size, 0);
});

test.serial(
  'an import that was killed is finished by running it again: nothing is lost, nothing is there twice',
  async t => {
    const { folder, run, start, open } = openWorkplace(t);
    const keys = Array.from({ length: 12_000 }, () => freshKey());
    writeFileSync(join(folder, 'keys.txt'), keys.join('\n'));
    const child = start('import', ['keys.txt']);
    for await (const line of createInterface({ input: child.stderr! })) {
      if (line.startsWith('10000 of')) child.kill('SIGKILL');
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    const { stores, sealer } = await open();
    const before = await clearKeys(stores, sealer);
    t.true(before.size >= 10_000, String(before.size));
    const again = await run('import', ['keys.txt']);
    t.is(again.code, 0, again.err);
    t.true(
      again.out.endsWith(`Took ${12_000 - before.size} of 12000 keys into the embedded database\n`),
      again.out,
    );
    const after = await clearKeys(stores, sealer);
    t.deepEqual([...after.keys()].sort(), keys.sort());
    for (const [text, { id }] of before) t.is(after.get(text)?.id, id);
  },
);

test.serial(
  'with Redis the encryption key is the one of the instances, and without it nothing is taken',
  async t => {
    const { folder, run } = openWorkplace(t);
    const redis = await startRedis();
    t.teardown(() => redis.stop());
    writeFileSync(join(folder, 'keys.txt'), KEYS.join('\n'));
    const environment = { API_PROXY_REDIS_URL: redis.url };
    const without = await run('import', ['keys.txt'], environment);
    t.is(without.code, 1);
    t.regex(without.err, /^import: .*ENCRYPTION_KEY.*\n$/);
    const ENCRYPTION_KEY = 'ab'.repeat(32);
    const taken = await run('import', ['keys.txt'], { ...environment, ENCRYPTION_KEY });
    t.regex(taken.out, /Took 3 of 3 keys into Redis\n$/, taken.err);
    const wrong = await run('import', ['keys.txt'], { ...environment, ENCRYPTION_KEY: 'cd'.repeat(32) });
    t.is(wrong.code, 1);
    t.regex(wrong.err, /^import: .*encryption key.*\n$/);
  },
);

test.serial('what cannot be imported is told in one line, without the text of the file', async t => {
  const { folder, run } = openWorkplace(t);
  const key = freshKey();
  writeFileSync(join(folder, 'broken.json'), `{"keys":[{"key":"${key}"`);
  writeFileSync(join(folder, 'other.json'), JSON.stringify({ [key]: key }));
  writeFileSync(join(folder, 'empty.txt'), '# nothing\n');
  for (const [args, words] of [
    [['broken.json'], /^import: Expected JSON/],
    [['other.json'], /^import: Expected a pool file/],
    [['empty.txt'], /^import: There is no key/],
    [['missing.json'], /^import: ENOENT/],
    [[], /^import: Expected one file/],
    [['empty.txt', 'broken.json'], /^import: Expected one file/],
    [['empty.txt', '--forse'], /^import: .*--forse/],
  ] as const) {
    const { code, out, err } = await run('import', args);
    t.is(code, 1, args.join(' '));
    t.regex(err, words);
    t.notRegex(err, /\n {4}at /);
    t.false((out + err).includes(key));
  }
  t.regex((await run('import', ['--help'])).out, /^Usage: npm run import/);
});
