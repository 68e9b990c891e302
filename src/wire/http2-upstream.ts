import { type ClientHttp2Session, connect } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Dial } from './dial.ts';
import { Http2Exchange } from './http2-exchange.ts';
import type { Endpoint, WireExchange, WireHandler, WireRequest } from './types.ts';
import { Http1Upstream, IDLE_MS, neverSent, type SendOptions, type Upstream } from './upstream.ts';

/** One HTTP/2 connection and what runs on it. */
interface Lane {
  readonly session: ClientHttp2Session;
  open: number;
  served: number;
  idleSinceMs: number;
}

/**
 * Connections to one TLS endpoint that may speak HTTP/2: ALPN decides on first use (RFC 9113 §3.2). An endpoint that
 * does not is served over HTTP/1.1 from then on, and so is every request for a protocol switch or for 100-continue,
 * which HTTP/2 lacks.
 */
export class NegotiatedUpstream implements Upstream {
  readonly #endpoint: Endpoint;
  readonly #dial: Dial;
  readonly #http1: Http1Upstream;
  readonly #lanes: Lane[] = [];
  #speaksHttp2: boolean | undefined;
  /** Exchanges that wait for the connection attempt under way. */
  #waiting: { exchange: Http2Exchange; wholeBody: Buffer | undefined }[] = [];
  #dialing = false;
  #retired = false;

  constructor(endpoint: Endpoint, dial: Dial) {
    this.#endpoint = endpoint;
    this.#dial = dial;
    this.#http1 = new Http1Upstream({ ...endpoint, http2: false }, dial);
  }

  get connections(): number {
    return this.#lanes.length + this.#http1.connections;
  }

  send(request: WireRequest, handler: WireHandler, options: SendOptions): WireExchange {
    const onlyHttp1 = request.upgrade || request.expectContinue;
    if (onlyHttp1 || this.#speaksHttp2 === false) return this.#http1.send(request, handler, options);
    const exchange = new Http2Exchange(request, handler);
    const lane = options.fresh === true ? undefined : this.#laneWithRoom();
    if (lane !== undefined) {
      this.#begin(exchange, lane, options.wholeBody);
      return exchange;
    }
    this.#waiting.push({ exchange, wholeBody: options.wholeBody });
    if (!this.#dialing) this.#connect();
    return new Relayed(exchange, () => this.#handedOver.get(exchange));
  }

  sweep(nowMs: number): void {
    this.#http1.sweep(nowMs);
    for (const lane of this.#lanes) {
      if (lane.open === 0 && nowMs - lane.idleSinceMs >= IDLE_MS) lane.session.close();
    }
  }

  retire(): void {
    this.#retired = true;
    this.#http1.retire();
    for (const lane of this.#lanes) lane.session.close();
  }

  /** Exchanges that were begun for HTTP/2 and went out over HTTP/1.1, because the endpoint speaks nothing else. */
  readonly #handedOver = new WeakMap<Http2Exchange, WireExchange>();

  #laneWithRoom(): Lane | undefined {
    return this.#lanes.find(
      ({ session, open }) =>
        !session.closed && !session.destroyed && open < (session.remoteSettings?.maxConcurrentStreams ?? 100),
    );
  }

  #begin(exchange: Http2Exchange, lane: Lane, wholeBody: Buffer | undefined): void {
    lane.open += 1;
    lane.served += 1;
    exchange.begin(lane.session, {
      authority: this.#endpoint.authority,
      wholeBody,
      reused: lane.served > 1,
      onClosed: () => {
        lane.open -= 1;
        lane.idleSinceMs = Date.now();
      },
    });
  }

  #connect(): void {
    this.#dialing = true;
    this.#dial({
      endpoint: this.#endpoint,
      done: (failure, socket) => {
        this.#dialing = false;
        const waiting = this.#waiting.filter(({ exchange }) => !exchange.aborted);
        this.#waiting = [];
        if (socket === undefined) {
          for (const { exchange } of waiting) exchange.handler.onFailure(neverSent(failure!));
          return;
        }
        this.#speaksHttp2 = (socket as TLSSocket).alpnProtocol === 'h2';
        if (!this.#speaksHttp2) {
          socket.destroy();
          for (const { exchange, wholeBody } of waiting) {
            this.#handedOver.set(
              exchange,
              this.#http1.send(exchange.request, exchange.handler, { wholeBody }),
            );
          }
          return;
        }
        const lane = this.#open(socket as TLSSocket);
        for (const { exchange, wholeBody } of waiting) this.#begin(exchange, lane, wholeBody);
      },
    });
  }

  #open(socket: TLSSocket): Lane {
    const session = connect(`https://${this.#endpoint.authority}`, { createConnection: () => socket });
    const lane: Lane = { session, open: 0, served: 0, idleSinceMs: Date.now() };
    this.#lanes.push(lane);
    const drop = () => {
      const index = this.#lanes.indexOf(lane);
      if (index !== -1) this.#lanes.splice(index, 1);
    };
    session.on('goaway', drop);
    session.on('close', drop);
    // Streams report their own failures; the session's says nothing more.
    session.on('error', drop);
    if (this.#retired) session.close();
    return lane;
  }
}

/** An exchange that may turn out to run over HTTP/1.1. */
class Relayed implements WireExchange {
  readonly #first: Http2Exchange;
  readonly #later: () => WireExchange | undefined;

  constructor(first: Http2Exchange, later: () => WireExchange | undefined) {
    this.#first = first;
    this.#later = later;
  }

  get #current(): WireExchange {
    return this.#later() ?? this.#first;
  }

  write(piece: Buffer): boolean {
    return this.#current.write(piece);
  }

  end(trailers?: readonly string[]): void {
    this.#current.end(trailers);
  }

  resume(): void {
    this.#current.resume();
  }

  abort(): void {
    this.#current.abort();
  }
}
