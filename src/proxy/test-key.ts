import type { Lease, LiveKey, Verdict } from '../domain/pool/types.ts';
import { judge } from '../domain/pool/verdict.ts';
import { upstreamRequestFor } from '../openai/providers.ts';
import type { KeyTest } from '../stores/pool-types.ts';
import { type Asked, ask } from './ask.ts';
import { parsedJson } from './pooled-attempt.ts';
import type { PooledContext } from './pooled-context.ts';

const ANSWER_BYTES = 64 * 1024;

export interface KeyTestOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** What clients last used with this provider: a completion of one token shows more than a list of models. */
  readonly model: string | undefined;
}

/**
 * Tests a key the way a request uses it: the same addresses, the same fields, the same verdict. Asks for one token of the
 * model that clients last used, or for the list of models where none was used yet. Never rejects.
 */
export async function testKey(
  context: PooledContext,
  lease: Lease,
  options: KeyTestOptions,
): Promise<{ readonly test: KeyTest; readonly verdict: Verdict }> {
  const { key } = lease;
  const { model } = options;
  const answer = await askWithKey(context, key, {
    path:
      model === undefined
        ? '/v1/models'
        : key.provider === 'anthropic'
          ? '/v1/messages'
          : '/v1/chat/completions',
    body:
      model === undefined ? undefined : { model, max_tokens: 1, messages: [{ role: 'user', content: '1' }] },
    timeoutMs: options.timeoutMs,
    signal: options.signal,
    bodyBytes: ANSWER_BYTES,
  });
  const { autoBan } = context.pool.config;
  const nowMs = context.nowMs();
  const verdict = judge(
    {
      status: answer.head?.status ?? 0,
      headers: answer.head?.headers ?? [],
      bodyError: (answer.head?.status ?? 0) >= 400 ? parsedJson(answer.body) : undefined,
      ...(answer.failure === undefined ? {} : { transport: answer.failure.code }),
      provider: key.provider,
      model: options.model ?? '*',
      nowMs,
    },
    { autoBan: autoBan.enabled, ban401: autoBan.ban_401, ban402: autoBan.ban_402 },
  );
  const status = answer.head?.status ?? 0;
  return { verdict, test: { atMs: nowMs, status, ...judged(verdict, status) } };
}

/** What a verdict on a test says of the key. An answer that blames nobody (404 of a test path) does not make it bad. */
function judged(verdict: Verdict, status: number): { ok: boolean; detail: string } {
  switch (verdict.key.kind) {
    case 'success':
      return { ok: true, detail: 'accepted' };
    case 'strike':
    case 'ban':
      return { ok: false, detail: verdict.key.reason };
    case 'rest':
      return { ok: false, detail: verdict.key.reason };
    case 'none':
      if (verdict.upstream === 'strike' || status === 0)
        return { ok: false, detail: 'the upstream did not answer' };
      return { ok: true, detail: `not refused (${status})` };
  }
}

/** One request of our own with a key. @param body JSON for a POST; a GET without */
export function askWithKey(
  context: PooledContext,
  key: LiveKey,
  question: {
    path: string;
    body: unknown;
    timeoutMs: number;
    signal?: AbortSignal | undefined;
    bodyBytes: number;
  },
): Promise<Asked> {
  const asked = upstreamRequestFor({
    provider: key.provider,
    baseUrl: key.baseUrl ?? context.baseUrlOf(key.provider),
    path: question.path,
    secret: key.secret.reveal(),
  });
  const body = question.body === undefined ? undefined : Buffer.from(JSON.stringify(question.body));
  const headers = ['Host', asked.target.authority, 'Accept', 'application/json', 'User-Agent', 'switchyard'];
  headers.push(...asked.credentialFields, ...asked.defaultFields);
  if (body !== undefined)
    headers.push('Content-Type', 'application/json', 'Content-Length', String(body.length));
  return ask(
    context.upstreams.at(asked.target),
    {
      method: body === undefined ? 'GET' : 'POST',
      path: asked.path,
      headers,
      body: body === undefined ? 'none' : 'length',
      upgrade: false,
      expectContinue: false,
    },
    {
      wholeBody: body,
      timeoutMs: question.timeoutMs,
      signal: question.signal,
      bodyBytes: question.bodyBytes,
    },
  );
}
