import type { AdminAccess } from '../domain/access/admin-access.ts';
import type { MappingApi } from './mapping-api.ts';
import { mappingTransferRoutes } from './mapping-transfer.ts';
import { mappingRoutes } from './mappings.ts';
import type { PoolApi } from './pool-api.ts';
import { poolRoutes } from './pool-routes.ts';
import type { Route } from './route.ts';
import { sessionRoutes } from './session.ts';

/** Every route of the admin API; those of the key pool where there is one. */
export function adminRoutes(dependencies: {
  access: AdminAccess;
  mappings: MappingApi;
  pool?: PoolApi | undefined;
}): Route[] {
  const { mappings, pool } = dependencies;
  return [
    ...sessionRoutes(dependencies.access),
    ...mappingRoutes(mappings),
    ...mappingTransferRoutes(mappings),
    ...(pool === undefined ? [] : poolRoutes(pool, mappings)),
  ];
}
