import Router from '@koa/router';
import Koa from 'koa';
import type { LiveMappings, MappingApi, MappingRows } from '../admin/mapping-api.ts';
import type { PoolApi } from '../admin/pool-api.ts';
import { poolStatus } from '../admin/pool-status.ts';
import type { Route } from '../admin/route.ts';
import { adminRoutes } from '../admin/routes.ts';
import type { Log } from '../base/log.ts';
import type { Secret } from '../base/secret.ts';
import { AdminAccess } from '../domain/access/admin-access.ts';
import { type HealthFacts, healthReport } from './health.ts';
import { clientAddress } from './panel/client.ts';
import { compressAnswers } from './panel/compress.ts';
import { answerErrors, refuseUnrouted } from './panel/errors.ts';
import { type MachineDependencies, machineRoutes } from './panel/machine-routes.ts';
import { setPageHeaders } from './panel/page-headers.ts';
import { createPages } from './panel/pages.ts';
import { credentialsOf, type RouteServing, serveRoute } from './panel/serve-route.ts';
import { loadStaticSite } from './panel/static-site.ts';

/** The settings that the panel needs; the whole configuration fits. */
export interface PanelConfig {
  readonly basePath: string;
  readonly publicPanel: boolean;
  readonly trustProxy: boolean;
  readonly metricsToken: Secret | undefined;
}

/** What a process knows about itself that the panel cannot see. */
export type ProcessFacts = Pick<HealthFacts, 'draining' | 'store' | 'counters'>;

export interface PanelDependencies {
  readonly config: PanelConfig;
  readonly log: Log;
  readonly mappingStore: MappingRows;
  readonly replica: LiveMappings;
  /** The body of `/stats`, for a window or for all of them. */
  readStats(window?: string): Promise<unknown>;
  /** The body of `/metrics`. */
  readMetrics(): Promise<string>;
  /** Cheap: a load balancer asks often. */
  health(): ProcessFacts | Promise<ProcessFacts>;
  readonly tryTarget: MappingApi['tryTarget'];
  /** The key pool; without it none of its routes are served. */
  readonly pool?: PoolApi | undefined;
  readonly adminSecret: Secret;
  readonly nowMs: () => number;
  /** Folder with `index.html`, `admin.html` and `assets/`; read once. */
  readonly staticFolder: string;
  readonly version: string;
}

/**
 * The Koa app that serves every reserved path: our pages, the admin API, and what machines read. It expects paths
 * without `BASE_PATH`, which the listener has taken off.
 *
 * @throws Error when the static folder or `openapi.yaml` cannot be read
 */
export function createPanel(dependencies: PanelDependencies): Koa {
  const { config } = dependencies;
  const log = dependencies.log.child({ part: 'panel' });
  const access = new AdminAccess(dependencies.adminSecret);
  const serving: RouteServing = { ...pick(config), access, nowMs: dependencies.nowMs };
  const routes = allRoutes(dependencies, access);
  const downloads = new Set(routes.filter(route => route.navigable).map(route => route.path));
  const pages = createPages({
    site: loadStaticSite(dependencies.staticFolder, config.basePath),
    basePath: config.basePath,
    mayPanel: context =>
      config.publicPanel ||
      access.sessionOf(credentialsOf(context, config.trustProxy), dependencies.nowMs()) !== undefined,
    isDownload: path => downloads.has(path),
  });

  const router = new Router({ sensitive: true });
  for (const route of routes) router.register(route.path, [route.method], serveRoute(route, serving));
  router.get('/', pages.panel);
  router.get('/index.html', pages.panel);
  router.get('/admin', pages.console);
  router.get('/assets/*file', pages.asset);
  router.get('/favicon.svg', pages.favicon);
  router.get('/favicon.ico', pages.favicon);

  const app = new Koa();
  // Everything a request throws is answered and logged by `answerErrors`; what reaches Koa itself is a client that left,
  // which the system names by a code.
  app.silent = true;
  app.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === undefined) log.error({ err: error }, 'answer failed');
    else log.debug({ code: error.code }, 'answer not delivered');
  });
  app.use(setPageHeaders);
  app.use(answerErrors({ log, addressOf: context => clientAddress(context.req, config.trustProxy) }));
  app.use(compressAnswers);
  app.use(pages.consoleViews);
  app.use(pages.statusView);
  app.use(router.routes());
  app.use(refuseUnrouted);
  return app;
}

/** Every route that is data: what `openapi.yaml` describes. */
export function allRoutes(
  dependencies: Omit<PanelDependencies, 'staticFolder' | 'adminSecret' | 'nowMs'>,
  access: AdminAccess,
): Route[] {
  const { replica, pool } = dependencies;
  const mappings: MappingApi = {
    store: dependencies.mappingStore,
    live: replica,
    basePath: dependencies.config.basePath,
    log: dependencies.log.child({ part: 'admin' }),
    tryTarget: mapping => dependencies.tryTarget(mapping),
  };
  const machine: MachineDependencies = {
    metricsToken: dependencies.config.metricsToken,
    readStats: window => dependencies.readStats(window),
    readMetrics: () => dependencies.readMetrics(),
    health: async () =>
      healthReport({
        ...(await dependencies.health()),
        mappings: {
          loaded: replica.loaded,
          state: replica.state,
          count: replica.table.size,
          skipped: replica.table.skipped.length,
        },
        version: dependencies.version,
      }),
    readPool: pool && (nowMs => poolStatus(pool, nowMs)),
  };
  return [...adminRoutes({ access, mappings, pool }), ...machineRoutes(machine)];
}

function pick(config: PanelConfig): Pick<RouteServing, 'basePath' | 'trustProxy' | 'publicPanel'> {
  return { basePath: config.basePath, trustProxy: config.trustProxy, publicPanel: config.publicPanel };
}
