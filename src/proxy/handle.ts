import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError } from '../base/errors.ts';
import { loggablePath } from '../base/log.ts';
import { nextRequestId } from '../base/request-id.ts';
import { answerError, answerOptions, answerPreflight } from './answer.ts';
import { forward } from './forward.ts';
import { ACCESS_KEY_FIELD, cameThroughUs } from './head.ts';
import type { Passage, ProxyContext, SpecialRequest } from './passage.ts';
import type { RequestTarget } from './target.ts';

/**
 * The life of a proxied request, from its head to its count. Never rejects.
 *
 * @param target what the listener made of the request target, `BASE_PATH` taken off
 */
export async function handle(
  context: ProxyContext,
  exchange: { request: IncomingMessage; response: ServerResponse; target: RequestTarget },
  special?: SpecialRequest,
): Promise<void> {
  const passage = enter(context, exchange, special);
  try {
    route(passage);
    admit(passage);
    if (!answeredHere(passage)) await forward(passage);
  } catch (error) {
    refuse(passage, error);
  } finally {
    count(passage);
  }
}

function enter(
  context: ProxyContext,
  {
    request,
    response,
    target,
  }: { request: IncomingMessage; response: ServerResponse; target: RequestTarget },
  special: SpecialRequest | undefined,
): Passage {
  return {
    context,
    request,
    response,
    special,
    path: target.path,
    authority: target.authority,
    startedAt: performance.now(),
    mapping: undefined,
    status: 0,
    firstByteAt: -1,
    bytesIn: 0,
    bytesOut: 0,
    endsByClose: false,
    error: undefined,
    requestId: undefined,
  };
}

/** Finds the mapping that owns the path. */
function route(passage: Passage): void {
  const { context, path } = passage;
  if (path === '*') return;
  passage.mapping = context.mappings().find(path);
  if (passage.mapping === undefined) throw new AppError('ERR_NO_MAPPING', 'No mapping owns this path');
  context.recorder.opened();
}

/** Lets in who may use the proxy, and nothing that comes round in a loop. */
function admit(passage: Passage): void {
  const { context, request } = passage;
  // A browser cannot put our key into a preflight; the request that follows has it.
  if (context.accessKey !== undefined && !isPreflight(passage)) {
    const given = request.headers[ACCESS_KEY_FIELD];
    if (typeof given !== 'string' || !context.accessKey.matches(given)) {
      throw new AppError(
        'ERR_UNAUTHORIZED',
        `Expected the proxy access key in the \`${ACCESS_KEY_FIELD}\` field`,
      );
    }
  }
  if (
    context.via !== undefined &&
    request.headers.via !== undefined &&
    cameThroughUs(request.rawHeaders, context.via)
  ) {
    throw new AppError('ERR_LOOP', 'The request has already come through this gateway');
  }
}

/** Answers what does not concern the upstream: preflights, `OPTIONS *`, and `Max-Forwards: 0`. */
function answeredHere(passage: Passage): boolean {
  const { request } = passage;
  if (request.method === 'TRACE') {
    // Reflecting a request would show credentials to scripts (RFC 9110 §9.3.8).
    throw new AppError('ERR_METHOD_NOT_ALLOWED', 'TRACE is not forwarded');
  }
  if (request.method !== 'OPTIONS') return false;
  if (isPreflight(passage)) {
    answerPreflight(passage);
    return true;
  }
  if (passage.mapping === undefined || request.headers['max-forwards'] === '0') {
    answerOptions(passage);
    return true;
  }
  return false;
}

function isPreflight({ context, request }: Passage): boolean {
  if (request.method !== 'OPTIONS' || !context.cors) return false;
  return (
    request.headers.origin !== undefined && request.headers['access-control-request-method'] !== undefined
  );
}

/** Turns what went wrong into an answer, if anybody is there to read it. */
function refuse(passage: Passage, thrown: unknown): void {
  const error =
    thrown instanceof AppError ? thrown : new AppError('ERR_INTERNAL', 'Internal error', { cause: thrown });
  if (error.code === 'ERR_CLIENT_CLOSED') {
    passage.status = error.status;
    passage.error = error;
    return;
  }
  answerError(passage, error);
}

/** Counts the request, once, and writes its log line. */
function count(passage: Passage): void {
  const { context, mapping, request, error } = passage;
  const endedAt = performance.now();
  const durationMs = endedAt - passage.startedAt;
  // A broken answer went out with its upstream's status, but it was a failure of the upstream.
  const status = error === undefined ? passage.status : error.status;
  if (mapping !== undefined) {
    context.recorder.record({
      prefix: mapping.prefix,
      method: request.method!,
      path: passage.path.slice(mapping.prefix.length),
      status,
      durationMs,
      firstByteMs: passage.firstByteAt === -1 ? -1 : passage.firstByteAt - passage.startedAt,
      bytesIn: passage.bytesIn,
      bytesOut: passage.bytesOut,
      endedAtMs: Date.now(),
    });
  }
  const failed = status >= 400;
  if (context.logRequests === 'off' || (context.logRequests === 'errors' && !failed)) return;
  const line = {
    request_id: passage.requestId ?? nextRequestId(),
    method: request.method,
    path: loggablePath(passage.path),
    prefix: mapping?.prefix,
    status,
    code: error?.code,
    duration_ms: Math.round(durationMs),
    bytes_in: passage.bytesIn,
    bytes_out: passage.bytesOut,
    err: error?.cause instanceof Error ? error.cause : undefined,
  };
  if (status >= 500) context.log.warn(line, 'request');
  else context.log.info(line, 'request');
}
