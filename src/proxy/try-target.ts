import type { ErrorCode } from '../base/errors.ts';
import type { Mapping } from '../domain/mappings.ts';
import { ask } from './ask.ts';
import type { Upstreams } from './upstreams.ts';

/** What one request to a target showed. */
export type TryOutcome =
  | { readonly status: number; readonly duration_ms: number }
  | { readonly error: ErrorCode; readonly duration_ms: number };

/**
 * Sends one `GET` to the root of a mapping's target, on the way that requests take, and says what its head was. Never
 * rejects.
 */
export async function tryTarget(
  upstreams: Upstreams,
  mapping: Mapping,
  options: { timeoutMs: number; userAgent: string },
): Promise<TryOutcome> {
  const startedAt = performance.now();
  const { authority, basePath } = mapping.target;
  const { head, failure } = await ask(
    upstreams.for(mapping),
    {
      method: 'GET',
      path: basePath === '' ? '/' : basePath,
      headers: ['Host', authority, 'User-Agent', options.userAgent, 'Accept', '*/*'],
      body: 'none',
      upgrade: false,
      expectContinue: false,
    },
    { timeoutMs: options.timeoutMs, bodyBytes: 0 },
  );
  const duration_ms = Math.round(performance.now() - startedAt);
  if (head !== undefined) return { status: head.status, duration_ms };
  return { error: failure?.code ?? 'ERR_UPSTREAM_RESET', duration_ms };
}
