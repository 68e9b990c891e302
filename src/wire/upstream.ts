import { Http1Connection, Http1Exchange } from './connection.ts';
import type { Dial, DialFailure } from './dial.ts';
import type { Endpoint, WireExchange, WireHandler, WireRequest } from './types.ts';

/** How long an idle connection is kept where the other side promises nothing. Shorter than any balancer's 60 s. */
export const IDLE_MS = 30_000;
/** We stop using a connection this long before the other side said it would close it. */
const IDLE_MARGIN_MS = 1_000;

export interface SendOptions {
  /** The complete body, where it is at hand. */
  readonly wholeBody?: Buffer | undefined;
  /** Do not use a kept connection: the second try after a kept one turned out to be dead. */
  readonly fresh?: boolean;
}

/** What can carry requests to one endpoint. */
export interface Upstream {
  /** Begins an exchange. With a body still to come, the caller waits for `onDrain` before its first `write`. */
  send(request: WireRequest, handler: WireHandler, options: SendOptions): WireExchange;
  /** Closes connections that have been idle past their time. */
  sweep(nowMs: number): void;
  /** Closes idle connections now, the others when their exchange ends. */
  retire(): void;
  /** Connections open now. */
  readonly connections: number;
}

/** Connections to one endpoint over HTTP/1.1. Last in, first out: what is not needed stays idle and is closed. */
export class Http1Upstream implements Upstream {
  readonly #endpoint: Endpoint;
  readonly #dial: Dial;
  readonly #idle: Http1Connection[] = [];
  #open = 0;
  #retired = false;

  constructor(endpoint: Endpoint, dial: Dial) {
    this.#endpoint = endpoint;
    this.#dial = dial;
  }

  get connections(): number {
    return this.#open;
  }

  send(request: WireRequest, handler: WireHandler, options: SendOptions): WireExchange {
    const exchange = new Http1Exchange(request, handler);
    const connection = options.fresh === true ? undefined : this.#takeIdle();
    if (connection === undefined) {
      this.#connect(exchange, options.wholeBody);
    } else {
      exchange.begin(connection, options.wholeBody);
      // Asynchronous, so that the caller has the exchange in hand when it is told to write.
      if (!exchange.requestComplete) process.nextTick(announceDrain, exchange);
    }
    return exchange;
  }

  sweep(nowMs: number): void {
    let expired = 0;
    while (expired < this.#idle.length && this.#idle[expired]!.idleUntilMs <= nowMs) expired += 1;
    for (const connection of this.#idle.splice(0, expired)) connection.destroy();
  }

  retire(): void {
    this.#retired = true;
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }

  onIdle(connection: Http1Connection, keepAliveMs: number): void {
    const idleMs = keepAliveMs === -1 ? IDLE_MS : Math.min(IDLE_MS, keepAliveMs - IDLE_MARGIN_MS);
    if (this.#retired || idleMs <= 0) {
      connection.destroy();
      return;
    }
    connection.idleUntilMs = Date.now() + idleMs;
    this.#idle.push(connection);
  }

  onClosed(connection: Http1Connection): void {
    this.#open -= 1;
    const index = this.#idle.lastIndexOf(connection);
    if (index !== -1) this.#idle.splice(index, 1);
  }

  #takeIdle(): Http1Connection | undefined {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined || connection.usable) return connection;
      connection.destroy();
    }
  }

  #connect(exchange: Http1Exchange, wholeBody: Buffer | undefined): void {
    const connection = new Http1Connection(this);
    const cancel = this.#dial({
      endpoint: this.#endpoint,
      receive: bytes => connection.receive(bytes),
      done: (failure, socket) => {
        if (socket === undefined) {
          exchange.handler.onFailure(neverSent(failure!));
          return;
        }
        this.#open += 1;
        connection.attach(socket);
        exchange.begin(connection, wholeBody);
        if (!exchange.requestComplete) exchange.handler.onDrain();
      },
    });
    exchange.waitFor(cancel);
  }
}

function announceDrain(exchange: Http1Exchange): void {
  if (!exchange.aborted) exchange.handler.onDrain();
}

/** The failure of an exchange whose connection never came about. */
export function neverSent(failure: DialFailure) {
  return { ...failure, nothingSent: true, reusedConnection: false, answerBegun: false };
}
