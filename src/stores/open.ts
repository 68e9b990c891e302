import type { Log } from '../base/log.ts';
import type { Config } from '../config/settings.ts';
import { openRedis } from './redis/open-redis.ts';
import { type RedisSettings, redisAddress } from './redis/redis-address.ts';
import { openSqlite } from './sqlite/open-sqlite.ts';
import type { Stores } from './types.ts';

export type StoreSettings = RedisSettings & Pick<Config, 'dataDir'>;

/**
 * Opens the store that the settings name: Redis where they do, else the embedded database.
 *
 * @throws AppError `ERR_STORE_UNAVAILABLE` (embedded database not usable) and ConfigError, with a text for the operator;
 * a Redis that is away does not throw
 */
export async function openStores(settings: StoreSettings, { log }: { log: Log }): Promise<Stores> {
  const address = redisAddress(settings);
  return address === undefined ? openSqlite(settings.dataDir) : openRedis(address, { log });
}
