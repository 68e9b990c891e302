import { AppError } from '../base/errors.ts';
import { WINDOW_NAMES } from '../domain/statistics/window-plan.ts';
import type { TokenReports, UsageKind } from '../domain/tokens/token-reports.ts';
import { type Answer, allowOnly, type Route, type RouteRequest } from './route.ts';

/** What the routes need of the reports. */
export type TokenSource = Pick<TokenReports, 'readUsage' | 'readSummary' | 'sync' | 'cleanUp'>;

const USAGE_KINDS: readonly UsageKind[] = ['key', 'model', 'endpoint'];
const DAY_MS = 86_400_000;
const MOST_DAYS = 3650;

export function tokenRoutes(reports: TokenSource): Route[] {
  async function usage({ query, nowMs }: RouteRequest): Promise<Answer> {
    const window = oneOf(query.get('window') ?? 'total', WINDOW_NAMES, 'window');
    const by = oneOf(query.get('by') ?? 'key', USAGE_KINDS, 'by');
    return { status: 200, json: await reports.readUsage({ window, by, nowMs }) };
  }

  async function summary({ nowMs }: RouteRequest): Promise<Answer> {
    return { status: 200, json: await reports.readSummary(nowMs) };
  }

  async function sync({ nowMs }: RouteRequest): Promise<Answer> {
    return { status: 200, json: { syncedAtMs: nowMs, keys: await reports.sync() } };
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
