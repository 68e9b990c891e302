import type { IncomingMessage } from 'node:http';
import { AppError } from '../base/errors.ts';
import type { Mapping } from '../domain/mappings.ts';
import type { WireFailure, WireRequest } from '../wire/types.ts';
import type { Upstream } from '../wire/upstream.ts';
import { fieldValue, requestFields } from './head.ts';
import type { Passage } from './passage.ts';
import { type Outcome, Relay } from './relay.ts';
import { upstreamPath } from './target.ts';

/** Bodies up to this size may go on as one buffer, when they are there already. */
const WHOLE_BODY_BYTES = 64 * 1024;
const NO_BODY = Buffer.alloc(0);

/** RFC 9110 §9.2.2. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/**
 * Sends a request to its mapping's target and relays the answer. Resolves when the client has all of it.
 *
 * @throws AppError when no byte of an answer could be given, or the client left (`ERR_CLIENT_CLOSED`)
 */
export async function forward(passage: Passage, mapping: Mapping): Promise<void> {
  const { request, special } = passage;
  const body = bodyFraming(request);
  let wholeBody: Buffer | undefined;
  if (body === 'none') {
    wholeBody = NO_BODY;
  } else if (
    body === 'length' &&
    special === undefined &&
    Number(request.headers['content-length']) <= WHOLE_BODY_BYTES
  ) {
    wholeBody = await bodyAtHand(request);
    if (wholeBody !== undefined) passage.bytesIn = wholeBody.length;
  }
  const wireRequest = prepare(passage, mapping, body);
  const upstream = passage.context.upstreams.for(mapping);
  let outcome = await attempt(passage, upstream, wireRequest, { wholeBody, fresh: false });
  if (
    outcome.kind === 'failed' &&
    mayRepeat(wireRequest, outcome.failure, { isWhole: wholeBody !== undefined })
  ) {
    outcome = await attempt(passage, upstream, wireRequest, { wholeBody, fresh: true });
  }
  switch (outcome.kind) {
    case 'answered':
    case 'broken':
      return;
    case 'client-left':
      throw new AppError('ERR_CLIENT_CLOSED', 'The client closed the connection');
    case 'failed':
      throw new AppError(outcome.failure.code, outcome.failure.message, { cause: outcome.failure.cause });
  }
}

/** One try. */
function attempt(
  passage: Passage,
  upstream: Upstream,
  wireRequest: WireRequest,
  options: { wholeBody: Buffer | undefined; fresh: boolean },
): Promise<Outcome> {
  const { response } = passage;
  if (response.destroyed || response.closed) return Promise.resolve({ kind: 'client-left' });
  return new Promise<Outcome>(resolve => {
    const relay = new Relay(passage, outcome => {
      // Of an answered one the response is closed: nothing more is heard from it.
      if (outcome.kind !== 'answered') response.off('close', closed);
      resolve(outcome);
    });
    const closed = () => relay.onResponseClosed();
    response.on('close', closed);
    relay.carry(upstream.send(wireRequest, relay, options));
  });
}

/**
 * A request may go out again only when an answer cannot exist: nothing was sent, or a kept connection turned out to be
 * closed, no byte came back, and the request is idempotent or says it may be repeated (RFC 9110 §9.2.2).
 *
 * @param body.isWhole it can be sent again
 * @param body.isForced it may be repeated whatever its method
 */
export function mayRepeat(
  request: Pick<WireRequest, 'method' | 'headers'>,
  failure: WireFailure,
  { isWhole, isForced = false }: { isWhole: boolean; isForced?: boolean },
): boolean {
  if (!isWhole || failure.answerBegun || !failure.reusedConnection) return false;
  if (failure.nothingSent || isForced) return true;
  return IDEMPOTENT.has(request.method) || fieldValue(request.headers, 'idempotency-key') !== undefined;
}

/** How the request's body is framed. The listener has refused everything ambiguous. */
export function bodyFraming(request: IncomingMessage): 'none' | 'length' | 'chunked' {
  if (request.headers['transfer-encoding'] !== undefined) return 'chunked';
  return request.headers['content-length'] === undefined ? 'none' : 'length';
}

/** The whole body when it came with the head or right behind it; else `undefined`, and it will be streamed. */
export function bodyAtHand(request: IncomingMessage): Promise<Buffer | undefined> {
  return new Promise(resolve => {
    // The parser reports a body after this turn of the event loop has read what the sockets hold. Not sooner, though most
    // bodies are there in the next microtask: requests that came together go on together, which wakes the upstream once.
    setImmediate(() =>
      resolve(request.complete ? ((request.read() as Buffer | null) ?? NO_BODY) : undefined),
    );
  });
}

/** The request as it goes on. */
function prepare(passage: Passage, mapping: Mapping, body: WireRequest['body']): WireRequest {
  const { request, context, special } = passage;
  const upgrade = special?.upgrade?.protocol;
  return {
    method: request.method!,
    path: upstreamPath(mapping, passage.path),
    headers: requestFields(request.rawHeaders, {
      authority: mapping.target.authority,
      via: context.via,
      forwarded: context.forwarded,
      client: context.forwarded === 'append' ? clientOf(passage) : undefined,
      body,
      upgrade,
      expectContinue: special?.expectContinue === true,
    }),
    body,
    upgrade: upgrade !== undefined,
    expectContinue: special?.expectContinue === true,
  };
}

export function clientOf(passage: Passage): { address: string; host: string; scheme: 'http' | 'https' } {
  const socket = passage.request.socket;
  const address = socket.remoteAddress ?? 'unknown';
  return {
    address: address.replace(/^::ffff:/, ''),
    host: passage.authority,
    scheme: 'encrypted' in socket ? 'https' : 'http',
  };
}
