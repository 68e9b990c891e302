/** Tokens of one OAuth login (RFC 6749 §1.5), as they are kept. */
export interface OAuthTokens {
  /** `undefined` where there is a fixed access token alone. */
  readonly refreshToken: string | undefined;
  readonly accessToken: string | undefined;
  /** Epoch ms at which the access token ends; `undefined` where nobody said. */
  readonly expiresAtMs: number | undefined;
  /** Epoch ms at which the access token was given out; `undefined` where nobody noted it. */
  readonly refreshedAtMs: number | undefined;
  /** Epoch ms at which the token endpoint said that this refresh token is no good. */
  readonly refusedAtMs: number | undefined;
}

const HOUR_MS = 3_600_000;
/** How often a new access token is asked for. */
export const REFRESH_EVERY_MS = 6 * HOUR_MS;
/** How long an access token is taken to be good when its answer does not say. */
export const ASSUMED_LIFE_MS = 8 * HOUR_MS;
/** So long before the end a token is replaced, or a quarter of its life before, where that is less. */
const EARLY_MS = 2 * HOUR_MS;
/** No token is taken to be good for longer, whatever is said: times stay times. */
const LONGEST_LIFE_MS = 366 * 24 * HOUR_MS;
/** An endpoint that gives out tokens which are over at once is not asked in a circle. */
const SHORTEST_INTERVAL_MS = 60_000;

/** Epoch ms from which on a new access token is to be asked for: 0 at once, infinity never. */
export function refreshDueMs(tokens: OAuthTokens): number {
  const { refreshToken, accessToken, refreshedAtMs } = tokens;
  if (refreshToken === undefined) return Number.POSITIVE_INFINITY;
  const endMs = accessEndMs(tokens);
  if (accessToken === undefined || endMs === Number.POSITIVE_INFINITY) return 0;
  if (refreshedAtMs === undefined) return endMs - EARLY_MS;
  const earlyMs = Math.min(EARLY_MS, (endMs - refreshedAtMs) / 4);
  const dueMs = Math.min(refreshedAtMs + REFRESH_EVERY_MS, endMs - earlyMs);
  return Math.max(dueMs, refreshedAtMs + SHORTEST_INTERVAL_MS);
}

/** Epoch ms up to which the access token is good; infinity where nothing is known of it. */
export function accessEndMs({ accessToken, expiresAtMs, refreshedAtMs }: OAuthTokens): number {
  if (accessToken === undefined) return 0;
  if (expiresAtMs !== undefined) return expiresAtMs;
  const told = jwtTimes(accessToken)?.exp;
  if (told !== undefined) return told * 1000;
  return refreshedAtMs === undefined ? Number.POSITIVE_INFINITY : refreshedAtMs + ASSUMED_LIFE_MS;
}

/** A good answer of a token endpoint. */
export interface Grant {
  readonly accessToken: string;
  /** Where the refresh token was replaced (RFC 6749 §6): the old one is then no good any more. */
  readonly refreshToken: string | undefined;
  readonly expiresAtMs: number;
}

/**
 * Reads a good answer (RFC 6749 §5.1); `undefined` where it is none. How long the token is good is told by `expires_in`,
 * else by the token itself (JWT, RFC 7519 §4.1.4), else 8 h are assumed.
 */
export function parseGrant(body: unknown, nowMs: number): Grant | undefined {
  const accessToken = tokenText(member(body, 'access_token'));
  if (accessToken === undefined) return undefined;
  return {
    accessToken,
    refreshToken: tokenText(member(body, 'refresh_token')),
    expiresAtMs: nowMs + Math.min(lifeMs(body, accessToken, nowMs) ?? ASSUMED_LIFE_MS, LONGEST_LIFE_MS),
  };
}

/** Between two times of the issuer where it tells both, so that a clock which is wrong here does no harm. */
function lifeMs(body: unknown, accessToken: string, nowMs: number): number | undefined {
  const seconds = Number(member(body, 'expires_in') ?? Number.NaN);
  if (seconds > 0 && Number.isFinite(seconds)) return seconds * 1000;
  const { iat, exp } = jwtTimes(accessToken) ?? {};
  if (exp === undefined) return undefined;
  const told = iat === undefined ? exp * 1000 - nowMs : (exp - iat) * 1000;
  return told > 0 ? told : undefined;
}

function jwtTimes(token: string): { iat?: number; exp?: number } | undefined {
  const payload = /^[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*$/.exec(token)?.[1];
  if (payload === undefined) return undefined;
  const claims = parsedJson(Buffer.from(payload, 'base64url').toString('utf8'));
  const times: { iat?: number; exp?: number } = {};
  for (const name of ['iat', 'exp'] as const) {
    const value = member(claims, name);
    if (typeof value === 'number' && value > 0 && value < 1e11) times[name] = value;
  }
  return times;
}

/** Errors by which a token endpoint says that asking again is of no use (RFC 6749 §5.2). */
const REFUSALS: ReadonlySet<string> = new Set([
  'invalid_grant',
  'invalid_client',
  'invalid_request',
  'invalid_scope',
  'unauthorized_client',
  'unsupported_grant_type',
  'access_denied',
]);

/**
 * Why an endpoint refused for good, in a word that may be shown; `undefined` where asking again later makes sense.
 *
 * @param body parsed JSON, or `undefined`
 */
export function refusalOf(status: number, body: unknown): string | undefined {
  if (![400, 401, 403].includes(status)) return undefined;
  for (const name of ['error', 'code'] as const) {
    const code = member(body, name);
    if (typeof code === 'string' && REFUSALS.has(code)) return code;
  }
  // A firewall in between says 403 too.
  return status === 403 ? undefined : `HTTP ${status}`;
}

/** JSON, as it is sealed. */
export function serializeTokens(tokens: OAuthTokens): string {
  return JSON.stringify({ version: 1, ...tokens });
}

/** What `serializeTokens` made; `undefined` where it is something else. */
export function parseTokens(text: string): OAuthTokens | undefined {
  const value = parsedJson(text);
  if (member(value, 'version') !== 1) return undefined;
  return {
    refreshToken: tokenText(member(value, 'refreshToken')),
    accessToken: tokenText(member(value, 'accessToken')),
    expiresAtMs: epochMs(member(value, 'expiresAtMs')),
    refreshedAtMs: epochMs(member(value, 'refreshedAtMs')),
    refusedAtMs: epochMs(member(value, 'refusedAtMs')),
  };
}

const LONGEST_TOKEN = 16_384;

/** A text that can stand in a header field or a form. */
export function tokenText(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  return text.length <= LONGEST_TOKEN && /^[\x21-\x7e]+$/.test(text) ? text : undefined;
}

function epochMs(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** `undefined` where the text is no JSON. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** An own member of an object; `undefined` of anything else. */
export function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}
