import type { AdminAccess } from '../domain/access/admin-access.ts';
import type { MappingApi } from './mapping-api.ts';
import { mappingTransferRoutes } from './mapping-transfer.ts';
import { mappingRoutes } from './mappings.ts';
import type { Route } from './route.ts';
import { sessionRoutes } from './session.ts';

/** Every route of the admin API. */
export function adminRoutes(dependencies: { access: AdminAccess; mappings: MappingApi }): Route[] {
  return [
    ...sessionRoutes(dependencies.access),
    ...mappingRoutes(dependencies.mappings),
    ...mappingTransferRoutes(dependencies.mappings),
  ];
}
