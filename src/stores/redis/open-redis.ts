import type { Log } from '../../base/log.ts';
import type { Stores } from '../types.ts';
import { ChangeListener } from './change-listener.ts';
import type { RedisAddress } from './redis-address.ts';
import { RedisLink } from './redis-link.ts';
import { redisMappings } from './redis-mappings.ts';
import { redisPool } from './redis-pool.ts';
import { redisStatistics } from './redis-statistics.ts';

/**
 * Opens the shared store. A Redis that cannot be reached is no error: the calls reject with `ERR_STORE_UNAVAILABLE` until
 * it is there.
 *
 * @param options.commandTimeoutMs a reply that takes longer counts as none; 2,000 when left out
 */
export async function openRedis(
  address: RedisAddress,
  options: { log: Log; commandTimeoutMs?: number },
): Promise<Stores> {
  const { log } = options;
  const link = new RedisLink(address, { ...options, name: 'store' });
  const listener = new ChangeListener(address, { log });
  await link.firstAttempt();
  return {
    kind: 'redis',
    mappings: redisMappings(link, { address, listener }),
    statistics: redisStatistics(link),
    pool: redisPool(link, listener),
    ping: () =>
      link
        .run(client => client.ping())
        .then(
          () => 'ok',
          () => 'degraded',
        ),
    close: async () => {
      await listener.close();
      await link.close();
    },
  };
}
