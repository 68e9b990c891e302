import { AppError } from '../base/errors.ts';
import { type Answer, allowOnly, type Route, type RouteRequest } from './route.ts';

export const USAGE_WINDOWS = ['24h', '7d', '30d', 'total'] as const;
export type UsageWindow = (typeof USAGE_WINDOWS)[number];

export const USAGE_KINDS = ['key', 'model', 'endpoint'] as const;
/** What a row of usage stands for. */
export type UsageKind = (typeof USAGE_KINDS)[number];

/** What requests used, and how they ended. */
export interface TokenFigures {
  readonly requests: number;
  readonly successes: number;
  readonly failures: number;
  /** From 0 to 1; `null` without requests. */
  readonly successRate: number | null;
  /** Cached ones included. */
  readonly inputTokens: number;
  /** Reasoning included. */
  readonly outputTokens: number;
  readonly cachedTokens: number;
  readonly reasoningTokens: number;
  readonly totalTokens: number;
  /** Successes whose answer said nothing of tokens: not zero, but unknown. */
  readonly unknownUsage: number;
}

export interface TokenRow extends TokenFigures {
  /** Id of a key, a model, or an endpoint. */
  readonly name: string;
  /** Of a key that exists. */
  readonly hint?: string;
  readonly notes?: string;
}

export interface TokenUsage {
  readonly window: UsageWindow;
  readonly by: UsageKind;
  /** Epoch ms; `null` where there is no border. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
  readonly totals: TokenFigures;
  /** Most tokens first. */
  readonly rows: readonly TokenRow[];
}

export interface TokenSummary {
  readonly timeZone: string;
  /** Since local midnight. */
  readonly today: TokenFigures;
  readonly totals: TokenFigures;
  /** Tokens of the last local days, for each day 24 numbers. */
  readonly heatMap: { readonly days: readonly string[]; readonly tokens: readonly (readonly number[])[] };
  /** The last 30 local days, oldest first. */
  readonly days: readonly (TokenFigures & { readonly day: string })[];
  /** Most tokens first, at most 50. */
  readonly keys: readonly TokenRow[];
  readonly models: readonly TokenRow[];
}

/** What the keys of the pool used. */
export interface TokenReports {
  /** @throws AppError `ERR_STORE_UNAVAILABLE` */
  readUsage(query: { window: UsageWindow; by: UsageKind; nowMs: number }): Promise<TokenUsage>;
  /** @throws AppError `ERR_STORE_UNAVAILABLE` */
  readSummary(nowMs: number): Promise<TokenSummary>;
  /**
   * Writes what waits in this process and takes over what others counted.
   *
   * @returns of how many keys usage is known
   * @throws AppError `ERR_STORE_UNAVAILABLE`
   */
  sync(nowMs: number): Promise<number>;
  /**
   * Deletes counts from before a time; totals stay.
   *
   * @throws AppError `ERR_STORE_UNAVAILABLE`
   */
  cleanUp(beforeMs: number): Promise<void>;
}

const DAY_MS = 86_400_000;
const MOST_DAYS = 3650;

export function tokenRoutes(reports: TokenReports): Route[] {
  async function usage({ query, nowMs }: RouteRequest): Promise<Answer> {
    const window = oneOf(query.get('window') ?? 'total', USAGE_WINDOWS, 'window');
    const by = oneOf(query.get('by') ?? 'key', USAGE_KINDS, 'by');
    return { status: 200, json: await reports.readUsage({ window, by, nowMs }) };
  }

  async function summary({ nowMs }: RouteRequest): Promise<Answer> {
    return { status: 200, json: await reports.readSummary(nowMs) };
  }

  async function sync({ nowMs }: RouteRequest): Promise<Answer> {
    return { status: 200, json: { syncedAtMs: nowMs, keys: await reports.sync(nowMs) } };
  }

  async function cleanUp(request: RouteRequest): Promise<Answer> {
    const body = await request.readObject();
    allowOnly(body, ['days']);
    const days = body.get('days');
    if (!Number.isSafeInteger(days) || Number(days) < 1 || Number(days) > MOST_DAYS) {
      throw new AppError('ERR_VALIDATION', `Expected \`days\` to be an integer from 1 to ${MOST_DAYS}`, {
        field: 'days',
      });
    }
    const beforeMs = request.nowMs - Number(days) * DAY_MS;
    await reports.cleanUp(beforeMs);
    return { status: 200, json: { beforeMs } };
  }

  const route = (method: Route['method'], path: string, rest: Pick<Route, 'summary' | 'handle'>): Route => ({
    method,
    path: `/admin/token/${path}`,
    audience: 'admin',
    ...rest,
  });
  return [
    route('GET', 'usage', { summary: 'Tokens by key, model or endpoint', handle: usage }),
    route('GET', 'summary', {
      summary: 'Tokens of today and in all, heat map and rankings',
      handle: summary,
    }),
    route('POST', 'sync', { summary: 'Write and read all token counts now', handle: sync }),
    route('POST', 'cleanup', { summary: 'Delete old token counts', handle: cleanUp }),
  ];
}

function oneOf<T extends string>(value: string, allowed: readonly T[], field: string): T {
  const found = allowed.find(candidate => candidate === value);
  if (found === undefined) {
    throw new AppError('ERR_VALIDATION', `Expected \`${field}\` to be one of ${allowed.join(', ')}`, {
      field,
    });
  }
  return found;
}
