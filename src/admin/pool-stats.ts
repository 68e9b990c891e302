import type { KeySourceName } from '../domain/pool/types.ts';
import { type KeyCounts, keyCounts } from './key-row.ts';
import { type KeySourceReport, newestPool, type PoolApi } from './pool-api.ts';
import { groupRows } from './pool-groups.ts';
import type { Answer, Route, RouteRequest } from './route.ts';
import { shownProgress } from './test-progress.ts';

export interface SourceRow extends KeySourceReport {
  readonly counts: KeyCounts;
}

/** The sources of keys in the order in which they are asked, with what each yields. */
export function sourceRows(api: Pick<PoolApi, 'sources' | 'pool'>, nowMs: number): SourceRow[] {
  const counts = (source: KeySourceName): KeyCounts => keyCounts(api.pool.counts(nowMs, { source }));
  return api.sources().map(({ name, state, detail }) => ({ name, state, detail, counts: counts(name) }));
}

/** The pool in figures. */
export function poolStatRoutes(api: PoolApi): Route[] {
  async function read({ nowMs }: RouteRequest): Promise<Answer> {
    const live = await newestPool(api);
    return {
      status: 200,
      json: {
        counts: keyCounts(api.pool.counts(nowMs)),
        runningDry: api.pool.runningDry(nowMs),
        stale: live.state !== 'ok',
        algorithm: api.pool.config.algorithm,
        sources: sourceRows(api, nowMs),
        pools: groupRows(api, nowMs),
        providers: PROVIDERS.map(provider => ({
          provider,
          counts: keyCounts(api.pool.counts(nowMs, { provider })),
        })).filter(({ counts }) => counts.total > 0),
        testRun: shownProgress(await api.testRun.progress()),
      },
    };
  }

  return [
    {
      method: 'GET',
      path: '/admin/stats',
      audience: 'admin',
      summary: 'State of the pool in figures',
      handle: read,
    },
  ];
}

const PROVIDERS = ['openai', 'anthropic', 'gemini', 'xai', 'factory', 'azure'] as const;
