import { member, type OAuthTokens, parsedJson, tokenText } from './oauth-tokens.ts';

/**
 * The tokens in an `auth.json`: `refresh_token`, `api_key`, `expires_at` and `last_refresh`. Times are epoch ms, epoch
 * seconds or ISO 8601.
 *
 * @returns `undefined` where this is no JSON object: a damaged file
 */
export function parseAuthFile(text: string): OAuthTokens | undefined {
  const value = parsedJson(text);
  if (!isObject(value)) return undefined;
  return {
    refreshToken: tokenText(member(value, 'refresh_token')),
    accessToken: tokenText(member(value, 'api_key')),
    expiresAtMs: timeMs(member(value, 'expires_at')),
    refreshedAtMs: timeMs(member(value, 'last_refresh')),
    refusedAtMs: undefined,
  };
}

/** The same file with new tokens; every other member stays, and times stay in the form in which they stood there. */
export function updateAuthFile(text: string, tokens: OAuthTokens): string {
  const known = parsedJson(text);
  const members = new Map(isObject(known) ? Object.entries(known) : []);
  const changes = [
    ['refresh_token', tokens.refreshToken],
    ['api_key', tokens.accessToken],
    ['expires_at', inForm(tokens.expiresAtMs, members.get('expires_at'))],
    ['last_refresh', inForm(tokens.refreshedAtMs, members.get('last_refresh'))],
  ] as const;
  for (const [name, value] of changes) {
    if (value === undefined) members.delete(name);
    else members.set(name, value);
  }
  return `${JSON.stringify(Object.fromEntries(members), null, 2)}\n`;
}

/** Numbers below it are seconds: as ms they would be in 1973. */
const FIRST_MS = 1e11;
/** No time is later: a date cannot be made of it (ECMA-262, time range). */
const LAST_MS = 8.64e15;

function timeMs(value: unknown): number | undefined {
  if (typeof value === 'string' && !/^\d+$/.test(value)) {
    const parsed = Date.parse(value);
    return Number.isNaN(parsed) ? undefined : parsed;
  }
  const number = typeof value === 'number' ? value : Number(value ?? Number.NaN);
  if (!Number.isFinite(number) || number <= 0) return undefined;
  const epochMs = number < FIRST_MS ? number * 1000 : number;
  return epochMs <= LAST_MS ? epochMs : undefined;
}

function inForm(epochMs: number | undefined, before: unknown): number | string | undefined {
  if (epochMs === undefined) return undefined;
  if (typeof before === 'string' && !/^\d+$/.test(before)) return new Date(epochMs).toISOString();
  if (typeof before === 'number' && before < FIRST_MS) return Math.floor(epochMs / 1000);
  return Math.floor(epochMs);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
