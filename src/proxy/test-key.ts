import type { Lease, Verdict } from '../domain/pool/types.ts';
import { judge } from '../domain/pool/verdict.ts';
import { upstreamRequestFor } from '../openai/providers.ts';
import type { KeyTest } from '../stores/pool-types.ts';
import type { ResponseHead, WireExchange, WireFailure, WireHandler, WireRequest } from '../wire/types.ts';
import { parsedError } from './pooled-attempt.ts';
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
  const answer = await ask(context, lease, options);
  const { autoBan } = context.pool.config;
  const nowMs = context.nowMs();
  const verdict = judge(
    {
      status: answer.head?.status ?? 0,
      headers: answer.head?.headers ?? [],
      bodyError: (answer.head?.status ?? 0) >= 400 ? parsedError(answer.body) : undefined,
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

interface Asked {
  head: ResponseHead | undefined;
  body: Buffer;
  failure: WireFailure | undefined;
}

function ask(context: PooledContext, { key }: Lease, options: KeyTestOptions): Promise<Asked> {
  const { model } = options;
  const messages = key.provider === 'anthropic';
  const path = model === undefined ? '/v1/models' : messages ? '/v1/messages' : '/v1/chat/completions';
  const asked = upstreamRequestFor({
    provider: key.provider,
    baseUrl: key.baseUrl ?? context.baseUrlOf(key.provider),
    path,
    secret: key.secret.reveal(),
  });
  const body =
    model === undefined
      ? undefined
      : Buffer.from(JSON.stringify({ model, max_tokens: 1, messages: [{ role: 'user', content: '1' }] }));
  const headers = ['Host', asked.target.authority, 'Accept', 'application/json', 'User-Agent', 'switchyard'];
  headers.push(...asked.credentialFields, ...asked.defaultFields);
  if (body !== undefined)
    headers.push('Content-Type', 'application/json', 'Content-Length', String(body.length));
  const request: WireRequest = {
    method: body === undefined ? 'GET' : 'POST',
    path: asked.path,
    headers,
    body: body === undefined ? 'none' : 'length',
    upgrade: false,
    expectContinue: false,
  };
  return new Promise(resolve => {
    const result: Asked = { head: undefined, body: Buffer.alloc(0), failure: undefined };
    const pieces: Buffer[] = [];
    let bytes = 0;
    let exchange: WireExchange | undefined;
    const settle = (failure: WireFailure | undefined) => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', aborted);
      exchange?.abort();
      resolve({ ...result, body: Buffer.concat(pieces), failure });
    };
    const gaveUp = (code: 'ERR_UPSTREAM_TIMEOUT' | 'ERR_CLIENT_CLOSED') =>
      settle({
        code,
        message: 'The test of the key was given up',
        cause: undefined,
        nothingSent: false,
        reusedConnection: false,
        answerBegun: result.head !== undefined,
      });
    const aborted = () => gaveUp('ERR_CLIENT_CLOSED');
    const timer = setTimeout(() => gaveUp('ERR_UPSTREAM_TIMEOUT'), options.timeoutMs);
    options.signal?.addEventListener('abort', aborted);
    const handler: WireHandler = {
      onInformational() {},
      onHead: head => {
        result.head = head;
      },
      onData: piece => {
        pieces.push(Buffer.from(piece));
        bytes += piece.length;
        if (bytes >= ANSWER_BYTES) settle(undefined);
      },
      onPacketEnd: () => true,
      onEnd: () => settle(undefined),
      onUpgrade() {},
      onDrain() {},
      onFailure: failure => settle(failure),
    };
    exchange = context.upstreams.at(asked.target).send(request, handler, { wholeBody: body });
  });
}
