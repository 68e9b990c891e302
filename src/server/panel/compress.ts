import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { Middleware } from 'koa';

const gzipAsync = promisify(gzip);
const brotliAsync = promisify(brotliCompress);

export type Coding = 'br' | 'gzip' | 'identity';

/** Below this a compressed body saves no packet. */
export const WORTH_BYTES = 1400;

/**
 * Compresses a body.
 *
 * @param once whether the result is kept (best ratio) or made for one answer (least work)
 */
export async function compressed(
  body: Buffer,
  coding: 'br' | 'gzip',
  once: 'kept' | 'passing',
): Promise<Buffer> {
  if (coding === 'gzip') return await gzipAsync(body, { level: once === 'kept' ? 9 : 5 });
  return await brotliAsync(body, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: once === 'kept' ? 11 : 4,
      [constants.BROTLI_PARAM_SIZE_HINT]: body.length,
    },
  });
}

/**
 * Compresses long JSON and text on their way out: the list of ten thousand mappings, the statistics. Answers that hold
 * a session's CSRF token are far below the limit, so their length never tells anything about it.
 */
export const compressAnswers: Middleware = async (context, next) => {
  await next();
  const { body } = context;
  if (
    typeof body !== 'string' ||
    body.length < WORTH_BYTES ||
    context.response.headers['content-encoding'] !== undefined
  )
    return;
  context.vary('Accept-Encoding');
  const coding = codingFor(context);
  if (context.method === 'HEAD' || coding === 'identity') return;
  context.body = await compressed(Buffer.from(body), coding, 'passing');
  context.set('Content-Encoding', coding);
};

/** The best coding that a client takes (RFC 9110 §12.5.3). Brotli wins: browsers name it last, and prefer none. */
export function codingFor(context: Parameters<Middleware>[0]): Coding {
  if (context.acceptsEncodings('br') === 'br') return 'br';
  return context.acceptsEncodings('gzip') === 'gzip' ? 'gzip' : 'identity';
}
