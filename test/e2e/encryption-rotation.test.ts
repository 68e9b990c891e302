import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Secret } from '../../src/base/secret.ts';
import { ENCRYPTION_KEY_FILE } from '../../src/stores/encryption.ts';
import { openRedis } from '../../src/stores/redis/open-redis.ts';
import { createSealer } from '../../src/stores/sealing.ts';
import { freshKey } from '../admin/pool-harness.ts';
import { clearKeys, openWorkplace, type Workplace } from '../scripts/operator-harness.ts';
import { capturedLog } from '../support/captured-log.ts';
import { type PoolServer, startPoolServer } from '../support/pool-server.ts';
import { good, type PoolVendor, startPoolVendor } from '../support/pool-vendor.ts';
import { startRedis } from '../support/redis.ts';

const OLD = '11'.repeat(32);
const NEW = '22'.repeat(32);
const THIRD = '33'.repeat(32);

/** Uses servers without a pause, chats and added keys alike, until `end`; every answer must be a good one. */
function busy(t: ExecutionContext, servers: readonly PoolServer[], vendor: PoolVendor) {
  const added: string[] = [];
  let chats = 0;
  let ends = false;
  async function use(server: PoolServer): Promise<void> {
    while (!ends) {
      const { status, text } = await server.chat();
      if (status !== 200) throw new Error(`Expected a chat, got ${status}: ${text}`);
      chats += 1;
      const key = vendor.key(good);
      await server.add(vendor, key);
      added.push(key);
      // What was added a moment ago must be known, whatever it is sealed under.
      const again = await server.admin('POST', '/admin/keys', { key });
      if (again.status !== 409) throw new Error(`Expected a duplicate, got ${again.status}`);
    }
  }
  const uses = Promise.all(servers.map(use));
  uses.catch(() => undefined);
  return {
    added,
    async end(): Promise<void> {
      ends = true;
      await t.notThrowsAsync(uses);
      t.true(chats > 2 * servers.length && added.length > 2 * servers.length);
    },
  };
}

async function rotate(place: Workplace, environment: Record<string, string> = {}) {
  const { code, out, err } = await place.run('rotate-key', [], environment);
  for (const secret of [OLD, NEW, THIRD]) {
    if ((out + err).includes(secret)) throw new Error('the command shows a key');
  }
  return { code, out, err };
}

/** The number of records that do not open, or that hold a key which another one holds too. */
async function problems({ json }: PoolServer): Promise<{ total: number; damaged: number }> {
  const { total, keys } = await json('/admin/keys?limit=500');
  return { total, damaged: keys.filter((row: { damaged: boolean }) => row.damaged).length };
}

test.serial('the key in a file is rotated while a server serves and takes keys; nobody notices', async t => {
  const place = openWorkplace(t);
  const vendor = await startPoolVendor(t);
  const server = await startPoolServer({ folder: place.folder });
  const first = [vendor.key(good), vendor.key(good), vendor.key(good)];
  await server.addAll(vendor, first);
  const file = join(place.folder, 'data', ENCRYPTION_KEY_FILE);
  const old = readFileSync(file, 'utf8').trim();

  const load = busy(t, [server], vendor);
  const { code, out, err } = await rotate(place);
  t.is(code, 0, err);
  t.regex(out, /^Sealed \d+ secrets in the embedded database under the new key\nThe old key is gone/);
  await load.end();
  const current = readFileSync(file, 'utf8').trim();
  t.not(current, old);
  t.is(Buffer.from(current, 'base64').length, 32);
  t.false((out + err).includes(current));

  const keys = [...first, ...load.added].sort();
  t.deepEqual(await problems(server), { total: keys.length, damaged: 0 });
  t.true(server.lines.some(line => line.includes('The encryption key was changed')));
  t.deepEqual(await server.leaks(), []);
  const { stores, sealer } = await place.open(new Secret(current));
  t.deepEqual([...(await clearKeys(stores, sealer)).keys()].sort(), keys);
  t.is(
    (await stores.pool.keys.changes(0, 1000)).changed.filter(key => !sealer.isCurrent(key.sealed)).length,
    0,
  );

  const next = await startPoolServer({ folder: place.folder });
  t.is((await next.chat()).status, 200);
  await next.stop();
});

test.serial('the key in the environment is rotated under two instances that keep the old one', async t => {
  const place = openWorkplace(t);
  const vendor = await startPoolVendor(t);
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  const shared = { API_PROXY_REDIS_URL: redis.url };
  const start = (key: string) => startPoolServer({ env: { ...shared, ENCRYPTION_KEY: key } });
  let servers = [await start(OLD), await start(OLD)];
  t.teardown(() => Promise.all(servers.map(server => server.stop())));
  const first = [vendor.key(good), vendor.key(good), vendor.key(good)];
  await servers[0]!.addAll(vendor, first);

  const alone = await rotate(place, { ...shared, ENCRYPTION_KEY: OLD });
  t.is(alone.code, 1);
  t.regex(alone.err, /^rotate: Expected the new and the old key in ENCRYPTION_KEY, got one key\n/);

  const load = busy(t, servers, vendor);
  const done = await rotate(place, { ...shared, ENCRYPTION_KEY: `${NEW},${OLD}` });
  t.is(done.code, 0, done.err);
  t.regex(done.out, /^Sealed \d+ secrets in Redis under the new key\nNow put the new key alone/);
  await load.end();
  const total = first.length + load.added.length;
  for (const server of servers) t.deepEqual(await problems(server), { total, damaged: 0 });

  // An instance that starts again before its environment was changed is told the new key too.
  await servers[0]!.stop();
  servers = [await start(OLD), servers[1]!];
  t.is((await servers[0]!.chat()).status, 200);
  t.deepEqual(await problems(servers[0]!), { total, damaged: 0 });

  const tooEarly = await rotate(place, { ...shared, ENCRYPTION_KEY: OLD });
  t.is(tooEarly.code, 1);
  t.regex(tooEarly.err, /a rotation away from this key is under way/);
  const another = await rotate(place, { ...shared, ENCRYPTION_KEY: `${THIRD},${NEW}` });
  t.is(another.code, 1);
  t.regex(another.err, /an earlier rotation is not ended/);

  for (const server of servers) await server.stop();
  servers = [await start(NEW)];
  const end = await rotate(place, { ...shared, ENCRYPTION_KEY: NEW });
  t.is(end.code, 0, end.err);
  t.regex(end.out, /The old key opens nothing any more/);
  t.is((await servers[0]!.chat()).status, 200);
  await t.throwsAsync(start(OLD), { message: /Expected the encryption key/ });

  const stores = await openRedis({ host: '127.0.0.1', port: redis.port, db: 0 }, capturedLog());
  t.teardown(() => stores.close());
  const sealer = createSealer({ current: Buffer.from(NEW, 'hex') });
  t.deepEqual([...(await clearKeys(stores, sealer)).keys()].sort(), [...first, ...load.added].sort());
  t.is((await servers[0]!.admin('POST', '/admin/keys', { key: freshKey() })).status, 201);
});
