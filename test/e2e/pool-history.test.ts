import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { openWorkplace } from '../scripts/operator-harness.ts';
import { startPoolServer } from '../support/pool-server.ts';
import { failing, good, startPoolVendor } from '../support/pool-vendor.ts';

test('requests and errors of a key are those of all time: from droid2api, and over restarts', async t => {
  const { folder, run } = openWorkplace(t);
  const vendor = await startPoolVendor(t);
  const key = vendor.key(good);
  const keys = [{ key, provider: 'openai', usage_count: 1200, error_count: 34 }];
  writeFileSync(join(folder, 'key_pool.json'), JSON.stringify({ keys }));
  t.regex((await run('import', ['key_pool.json'])).out, /1200 requests, 34 errors\n/);

  const start = () =>
    startPoolServer({
      folder,
      env: { OPENAI_BASE_URL: vendor.url, KEY_POOL_RETRY_ENABLED: 'false' },
    });
  const first = await start();
  t.teardown(() => first.stop());
  t.is((await first.chat()).status, 200);
  vendor.treat(key, failing('500 Internal Server Error'));
  t.is((await first.chat()).status, 500);
  const [{ id }] = (await first.json('/admin/keys')).keys;
  const row = await first.untilRow(id, ({ allTime }) => allTime?.requests === 1202);
  t.deepEqual(row.allTime, { requests: 1202, successes: 1167, failures: 35 });
  t.is(await first.stop(), 0);
  t.regex((await run('import', ['key_pool.json'])).out, /Took 0 of 1 keys/);

  const second = await start();
  t.teardown(() => second.stop());
  t.like(await second.row(id), { allTime: row.allTime, requests: 0 });
  t.deepEqual((await second.json('/admin/keys')).keys[0].allTime, row.allTime);
});
