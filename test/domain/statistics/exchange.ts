import type { ProxiedExchange, Recorder } from '../../../src/domain/statistics/recorder.ts';

/** Noon of 15 January 2026, UTC. */
export const NOON_MS = Date.UTC(2026, 0, 15, 12);

/** An exchange that went well, but for what `parts` says. */
export function exchangeOf(parts: Partial<ProxiedExchange> = {}): ProxiedExchange {
  return {
    prefix: '/openai',
    method: 'POST',
    path: '/v1/chat/completions',
    status: 200,
    durationMs: 20,
    firstByteMs: 10,
    bytesIn: 100,
    bytesOut: 1000,
    endedAtMs: NOON_MS,
    ...parts,
  };
}

/** Counts exchanges as the proxy does: each is opened first. */
export function recordAll(recorder: Recorder, exchanges: readonly Partial<ProxiedExchange>[]): void {
  for (const exchange of exchanges) {
    recorder.opened();
    recorder.record(exchangeOf(exchange));
  }
}
