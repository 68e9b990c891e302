import { backupRoutes } from './backup.ts';
import { keyBatchRoutes } from './key-batch.ts';
import { keyTestRoutes } from './key-tests.ts';
import { keyRoutes } from './keys.ts';
import type { MappingApi } from './mapping-api.ts';
import type { PoolApi } from './pool-api.ts';
import { poolGroupRoutes } from './pool-groups.ts';
import { poolSettingRoutes } from './pool-settings.ts';
import { poolStatRoutes } from './pool-stats.ts';
import type { Route } from './route.ts';
import { tokenRoutes } from './tokens.ts';

/** Every route of the key pool. Fixed paths come before those with an id, which would match them too. */
export function poolRoutes(api: PoolApi, mappings: MappingApi): Route[] {
  return [
    ...poolStatRoutes(api),
    ...keyBatchRoutes(api),
    ...keyTestRoutes(api),
    ...keyRoutes(api),
    ...poolGroupRoutes(api),
    ...poolSettingRoutes(api),
    ...tokenRoutes(api.tokens),
    ...backupRoutes(api, mappings),
  ];
}
