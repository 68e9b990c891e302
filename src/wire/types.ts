import type { ErrorCode } from '../base/errors.ts';

/** Where connections go. Two endpoints with equal fields share connections. */
export interface Endpoint {
  readonly tls: boolean;
  /** Name or address for DNS, SNI and certificate check; an IPv6 literal has no brackets. */
  readonly hostname: string;
  readonly port: number;
  /** `host[:port]` as in the `Host` field and HTTP/2's `:authority`. */
  readonly authority: string;
  /** PEM text of extra certificate authorities beside the system's. */
  readonly ca?: string;
  /** Do not verify the certificate. Only ever set by `UPSTREAM_INSECURE`. */
  readonly insecure?: boolean;
  /** Offer HTTP/2 by ALPN. */
  readonly http2?: boolean;
}

/** One request as it leaves. The fields are final: nothing is added, dropped or reordered after this point. */
export interface WireRequest {
  readonly method: string;
  /** Request target in origin form, byte for byte (latin1). */
  readonly path: string;
  /** Flat list name, value, name, value … in order, `Host` included. */
  readonly headers: readonly string[];
  /** `none`: no body follows. `length`: `Content-Length` is among the fields. `chunked`: `Transfer-Encoding: chunked` is. */
  readonly body: 'none' | 'length' | 'chunked';
  /** The fields ask for a protocol switch, so that 101 is a legal answer. */
  readonly upgrade: boolean;
  /** `Expect: 100-continue` is among the fields. */
  readonly expectContinue: boolean;
}

export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  /** Flat list name, value … as received (latin1), hop-by-hop fields still among them. */
  readonly headers: string[];
  /** Octets of the body where the head says so; -1 where it ends by itself (chunked, end of connection). */
  readonly length: number;
}

/** How an exchange failed, and how far it had gone: what decides about repeating it. */
export interface WireFailure {
  readonly code: ErrorCode;
  /** For people outside: no address, no library text. */
  readonly message: string;
  /** For the log. */
  readonly cause: unknown;
  /** No byte of the request was handed to a connection. */
  readonly nothingSent: boolean;
  /** The connection had served before, so it may simply have been closed by the other side meanwhile (RFC 9112 §9.3.1). */
  readonly reusedConnection: boolean;
  /** At least one byte of an answer had come. */
  readonly answerBegun: boolean;
}

/**
 * Receives what happens to one exchange. Calls come in the order: informational*, head, data*, end; or failure at any
 * point, which is the last call. After `abort` no call comes.
 */
export interface WireHandler {
  /** An interim answer 100–199 but 101 (RFC 9110 §15.2). */
  onInformational(head: ResponseHead): void;
  onHead(head: ResponseHead): void;
  /**
   * A piece of the body, in memory that is reused after the call returns: copy what must stay.
   */
  onData(piece: Buffer): void;
  /** The answer is complete. @param trailers flat list name, value … */
  onEnd(trailers: readonly string[]): void;
  /** The other side switched protocols: from now on `onData` has raw bytes and `write` sends raw bytes. */
  onUpgrade(head: ResponseHead): void;
  /**
   * All that arrived together has been reported: time to pass on what was held back. Not called after `onEnd`. False
   * asks to pause reading until `resume`.
   */
  onPacketEnd(): boolean;
  /** `write` may go on after it said false. */
  onDrain(): void;
  onFailure(failure: WireFailure): void;
}

/** One exchange under way. */
export interface WireExchange {
  /** Sends a piece of the request body. False: stop until `onDrain`. */
  write(piece: Buffer): boolean;
  /** Completes the request body. @param trailers flat list; only with a chunked body */
  end(trailers?: readonly string[]): void;
  /** Reads on after `onPacketEnd` said false. */
  resume(): void;
  /** Gives up: the connection is closed at once, the handler hears nothing more. */
  abort(): void;
}
