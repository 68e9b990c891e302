import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CommonContext, Passage, SpecialRequest } from './passage.ts';
import type { RequestTarget } from './target.ts';

/** What the listener hands over. */
export interface Arrival {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What the listener made of the request target, `BASE_PATH` taken off. */
  readonly target: RequestTarget;
  readonly special?: SpecialRequest | undefined;
}

/** Begins the account of a request. */
export function enter(
  context: CommonContext,
  { request, response, target, special }: Arrival,
  describeError: Passage['describeError'],
): Passage {
  return {
    context,
    request,
    response,
    special,
    path: target.path,
    authority: target.authority,
    startedAt: performance.now(),
    describeError,
    prefix: undefined,
    status: 0,
    firstByteAt: -1,
    bytesIn: 0,
    bytesOut: 0,
    bodyLimitBytes: undefined,
    endsByClose: false,
    error: undefined,
    requestId: undefined,
  };
}
