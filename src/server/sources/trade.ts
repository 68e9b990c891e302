import { restUntilMs } from '../../domain/pool/retry-after.ts';
import { type Grant, parsedJson, parseGrant, refusalOf } from '../../domain/pool/sources/oauth-tokens.ts';
import { fieldValue } from '../../proxy/head.ts';
import type { PostForm } from './post-form.ts';

/** What came of asking for a new access token. Reasons may be shown: they hold nothing that the endpoint wrote. */
export type Trade =
  | { readonly kind: 'granted'; readonly grant: Grant }
  /** Asking again is of no use. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** `notBeforeMs`: the endpoint asked to be left alone until then; 0 where it did not. */
  | { readonly kind: 'failed'; readonly reason: string; readonly notBeforeMs: number };

interface ResponseFields {
  readonly status: number;
  /** Flat list name, value. */
  readonly headers: readonly string[];
}

export interface TradeOptions {
  /** `OAUTH_TOKEN_URL`, `OAUTH_CLIENT_ID`. */
  readonly url: string;
  readonly clientId: string;
  readonly post: PostForm;
  readonly nowMs: () => number;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 30_000;
const LONGEST_BODY_BYTES = 256 * 1024;

/** Trades a refresh token for an access token (RFC 6749 §6). Never rejects. */
export async function trade(refreshToken: string, options: TradeOptions): Promise<Trade> {
  const { url, clientId, nowMs, timeoutMs = TIMEOUT_MS } = options;
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    client_id: clientId,
  });
  const { head, body, failure } = await options.post(url, form, { timeoutMs, bodyBytes: LONGEST_BODY_BYTES });
  // Only the code: a text could quote what was sent.
  if (failure !== undefined) return { kind: 'failed', reason: failure.code, notBeforeMs: 0 };
  if (head === undefined) return { kind: 'failed', reason: 'no answer', notBeforeMs: 0 };
  return judged(head, parsedJson(body.toString('utf8')), nowMs());
}

function judged({ status, headers }: ResponseFields, body: unknown, nowMs: number): Trade {
  if (status >= 200 && status < 300) {
    const grant = parseGrant(body, nowMs);
    if (grant !== undefined) return { kind: 'granted', grant };
    return { kind: 'failed', reason: `HTTP ${status} without an access token`, notBeforeMs: 0 };
  }
  const refusal = refusalOf(status, body);
  if (refusal !== undefined) return { kind: 'refused', reason: refusal };
  return {
    kind: 'failed',
    reason: `HTTP ${status}`,
    notBeforeMs:
      fieldValue(headers, 'retry-after') === undefined ? 0 : restUntilMs(headers, undefined, nowMs),
  };
}
