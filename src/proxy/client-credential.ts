import type { IncomingMessage } from 'node:http';
import { ACCESS_KEY_FIELD } from './head.ts';

/** What a client shows on `/v1`, in the order in which it is looked for. */
const FIELDS = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key'] as const;

/**
 * The access keys that a request shows: our own field, then the fields and the query parameter in which the vendors'
 * clients send a key, then the WebSocket subprotocol that browsers use. Bearer and bare values.
 */
export function shownCredentials(request: IncomingMessage, path: string): string[] {
  const shown: string[] = [];
  const own = request.headers[ACCESS_KEY_FIELD];
  if (typeof own === 'string') shown.push(own);
  for (const field of FIELDS) {
    const value = request.headers[field];
    if (typeof value === 'string') shown.push(value.replace(/^Bearer\s+/i, ''));
  }
  const parameter = /[?&]key=([^&]*)/.exec(path);
  if (parameter !== null) shown.push(decoded(parameter[1]!));
  const protocol = /(?:^|,\s*)openai-insecure-api-key\.([^\s,]+)/.exec(
    request.headers['sec-websocket-protocol'] ?? '',
  );
  if (protocol !== null) shown.push(protocol[1]!);
  return shown;
}

/** Whether the request names itself to the upstream: its own credential may then pass where the pool has no key. */
export function hasUpstreamCredential(request: IncomingMessage): boolean {
  return FIELDS.some(field => request.headers[field] !== undefined);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}
