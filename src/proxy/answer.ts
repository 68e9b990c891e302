import type { AppError } from '../base/errors.ts';
import { nextRequestId } from '../base/request-id.ts';
import type { Passage } from './passage.ts';

/**
 * Answers with one of our own errors as JSON, or, once an answer has begun, breaks it off so that nobody takes it for
 * whole.
 */
export function answerError(passage: Passage, error: AppError): void {
  const { response } = passage;
  passage.error = error;
  const requestId = passage.requestId ?? nextRequestId();
  passage.requestId = requestId;
  if (response.headersSent) {
    breakOff(passage);
    return;
  }
  passage.status = error.status;
  const body = Buffer.from(passage.describeError(error, { path: passage.path, requestId }));
  const fields = ['Content-Type', 'application/json; charset=utf-8', 'Content-Length', String(body.length)];
  fields.push('Cache-Control', 'no-store');
  if (error.retryAfterSeconds !== undefined) fields.push('Retry-After', String(error.retryAfterSeconds));
  fields.push(...corsFields(passage, undefined));
  // A client that still waits for 100 may send its body or the next request: only closing is unambiguous.
  if (passage.special !== undefined && !passage.request.complete) fields.push('Connection', 'close');
  response.writeHead(error.status, fields);
  response.end(body);
}

/** Ends a begun answer so that it cannot be mistaken for a complete one (RFC 9112 §8). */
export function breakOff(passage: Passage): void {
  const { response } = passage;
  const socket = response.socket;
  if (socket === null) {
    response.destroy();
  } else if (passage.endsByClose) {
    // The end of the connection would mean the end of the body: only a reset tells the difference.
    socket.resetAndDestroy();
  } else {
    // The missing last chunk, or the missing rest of the length, tells. What was written still goes out.
    socket.destroySoon();
  }
}

/** Fields that let a browser on another origin read the answer, where the upstream set none (Fetch §3.2). */
export function corsFields(passage: Passage, upstreamFields: readonly string[] | undefined): string[] {
  if (!passage.context.cors || passage.request.headers.origin === undefined) return [];
  if (upstreamFields !== undefined) {
    for (let index = 0; index < upstreamFields.length; index += 2) {
      if (upstreamFields[index]!.toLowerCase() === 'access-control-allow-origin') return [];
    }
  }
  return ['Access-Control-Allow-Origin', '*', 'Access-Control-Expose-Headers', '*'];
}

/** Answers a CORS preflight (Fetch §3.2.2): everything a vendor's API takes is allowed, the upstream decides the rest. */
export function answerPreflight(passage: Passage): void {
  const { headers } = passage.request;
  passage.status = 204;
  passage.response.writeHead(204, [
    'Access-Control-Allow-Origin',
    '*',
    'Access-Control-Allow-Methods',
    headers['access-control-request-method'] ?? 'GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS',
    'Access-Control-Allow-Headers',
    headers['access-control-request-headers'] ?? '*',
    'Access-Control-Max-Age',
    '86400',
    'Vary',
    'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
  ]);
  passage.response.end();
}

/** Answers `OPTIONS *` and an `OPTIONS` that may go no further (RFC 9110 §7.6.2). */
export function answerOptions(passage: Passage): void {
  passage.status = 204;
  passage.response.writeHead(204, ['Allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS']);
  passage.response.end();
}
