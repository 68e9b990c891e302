import { AppError } from '../base/errors.ts';
import { mergePoolConfig, parsePoolConfigChange } from '../domain/pool/pool-config.ts';
import { newestPool, type PoolApi } from './pool-api.ts';
import type { Answer, Route, RouteRequest } from './route.ts';

const NOTHING_SAVED: ReadonlyMap<string, unknown> = new Map();

/** The pool's settings: what holds, where it comes from, and what the console would like instead. */
export function poolSettingRoutes(api: PoolApi): Route[] {
  async function read(): Promise<Answer> {
    const { settings } = await newestPool(api);
    const { config, sources } = mergePoolConfig(api.environment, settings);
    const fallback = mergePoolConfig(api.environment, NOTHING_SAVED).config;
    return { status: 200, json: { ...config, sources, fallback } };
  }

  async function change(request: RouteRequest): Promise<Answer> {
    const body = await request.readObject();
    if (body.size === 0) throw new AppError('ERR_VALIDATION', 'Expected at least one setting, got none');
    const changes = parsePoolConfigChange(Object.fromEntries(body));
    await api.stores.settings.write(changes);
    await api.live.refresh();
    const by = request.credentials.clientAddress;
    api.log.info({ settings: [...changes.keys()], by }, 'settings changed');
    return await read();
  }

  const path = '/admin/config';
  return [
    {
      method: 'GET',
      path,
      audience: 'admin',
      summary: 'Settings of the pool and where each comes from',
      handle: read,
    },
    { method: 'PUT', path, audience: 'admin', summary: 'Change settings of the pool', handle: change },
  ];
}
