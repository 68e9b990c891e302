import type { IncomingMessage } from 'node:http';
import { AppError } from '../../base/errors.ts';

export const DEFAULT_LIMIT_BYTES = 64 * 1024;
/** What is still taken and thrown away of a refused body, so that its sender gets to read the answer. */
const DISCARD_BYTES = 1024 * 1024;

/**
 * Reads a body that must be one JSON object (RFC 8259), never more of it than the limit.
 *
 * @throws AppError `ERR_CONTENT_TYPE`, `ERR_BODY_TOO_LARGE`, `ERR_BAD_JSON`, `ERR_VALIDATION`, `ERR_CLIENT_CLOSED`
 */
export async function readObject(
  request: IncomingMessage,
  limitBytes: number = DEFAULT_LIMIT_BYTES,
): Promise<ReadonlyMap<string, unknown>> {
  requireJson(request);
  const body = await readBody(request, limitBytes);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (error) {
    throw new AppError('ERR_BAD_JSON', 'Expected the body to be JSON in UTF-8, got text that is not', {
      cause: error,
    });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AppError('ERR_VALIDATION', 'Expected the body to be a JSON object');
  }
  return new Map(Object.entries(value));
}

function requireJson(request: IncomingMessage): void {
  const [type, ...parameters] = (request.headers['content-type'] ?? '').toLowerCase().split(';');
  const charset = parameters.map(part => part.trim()).find(part => part.startsWith('charset='));
  const utf8 = charset === undefined || /^charset="?utf-?8"?$/.test(charset);
  const coding = request.headers['content-encoding'];
  if (type!.trim() === 'application/json' && utf8 && (coding === undefined || coding === 'identity')) return;
  discard(request);
  throw new AppError(
    'ERR_CONTENT_TYPE',
    'Expected `content-type: application/json` in UTF-8, not compressed',
  );
}

async function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) throw tooLarge(request, limitBytes);
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    // Leaving the loop early must not destroy the socket: the answer still has to go out on it.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      bytes += (chunk as Buffer).length;
      if (bytes > limitBytes) throw tooLarge(request, limitBytes);
      chunks.push(chunk as Buffer);
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError('ERR_CLIENT_CLOSED', 'The client left before its body was complete', { cause: error });
  }
  return Buffer.concat(chunks);
}

function tooLarge(request: IncomingMessage, limitBytes: number): AppError {
  discard(request);
  return new AppError(
    'ERR_BODY_TOO_LARGE',
    `Expected a body of at most ${limitBytes} bytes, got a longer one`,
  );
}

/** Lets the rest of a refused body pass by without keeping it, and closes on a sender that does not stop. */
function discard(request: IncomingMessage): void {
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > DISCARD_BYTES) request.destroy();
  });
  request.on('error', () => request.destroy());
  request.resume();
}
