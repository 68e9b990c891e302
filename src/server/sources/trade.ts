import { restUntilMs } from '../../domain/pool/retry-after.ts';
import { type Grant, parsedJson, parseGrant, refusalOf } from '../../domain/pool/sources/oauth-tokens.ts';

/** What came of asking for a new access token. Reasons may be shown: they hold nothing that the endpoint wrote. */
export type Trade =
  | { readonly kind: 'granted'; readonly grant: Grant }
  /** Asking again is of no use. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** `notBeforeMs`: the endpoint asked to be left alone until then; 0 where it did not. */
  | { readonly kind: 'failed'; readonly reason: string; readonly notBeforeMs: number };

export interface TradeOptions {
  /** `OAUTH_TOKEN_URL`, `OAUTH_CLIENT_ID`. */
  readonly url: string;
  readonly clientId: string;
  readonly fetch: typeof globalThis.fetch;
  readonly nowMs: () => number;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 30_000;
const LONGEST_BODY_BYTES = 256 * 1024;

/** Trades a refresh token for an access token (RFC 6749 §6). Never rejects. */
export async function trade(refreshToken: string, options: TradeOptions): Promise<Trade> {
  const { url, clientId, nowMs } = options;
  try {
    const response = await options.fetch(url, {
      method: 'POST',
      headers: { accept: 'application/json' },
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
        client_id: clientId,
      }),
      // A refresh token goes to the configured address alone.
      redirect: 'error',
      signal: AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS),
    });
    return judged(response, await bodyOf(response), nowMs());
  } catch (error) {
    return { kind: 'failed', reason: reasonOf(error), notBeforeMs: 0 };
  }
}

function judged(response: Response, body: unknown, nowMs: number): Trade {
  const { status } = response;
  if (response.ok) {
    const grant = parseGrant(body, nowMs);
    if (grant !== undefined) return { kind: 'granted', grant };
    return { kind: 'failed', reason: `HTTP ${status} without an access token`, notBeforeMs: 0 };
  }
  const refusal = refusalOf(status, body);
  if (refusal !== undefined) return { kind: 'refused', reason: refusal };
  const retryAfter = response.headers.get('retry-after');
  return {
    kind: 'failed',
    reason: `HTTP ${status}`,
    notBeforeMs: retryAfter === null ? 0 : restUntilMs(['retry-after', retryAfter], undefined, nowMs),
  };
}

/** The JSON of an answer; `undefined` where it is none. */
async function bodyOf(response: Response): Promise<unknown> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of response.body ?? []) {
    bytes += piece.length;
    if (bytes > LONGEST_BODY_BYTES) return undefined;
    pieces.push(piece);
  }
  return parsedJson(Buffer.concat(pieces).toString('utf8'));
}

/** Only codes and names of errors: a text could quote what was sent. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'an unknown error';
  const cause = error.cause instanceof Error && 'code' in error.cause ? error.cause.code : undefined;
  return typeof cause === 'string' ? cause : error.name;
}
