import test from 'ava';
import { openRedis } from '../../src/stores/redis/open-redis.ts';
import { capturedLog } from '../support/captured-log.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { storeContract } from './contract.ts';

/** One server for the contract; each test has a database number of its own. */
let shared: RedisServer;
let lastDatabase = -1;
test.before(async () => {
  shared = await startRedis();
});
test.after.always(() => shared?.stop());

storeContract('redis', async t => {
  lastDatabase += 1;
  const address = { host: '127.0.0.1', port: shared.port, db: lastDatabase };
  return async () => {
    const stores = await openRedis(address, { log: capturedLog().log });
    t.teardown(() => stores.close());
    return stores;
  };
});
