import type { ErrorCode } from '../base/errors.ts';
import type { Mapping } from '../domain/mappings.ts';
import type { WireExchange, WireHandler } from '../wire/types.ts';
import type { Upstreams } from './upstreams.ts';

/** What one request to a target showed. */
export type TryOutcome =
  | { readonly status: number; readonly duration_ms: number }
  | { readonly error: ErrorCode; readonly duration_ms: number };

/**
 * Sends one `GET` to the root of a mapping's target, on the way that requests take, and says what its head was. Never
 * rejects.
 */
export function tryTarget(
  upstreams: Upstreams,
  mapping: Mapping,
  options: { timeoutMs: number; userAgent: string },
): Promise<TryOutcome> {
  const startedAt = performance.now();
  const { authority, basePath } = mapping.target;
  return new Promise(resolve => {
    let exchange: WireExchange | undefined;
    const settle = (outcome: { status: number } | { error: ErrorCode }) => {
      clearTimeout(timer);
      exchange?.abort();
      resolve({ ...outcome, duration_ms: Math.round(performance.now() - startedAt) });
    };
    const timer = setTimeout(() => settle({ error: 'ERR_UPSTREAM_TIMEOUT' }), options.timeoutMs);
    const handler: WireHandler = {
      onInformational() {},
      onHead: head => settle({ status: head.status }),
      onData() {},
      onEnd() {},
      onUpgrade() {},
      onPacketEnd: () => true,
      onDrain() {},
      onFailure: failure => settle({ error: failure.code }),
    };
    exchange = upstreams.for(mapping).send(
      {
        method: 'GET',
        path: basePath === '' ? '/' : basePath,
        headers: ['Host', authority, 'User-Agent', options.userAgent, 'Accept', '*/*'],
        body: 'none',
        upgrade: false,
        expectContinue: false,
      },
      handler,
      {},
    );
  });
}
