import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { AppError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Secret } from '../base/secret.ts';
import type { MappingTable } from '../domain/mappings.ts';
import type { ForwardedPolicy } from './head.ts';
import type { Upstreams } from './upstreams.ts';

/** One finished request as the statistics take it. */
export interface CountedExchange {
  readonly prefix: string;
  readonly method: string;
  /** What follows the prefix, query included. */
  readonly path: string;
  readonly status: number;
  readonly durationMs: number;
  /** -1 when no byte of an answer came. */
  readonly firstByteMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly endedAtMs: number;
  /** On `/v1`: the upstream key that answered. */
  readonly keyId?: string | undefined;
  /** On `/v1`: what the client asked for. */
  readonly model?: string | undefined;
  /** On `/v1`: tokens, where the answer told them. */
  readonly usage?: Usage | undefined;
  /** On `/v1`: keys that were asked before the one that answered, in vain. */
  readonly failedKeyIds?: readonly string[] | undefined;
}

/** Tokens of one answer. Cached ones are among the input, reasoning ones among the output. */
export interface Usage {
  readonly input: number;
  readonly output: number;
  readonly cached: number;
  readonly reasoning: number;
}

/** Counts. `opened` when a request enters its mapping, `record` once when it has ended. */
export interface ExchangeRecorder {
  opened(): void;
  record(exchange: CountedExchange): void;
}

/** What every way through the proxy needs to serve; the same for all requests. */
export interface CommonContext {
  readonly upstreams: Upstreams;
  readonly recorder: ExchangeRecorder;
  readonly log: Log;
  /** `1.1 <pseudonym>`, or `undefined` when `Via` is off. */
  readonly via: string | undefined;
  readonly forwarded: ForwardedPolicy;
  readonly cors: boolean;
  readonly logRequests: 'off' | 'errors' | 'all';
}

/** What the prefix proxy needs besides. */
export interface ProxyContext extends CommonContext {
  /** The table of this moment. */
  readonly mappings: () => MappingTable;
  /** `PROXY_ACCESS_KEY`. */
  readonly accessKey: Secret | undefined;
}

/** What makes a request special; nearly none has it. */
export interface SpecialRequest {
  /** The client waits for 100 before it sends its body. */
  readonly expectContinue?: boolean;
  /** The client asks for another protocol, over this socket; `head` are bytes it sent too early. */
  readonly upgrade?: { readonly protocol: string; readonly socket: Socket; readonly head: Buffer };
}

/** One request on its way through the proxy: what is known of it so far. */
export interface Passage {
  readonly context: CommonContext;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly special: SpecialRequest | undefined;
  /** Origin form, without `BASE_PATH`. */
  readonly path: string;
  /** As the client named us. */
  readonly authority: string;
  readonly startedAt: number;
  /** Writes one of our errors as the body that this way's clients understand. */
  readonly describeError: (
    error: AppError,
    of: { readonly path: string; readonly requestId: string },
  ) => string;
  /** Under what the request counts: its mapping's prefix, or `/v1`; `undefined` until it has one. */
  prefix: string | undefined;
  /** Of the answer; 499 when the client left first. */
  status: number;
  /** `performance.now()` at the first byte of the answer's body, or -1. */
  firstByteAt: number;
  bytesIn: number;
  bytesOut: number;
  /** A streamed request body may have so many bytes; `undefined` is no limit. */
  bodyLimitBytes: number | undefined;
  /** Only the end of the connection ends the answer's body (an HTTP/1.0 client). */
  endsByClose: boolean;
  /** The answer is not the upstream's, or not all of it; why. */
  error: AppError | undefined;
  /** Made when it is first needed. */
  requestId: string | undefined;
}
