import type { Middleware } from 'koa';
import { AppError, errorBody } from '../../base/errors.ts';
import { type Log, loggablePath } from '../../base/log.ts';
import { nextRequestId } from '../../base/request-id.ts';

/**
 * Turns whatever a request threw into our one error shape. Only an `AppError` may speak to the client; the text of any
 * other error goes to the log alone.
 */
export function answerErrors(options: { log: Log; addressOf: (context: KoaContext) => string }): Middleware {
  return async (context, next) => {
    try {
      await next();
    } catch (thrown) {
      const error =
        thrown instanceof AppError
          ? thrown
          : new AppError('ERR_INTERNAL', 'Something went wrong here; the log has it under this request id', {
              cause: thrown,
            });
      const requestId = nextRequestId();
      const facts = {
        request_id: requestId,
        method: context.method,
        path: withoutId(loggablePath(context.url)),
        status: error.status,
        code: error.code,
        client: options.addressOf(context),
      };
      if (error.status === 500) options.log.error({ ...facts, err: error.cause }, 'request failed');
      else if (error.status > 500) options.log.warn({ ...facts, err: error.cause }, 'request failed');
      else if ([401, 403, 429].includes(error.status)) options.log.warn(facts, 'request refused');
      else options.log.debug(facts, 'request refused');

      context.status = error.status;
      if (error.status === 401) context.set('WWW-Authenticate', 'Bearer realm="switchyard"');
      if (error.retryAfterSeconds !== undefined) context.set('Retry-After', String(error.retryAfterSeconds));
      context.set('Cache-Control', 'no-store');
      context.type = 'application/json';
      context.body = errorBody(error, requestId);
    }
  };
}

/** A key may have been sent in place of its id. */
function withoutId(path: string): string {
  return path.replace(/^(\/admin\/(?:keys|pool-groups)\/)(?!batch$|export$|test-all$|order$)[^/?]+/, '$1:id');
}

type KoaContext = Parameters<Middleware>[0];

/** The last link of the chain: nothing answered, so the path does not exist, or not with this method (RFC 9110 §15.5.6). */
export const refuseUnrouted: Middleware = context => {
  const layers = (context as { matched?: { methods: string[] }[] }).matched ?? [];
  const methods = [...new Set(layers.flatMap(layer => layer.methods))].sort();
  if (methods.length === 0) {
    throw new AppError('ERR_NOT_FOUND', 'Expected a path that exists here, got another one');
  }
  context.set('Allow', [...methods, 'OPTIONS'].join(', '));
  if (context.method === 'OPTIONS') {
    context.status = 204;
    return;
  }
  throw new AppError(
    'ERR_METHOD_NOT_ALLOWED',
    `Expected ${methods.join(', ')}, got ${context.method.slice(0, 20)}`,
  );
};
