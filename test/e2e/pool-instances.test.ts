import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { type PoolServer, startPoolServer } from '../support/pool-server.ts';
import { good, silent, startPoolVendor } from '../support/pool-vendor.ts';
import { startRedis } from '../support/redis.ts';

const PATH = '/admin/keys/test-all';

test('the test of many keys is watched and cancelled from any instance', async t => {
  const redis = await startRedis();
  t.teardown(redis.stop);
  const vendor = await startPoolVendor(t);
  const env = { API_PROXY_REDIS_URL: redis.url, ENCRYPTION_KEY: 'ab'.repeat(32) };
  const [one, other] = await Promise.all(
    ['one', 'other'].map(async name => {
      const folder = mkdtempSync(join(tmpdir(), `switchyard-${name}-`));
      const server = await startPoolServer({ folder, env });
      t.teardown(async () => {
        await server.stop();
        rmSync(folder, { recursive: true, force: true });
      });
      return server;
    }),
  );
  // biome-ignore lint/suspicious/noExplicitAny: a progress, as JSON
  const until = async (server: PoolServer, passes: (progress: any) => boolean) => {
    for (;;) {
      const { body } = await server.admin('GET', PATH);
      if (passes(body)) return body;
      await setTimeout(20);
    }
  };
  await one!.addAll(
    vendor,
    [good, good, silent].map(treatment => vendor.key(treatment)),
  );
  t.is((await one!.admin('POST', PATH, {})).status, 202);
  t.like(await until(other!, ({ done }) => done === 2), { state: 'running', total: 3, ok: 2, failed: 0 });
  t.like((await other!.json('/admin/stats')).testRun, { state: 'running', done: 2 });
  const refused = await other!.admin('POST', PATH, {});
  t.is(refused.status, 409);
  t.like(refused.body.error, { code: 'ERR_CONFLICT', progress: { state: 'running', done: 2 } });

  t.is((await other!.admin('DELETE', PATH)).status, 200);
  const ended = await until(one!, ({ state }) => state !== 'running');
  t.like(ended, { state: 'cancelled', total: 3, done: 2, ok: 2 });
  t.deepEqual(await until(other!, ({ state }) => state !== 'running'), ended);
});
