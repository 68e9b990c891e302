import type { ServerResponse } from 'node:http';
import { AppError } from '../base/errors.ts';
import { nextRequestId } from '../base/request-id.ts';
import { backoffMs } from '../domain/pool/backoff.ts';
import { type Lease, upstreamOf, type Verdict } from '../domain/pool/types.ts';
import { errorBodyFor } from '../openai/error-shape.ts';
import { answerPreflight } from './answer.ts';
import { shownCredentials } from './client-credential.ts';
import { count } from './count.ts';
import { type Arrival, enter } from './enter.ts';
import { isPreflight, refuse } from './handle.ts';
import { cameThroughUs } from './head.ts';
import { hasOtherKey, NO_KEYS, spent, type Tried, takeKey } from './key-choice.ts';
import type { Passage, Usage } from './passage.ts';
import type { PooledContext } from './pooled-context.ts';
import { type Plan, plan } from './pooled-plan.ts';
import { attemptWith, CIRCUIT_OPEN } from './pooled-send.ts';
import { respondJson } from './respond.ts';

/** Other keys that one request may go on to. */
const MOST_KEYS = 10;
const LONGEST_BACKOFF_MS = 30_000;

/** What became known of a request on its way, for the count. */
interface Progress {
  /** Of the key that was asked last. */
  keyId: string | undefined;
  model: string | undefined;
  usage: Usage | undefined;
  failedKeyIds: string[] | undefined;
}

/** The life of a request to `/v1`, from its head to its count. Never rejects. */
export async function handlePooled(context: PooledContext, arrival: Arrival): Promise<void> {
  const passage = enter(context, arrival, describeError);
  const progress: Progress = {
    keyId: undefined,
    model: undefined,
    usage: undefined,
    failedKeyIds: undefined,
  };
  passage.prefix = '/v1';
  context.recorder.opened();
  try {
    if (isPreflight(passage)) {
      answerPreflight(passage);
      return;
    }
    admit(passage, context);
    if (asksForModels(passage)) {
      await answerModels(passage, context);
      return;
    }
    const planned = await plan(passage, context);
    progress.model = planned.model;
    await serve(passage, context, { planned, progress });
  } catch (error) {
    refuse(passage, error);
  } finally {
    count(passage, progress);
  }
}

function describeError(
  error: AppError,
  { path, requestId }: { readonly path: string; readonly requestId: string },
): string {
  return errorBodyFor(path, error, requestId);
}

/** Lets in who shows an access key, and nothing that comes round in a loop. */
function admit(passage: Passage, context: PooledContext): void {
  const { request, path } = passage;
  if (request.method === 'TRACE') {
    // An upstream that reflects the request would show the pool's key to the client (RFC 9110 §9.3.8).
    throw new AppError('ERR_METHOD_NOT_ALLOWED', 'TRACE is not forwarded');
  }
  if (!context.access.admits(shownCredentials(request, path))) {
    throw new AppError(
      'ERR_UNAUTHORIZED',
      'Expected a valid access key as Bearer token, `x-api-key` or `api-key`',
    );
  }
  if (
    context.via !== undefined &&
    request.headers.via !== undefined &&
    cameThroughUs(request.rawHeaders, context.via)
  ) {
    throw new AppError('ERR_LOOP', 'The request has already come through this gateway');
  }
}

/** `GET /v1/models` comes from the cache, so that resting keys do not hide what there is. */
function asksForModels({ request, path }: Passage): boolean {
  return request.method === 'GET' && /^\/v1\/models(?:\/[^/?:]+)*\/?(?:\?|$)/.test(path);
}

async function answerModels(passage: Passage, context: PooledContext): Promise<void> {
  const { status, body } = await context.models.answer(passage.path, nextRequestId());
  respondJson(passage, status, body);
}

/** Tries keys until one answers, or none is left. */
async function serve(
  passage: Passage,
  context: PooledContext,
  { planned, progress }: { planned: Plan; progress: Progress },
): Promise<void> {
  const { retry } = context.pool.config;
  const isRepeatable = planned.wholeBody !== undefined;
  const tried: Tried = {
    refused: NO_KEYS,
    failed: NO_KEYS,
    failedUpstreams: NO_KEYS,
    failure: undefined,
  };
  let retriesLeft = retry.enabled && isRepeatable ? retry.max : 0;
  const mayGoOn = (verdict: Verdict) =>
    isRepeatable && (verdict.then === 'another-key' ? tried.refused.size < MOST_KEYS : retriesLeft > 0);
  let lease: Lease;
  const isClients = (verdict: Verdict): boolean => {
    if (verdict.then === 'relay') return true;
    if (verdict.then === 'retry') return !mayGoOn(verdict);
    // What a vendor says of the client's own key is the client's to know.
    if (lease.key.source === 'client') return true;
    // Not the key was refused but what it was asked for: without another key that is all there is to say.
    return (
      verdict.key.kind === 'none' && !(mayGoOn(verdict) && hasOtherKey(context, lease, { planned, tried }))
    );
  };

  for (;;) {
    // Once it has left, nothing tells so again: an attempt would never end, and its key never come back.
    if (passage.response.closed) throw new AppError('ERR_CLIENT_CLOSED', 'The client closed the connection');
    lease = takeKey(passage, context, { planned, tried });
    // The key before it was asked in vain.
    if (progress.keyId !== undefined) {
      progress.failedKeyIds ??= [];
      progress.failedKeyIds.push(progress.keyId);
    }
    progress.keyId = lease.key.id;
    const { outcome, usage } = await attemptWith(lease, passage, context, { planned, isClients });
    if (outcome === CIRCUIT_OPEN) progress.keyId = undefined;
    progress.usage = usage;
    if (usage !== undefined && passage.request.method === 'POST') {
      context.pool.addUsage(lease.key.id, usage.input + usage.output);
    }
    switch (outcome.kind) {
      case 'relayed':
        if (usage !== undefined && planned.model !== undefined)
          context.lastModels.set(lease.key.provider, planned.model);
        return;
      case 'broken':
        return;
      case 'client-left':
        throw new AppError('ERR_CLIENT_CLOSED', 'The client closed the connection');
      case 'again':
        tried.failure =
          outcome.failure === undefined
            ? new AppError('ERR_UPSTREAM_PROTOCOL', 'The upstream could not answer')
            : new AppError(outcome.failure.code, outcome.failure.message, { cause: outcome.failure.cause });
        if (!mayGoOn(outcome.verdict))
          throw outcome.verdict.then === 'another-key' ? spent(context, lease) : tried.failure;
        if (outcome.verdict.then === 'another-key') {
          tried.refused = withOne(tried.refused, lease.key.id);
        } else {
          const attempt = retry.max - retriesLeft;
          retriesLeft -= 1;
          tried.failed = withOne(tried.failed, lease.key.id);
          tried.failedUpstreams = withOne(tried.failedUpstreams, upstreamOf(lease.key));
          const waitMs = backoffMs(attempt, { baseMs: retry.delayMs, maxMs: LONGEST_BACKOFF_MS });
          await Promise.race([context.wait(waitMs), closed(passage.response)]);
        }
    }
  }
}

function withOne(names: ReadonlySet<string>, name: string): ReadonlySet<string> {
  return new Set(names).add(name);
}

/** Resolves when there is nobody left to answer. */
function closed(response: ServerResponse): Promise<void> {
  return new Promise(resolve => {
    if (response.closed) resolve();
    else response.once('close', resolve);
  });
}
