import { loggablePath } from '../base/log.ts';
import { nextRequestId } from '../base/request-id.ts';
import type { CountedExchange, Passage } from './passage.ts';

/** What only `/v1` knows of a request. */
export type PooledFigures = Pick<CountedExchange, 'keyId' | 'model' | 'usage' | 'failedKeyIds'>;

const NOT_POOLED: PooledFigures = {};

/** Counts a request, once, and writes its log line. The one place that does. */
export function count(passage: Passage, pooled: PooledFigures = NOT_POOLED): void {
  const { context, prefix, request, error } = passage;
  const durationMs = performance.now() - passage.startedAt;
  // A broken answer went out with its upstream's status, but it was a failure of the upstream.
  const status = error === undefined ? passage.status : error.status;
  if (prefix !== undefined) {
    context.recorder.record({
      prefix,
      method: request.method!,
      path: passage.path.slice(prefix.length),
      status,
      durationMs,
      firstByteMs: passage.firstByteAt === -1 ? -1 : passage.firstByteAt - passage.startedAt,
      bytesIn: passage.bytesIn,
      bytesOut: passage.bytesOut,
      endedAtMs: Date.now(),
      keyId: pooled.keyId,
      model: pooled.model,
      usage: pooled.usage,
      failedKeyIds: pooled.failedKeyIds,
    });
  }
  const failed = status >= 400;
  if (context.logRequests === 'off' || (context.logRequests === 'errors' && !failed)) return;
  const line = {
    request_id: passage.requestId ?? nextRequestId(),
    method: request.method,
    path: loggablePath(passage.path),
    prefix,
    status,
    code: error?.code,
    duration_ms: Math.round(durationMs),
    bytes_in: passage.bytesIn,
    bytes_out: passage.bytesOut,
    key_id: pooled.keyId,
    model: pooled.model,
    err: error?.cause instanceof Error ? error.cause : undefined,
  };
  if (status >= 500) context.log.warn(line, 'request');
  else context.log.info(line, 'request');
}
