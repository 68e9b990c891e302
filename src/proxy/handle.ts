import { AppError, errorBody } from '../base/errors.ts';
import type { Mapping } from '../domain/mappings.ts';
import { answerError, answerOptions, answerPreflight } from './answer.ts';
import { count } from './count.ts';
import { type Arrival, enter } from './enter.ts';
import { forward } from './forward.ts';
import { ACCESS_KEY_FIELD, cameThroughUs } from './head.ts';
import type { Passage, ProxyContext } from './passage.ts';

/** The life of a request to a mapped prefix, from its head to its count. Never rejects. */
export async function handle(context: ProxyContext, arrival: Arrival): Promise<void> {
  const passage = enter(context, arrival, describeError);
  try {
    const mapping = route(passage, context);
    admit(passage, context);
    if (!answeredHere(passage, mapping)) await forward(passage, mapping!);
  } catch (error) {
    refuse(passage, error);
  } finally {
    count(passage);
  }
}

function describeError(error: AppError, { requestId }: { requestId: string }): string {
  return errorBody(error, requestId);
}

/** Finds the mapping that owns the path; none for `OPTIONS *`, which is for ourselves. */
function route(passage: Passage, context: ProxyContext): Mapping | undefined {
  if (passage.path === '*') return undefined;
  const mapping = context.mappings().find(passage.path);
  if (mapping === undefined) throw new AppError('ERR_NO_MAPPING', 'No mapping owns this path');
  passage.prefix = mapping.prefix;
  context.recorder.opened();
  return mapping;
}

/** Lets in who may use the proxy, and nothing that comes round in a loop. */
function admit(passage: Passage, context: ProxyContext): void {
  const { request } = passage;
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
function answeredHere(passage: Passage, mapping: Mapping | undefined): boolean {
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
  if (mapping === undefined || request.headers['max-forwards'] === '0') {
    answerOptions(passage);
    return true;
  }
  return false;
}

export function isPreflight({ context, request }: Passage): boolean {
  if (request.method !== 'OPTIONS' || !context.cors) return false;
  return (
    request.headers.origin !== undefined && request.headers['access-control-request-method'] !== undefined
  );
}

/** Turns what went wrong into an answer, if anybody is there to read it. */
export function refuse(passage: Passage, thrown: unknown): void {
  const error =
    thrown instanceof AppError ? thrown : new AppError('ERR_INTERNAL', 'Internal error', { cause: thrown });
  if (error.code === 'ERR_CLIENT_CLOSED') {
    passage.status = error.status;
    passage.error = error;
    return;
  }
  answerError(passage, error);
}
