import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { fastClock } from '../support/fast-clock.ts';
import { startPoolServer } from '../support/pool-server.ts';
import { good, startPoolVendor, unpaid } from '../support/pool-vendor.ts';

test('banned keys of the environment and of factory_keys.txt come back when they work again', async t => {
  const vendor = await startPoolVendor(t);
  const ofEnvironment = vendor.key(unpaid());
  const ofFile = vendor.key(unpaid());
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-sources-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'factory_keys.txt'), `${ofFile}\n`);
  const server = await startPoolServer({
    folder,
    env: {
      ...fastClock(60),
      OPENAI_API_KEYS: ofEnvironment,
      OPENAI_BASE_URL: vendor.url,
      KEY_POOL_RECOVERY_ENABLED: 'true',
      KEY_POOL_RECOVERY_INTERVAL_MS: '1000',
      KEY_POOL_RECOVERY_MAX_INTERVAL_MS: '1000',
    },
  });
  t.teardown(server.stop);
  while ((await server.chat()).status !== 503) await setTimeout(20);
  const { retired } = (await server.json('/status')).pool;
  t.deepEqual(
    retired.map(({ reason }: { reason: string }) => reason),
    ['402 payment required', '402 payment required'],
  );
  t.true(retired.every(({ sinceMs }: { sinceMs: number }) => sinceMs > 0));

  const calls = [ofEnvironment, ofFile].map(key => vendor.calls(key).length);
  for (const [index, key] of [ofEnvironment, ofFile].entries()) await vendor.call(key, calls[index]!);
  t.is((await server.json('/status')).pool.retired.length, 2, 'the test failed');
  vendor.treat(ofEnvironment, good);
  vendor.treat(ofFile, good);
  while ((await server.json('/status')).pool.retired.length > 0) await setTimeout(20);
  t.is((await server.chat()).status, 200);
  await server.stop();
  t.false(server.lines.join('\n').includes(ofFile));
});
