import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { Redis } from 'ioredis';
import { WELL_KNOWN_MAPPINGS } from '../../src/domain/well-known.ts';
import { openSqlite } from '../../src/stores/sqlite/open-sqlite.ts';
import { startRedis } from '../support/redis.ts';

const SCRIPT = fileURLToPath(new URL('../../scripts/init.ts', import.meta.url));

/** An empty working folder in which `init` can be run. */
function workingFolder(t: ExecutionContext) {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-init-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const init = (args: string[] = [], environment: Record<string, string> = {}) =>
    new Promise<{ code: number; out: string; err: string }>(resolve => {
      const env = { PATH: process.env.PATH, ...environment };
      execFile(process.execPath, [SCRIPT, ...args], { cwd: folder, env }, (error, out, err) => {
        resolve({ code: error === null ? 0 : Number(error.code), out, err });
      });
    });
  return { folder, init };
}

test('init fills a new embedded store and says so, and leaves one that holds mappings', async t => {
  const { folder, init } = workingFolder(t);
  const first = await init();
  t.is(first.code, 0);
  t.regex(first.out, /^Wrote \d+ mappings to the embedded database: .*\/openai .*\n$/);
  const second = await init(['--force']);
  t.is(second.code, 0);
  t.regex(second.out, /^Nothing changed: .*holds mappings already/);
  const stores = await openSqlite(join(folder, 'data'));
  t.teardown(() => stores.close());
  t.deepEqual([...(await stores.mappings.readAll())].sort(), [...WELL_KNOWN_MAPPINGS].sort());
});

test('init leaves a store that somebody emptied, unless it is forced', async t => {
  const { folder, init } = workingFolder(t);
  const stores = await openSqlite(join(folder, 'data'));
  t.teardown(() => stores.close());
  await stores.mappings.create('/a', 'https://a.example');
  await stores.mappings.remove('/a');
  t.regex((await init()).out, /^Nothing changed: .*emptied.*--force/);
  t.is((await stores.mappings.readAll()).size, 0);
  t.regex((await init(['--force'])).out, /^Wrote/);
  t.is((await stores.mappings.readAll()).size, WELL_KNOWN_MAPPINGS.size);
});

test('init takes the Redis that .env names', async t => {
  const { folder, init } = workingFolder(t);
  const redis = await startRedis({ password: 'init-secret' });
  t.teardown(() => redis.stop());
  writeFileSync(join(folder, '.env'), `API_PROXY_REDIS_URL=${redis.url}\n`);
  const { code, out } = await init();
  t.is(code, 0);
  t.regex(out, /^Wrote \d+ mappings to Redis/);
  const cli = new Redis(redis.url);
  t.teardown(() => cli.disconnect());
  t.is(await cli.hget('apiproxy:mappings', '/openai'), 'https://api.openai.com');
  t.is(await cli.hlen('apiproxy:mappings'), WELL_KNOWN_MAPPINGS.size);
});

for (const [trouble, args, environment, words] of [
  [
    'an unreachable Redis',
    [],
    { API_PROXY_REDIS_URL: 'redis://:hunter2@127.0.0.1:1' },
    /Redis.* is not reachable/,
  ],
  ['a data folder that cannot be', [], { DATA_DIR: '/dev/null/data' }, /DATA_DIR/],
  ['a bad setting', [], { REDIS_PORT: 'x' }, /REDIS_PORT/],
  ['an unknown option', ['--forse'], {}, /--forse/],
] as const) {
  test(`init ends with code 1 and one line on ${trouble}`, async t => {
    const { init } = workingFolder(t);
    const { code, out, err } = await init([...args], environment);
    t.is(code, 1);
    t.is(out, '');
    t.regex(err, /^init: .*\n$/);
    t.regex(err, words);
    t.notRegex(err, /hunter2/);
  });
}
