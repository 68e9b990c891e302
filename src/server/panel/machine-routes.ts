import { readFileSync } from 'node:fs';
import type { PoolStatus } from '../../admin/pool-status.ts';
import type { Answer, Route, RouteRequest } from '../../admin/route.ts';
import { AppError } from '../../base/errors.ts';
import type { Secret } from '../../base/secret.ts';
import { bearerToken } from '../../domain/access/admin-access.ts';
import { FailureThrottle } from '../../domain/access/throttle.ts';
import { WINDOW_NAMES } from '../../domain/statistics/window-plan.ts';
import { type HealthReport, isReady } from '../health.ts';

export interface MachineDependencies {
  readonly metricsToken: Secret | undefined;
  readStats(window?: string): Promise<unknown>;
  readMetrics(): Promise<string>;
  health(): Promise<HealthReport>;
  /** The key pool's part of `/status`; left out where there is none. */
  readonly readPool?: ((nowMs: number) => Promise<PoolStatus>) | undefined;
}

/** How old the key pool's part of `/status` may be. */
const POOL_KEPT_MS = 1000;

const openapiFile = new URL('../../../openapi.yaml', import.meta.url);

/** What monitors, scrapers and crawlers read. */
export function machineRoutes(dependencies: MachineDependencies): Route[] {
  // A guesser of this token must not lock a scraper's address out of the console, so it has a throttle of its own.
  const throttle = new FailureThrottle();
  const running = new Map<string, Promise<string>>();
  let poolRead: { untilMs: number; answer: Promise<PoolStatus> | undefined } = {
    untilMs: 0,
    answer: undefined,
  };
  const openapi = readFileSync(openapiFile, 'utf8');

  /** Many panels ask at once: they share one reading of the store. */
  async function stats(request: RouteRequest): Promise<Answer> {
    const window = request.query.get('window') ?? undefined;
    if (window !== undefined && !WINDOW_NAMES.some(known => known === window)) {
      throw new AppError('ERR_VALIDATION', `Expected \`window\` to be one of ${WINDOW_NAMES.join(', ')}`, {
        field: 'window',
      });
    }
    const key = window ?? '';
    let reading = running.get(key);
    if (reading === undefined) {
      reading = dependencies
        .readStats(window)
        .then(report => JSON.stringify(report))
        .finally(() => running.delete(key));
      running.set(key, reading);
    }
    return { status: 200, text: await reading, type: 'application/json' };
  }

  async function metrics(request: RouteRequest): Promise<Answer> {
    const { credentials, nowMs } = request;
    if (dependencies.metricsToken !== undefined) {
      const token = bearerToken(credentials.authorization);
      if (token === undefined)
        throw new AppError('ERR_UNAUTHORIZED', 'Expected METRICS_TOKEN as Bearer token');
      throttle.admit(credentials.clientAddress, nowMs);
      if (!dependencies.metricsToken.matches(token)) {
        throttle.fail(credentials.clientAddress, nowMs);
        throw new AppError('ERR_UNAUTHORIZED', 'Expected METRICS_TOKEN as Bearer token, got another one');
      }
      throttle.succeed(credentials.clientAddress);
    }
    return {
      status: 200,
      text: await dependencies.readMetrics(),
      type: 'text/plain; version=0.0.4; charset=utf-8',
    };
  }

  async function status({ nowMs }: RouteRequest): Promise<Answer> {
    const { status, version, dependencies: parts } = await dependencies.health();
    const { count, skipped } = parts.mappings;
    const pool = await poolAt(nowMs);
    return { status: 200, json: { status, version, mappings: { count, skipped }, store: parts.store, pool } };
  }

  /** Looks at every key, so pages that many people keep open share one look. */
  function poolAt(nowMs: number): Promise<PoolStatus> | undefined {
    if (dependencies.readPool === undefined) return undefined;
    if (nowMs >= poolRead.untilMs) {
      poolRead = { untilMs: nowMs + POOL_KEPT_MS, answer: dependencies.readPool(nowMs) };
      poolRead.answer?.catch(() => {
        poolRead = { untilMs: 0, answer: undefined };
      });
    }
    return poolRead.answer;
  }

  async function health(): Promise<Answer> {
    return { status: 200, json: await dependencies.health() };
  }

  async function ready(): Promise<Answer> {
    const report = await dependencies.health();
    return { status: isReady(report) ? 200 : 503, json: report };
  }

  const describe = (path: string, summary: string, handle: Route['handle']): Route => ({
    method: 'GET',
    path,
    audience: 'none',
    summary,
    handle,
  });
  return [
    { ...describe('/stats', 'Statistics as JSON', stats), audience: 'panel' },
    {
      ...describe('/status', 'State of this process, its store and its key pool', status),
      audience: 'panel',
    },
    describe('/health', 'State of each dependency; 200 as long as the process answers', health),
    describe('/health/live', 'Liveness: always 200', async () => ({ status: 200, json: { status: 'ok' } })),
    describe('/health/ready', 'Readiness: 503 while nothing is loaded or a shutdown runs', ready),
    describe('/metrics', 'Prometheus text', metrics),
    describe('/robots.txt', 'Keeps crawlers out', async () => ({
      status: 200,
      text: 'User-agent: *\nDisallow: /\n',
      type: 'text/plain; charset=utf-8',
    })),
    describe('/openapi.yaml', 'This description', async () => ({
      status: 200,
      text: openapi,
      type: 'application/yaml; charset=utf-8',
    })),
  ];
}
