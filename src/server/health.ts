/** Whether a part answers, works from what it has, or cannot serve. */
export type PartState = 'ok' | 'degraded' | 'unavailable';

/** What is known about this process at this moment. */
export interface HealthFacts {
  /** A shutdown has begun: no new work should come here. */
  readonly draining: boolean;
  readonly mappings: {
    /** Whether a table was ever read, from the store or its local copy. */
    readonly loaded: boolean;
    readonly state: 'ok' | 'degraded';
    readonly count: number;
    readonly skipped: number;
  };
  readonly store: { readonly kind: 'sqlite' | 'redis'; readonly state: 'ok' | 'degraded' };
  readonly counters: {
    readonly state: 'ok' | 'degraded';
    /** Rows of counters that wait for the store. */
    readonly queuedRows: number;
  };
  readonly version: string;
}

export interface HealthReport {
  readonly status: PartState | 'draining';
  readonly version: string;
  readonly dependencies: {
    readonly mappings: { readonly state: PartState; readonly count: number; readonly skipped: number };
    readonly store: { readonly kind: 'sqlite' | 'redis'; readonly state: 'ok' | 'degraded' };
    readonly counters: { readonly state: 'ok' | 'degraded'; readonly queued_rows: number };
  };
}

/**
 * What `/health` shows. A store that is away degrades and no more, since the table in memory goes on serving; without
 * any table there is nothing to serve.
 */
export function healthReport(facts: HealthFacts): HealthReport {
  const { mappings, store, counters } = facts;
  const mappingState: PartState = mappings.loaded ? mappings.state : 'unavailable';
  const degraded = [mappingState, store.state, counters.state].some(state => state !== 'ok');
  const serving: PartState = mappings.loaded ? (degraded ? 'degraded' : 'ok') : 'unavailable';
  return {
    status: facts.draining ? 'draining' : serving,
    version: facts.version,
    dependencies: {
      mappings: { state: mappingState, count: mappings.count, skipped: mappings.skipped },
      store: { kind: store.kind, state: store.state },
      counters: { state: counters.state, queued_rows: counters.queuedRows },
    },
  };
}

/** Whether a load balancer may send requests here. */
export function isReady(report: HealthReport): boolean {
  return report.status === 'ok' || report.status === 'degraded';
}
