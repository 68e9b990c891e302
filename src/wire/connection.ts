import type { Socket } from 'node:net';
import type { ErrorCode } from '../base/errors.ts';
import { ChunkedDecoder } from './chunked-decoder.ts';
import { ProtocolError } from './protocol-error.ts';
import { type ParsedHead, parseResponseHead } from './response-head.ts';
import type { WireExchange, WireHandler, WireRequest } from './types.ts';

const HEAD_END = Buffer.from('\r\n\r\n');
const VERSION_START = Buffer.from('HTTP/1.');
/** Upstream heads up to this size pass (status line and fields). */
const LARGEST_HEAD_BYTES = 256 * 1024;
/** Up to this size head and body leave as one string in one system call; beyond, copying costs more than a second write. */
const ONE_WRITE_BYTES = 16 * 1024;

/** What a connection tells its owner. */
export interface ConnectionOwner {
  /** The exchange is complete and the connection may serve again. @param keepAliveMs promise of the other side, or -1 */
  onIdle(connection: Http1Connection, keepAliveMs: number): void;
  onClosed(connection: Http1Connection): void;
}

/**
 * One HTTP/1.1 connection to an upstream, with at most one exchange on it at a time (RFC 9112 §9). The request is
 * written byte for byte as given; the answer is parsed strictly, and anything that is not HTTP ends the connection.
 */
export class Http1Connection {
  readonly #owner: ConnectionOwner;
  #socket: Socket | undefined;
  #exchange: Http1Exchange | undefined;
  /** Bytes of a head that has not come whole. */
  #partialHead: Buffer | undefined;
  #head: ParsedHead | undefined;
  #remainingBytes = 0;
  #decoder: ChunkedDecoder | undefined;
  #tunnel = false;
  #answerBegun = false;
  #error: Error | undefined;
  /** Exchanges begun on this connection. */
  served = 0;
  /** Epoch ms at which an idle connection is given up; set by the owner. */
  idleUntilMs = 0;

  constructor(owner: ConnectionOwner) {
    this.#owner = owner;
  }

  /** Takes the connected socket. Its bytes must come through `receive`. */
  attach(socket: Socket): void {
    this.#socket = socket;
    socket.on('error', error => {
      this.#error = error;
    });
    socket.on('drain', () => this.#exchange?.handler.onDrain());
    socket.on('end', () => this.#onEnd());
    socket.on('close', () => this.#onClose());
  }

  /** The other side may have closed it; a connection that says false must not be used. */
  get usable(): boolean {
    const socket = this.#socket;
    return this.#exchange === undefined && socket?.writable === true && !socket.destroyed;
  }

  /** Begins an exchange on an idle connection. @param wholeBody the complete body, where it is at hand */
  start(exchange: Http1Exchange, wholeBody: Buffer | undefined): void {
    this.#exchange = exchange;
    this.#answerBegun = false;
    exchange.reused = this.served > 0;
    this.served += 1;
    const { request } = exchange;
    const socket = this.#socket!;
    let head = `${request.method} ${request.path} HTTP/1.1\r\n`;
    const { headers } = request;
    for (let index = 0; index < headers.length; index += 2)
      head += `${headers[index]}: ${headers[index + 1]}\r\n`;
    head += '\r\n';
    if (wholeBody === undefined || wholeBody.length === 0) {
      socket.write(head, 'latin1');
    } else if (wholeBody.length <= ONE_WRITE_BYTES) {
      socket.write(head + wholeBody.toString('latin1'), 'latin1');
    } else {
      socket.cork();
      socket.write(head, 'latin1');
      socket.write(wholeBody);
      socket.uncork();
    }
    exchange.requestComplete = request.body === 'none' || wholeBody !== undefined;
  }

  write(piece: Buffer, chunked: boolean): boolean {
    const socket = this.#socket!;
    if (!chunked || this.#tunnel) return socket.write(piece);
    socket.cork();
    socket.write(`${piece.length.toString(16)}\r\n`, 'latin1');
    socket.write(piece);
    const more = socket.write('\r\n', 'latin1');
    socket.uncork();
    return more;
  }

  /** Ends the request body, or our half of a tunnel. */
  finish(chunked: boolean, trailers: readonly string[]): void {
    if (this.#tunnel) {
      this.#socket!.end();
    } else if (chunked) {
      let last = '0\r\n';
      for (let index = 0; index < trailers.length; index += 2)
        last += `${trailers[index]}: ${trailers[index + 1]}\r\n`;
      this.#socket!.write(`${last}\r\n`, 'latin1');
    }
  }

  resume(): void {
    this.#socket?.resume();
  }

  /** Closes at once. */
  destroy(): void {
    this.#exchange = undefined;
    this.#socket?.destroy();
  }

  /** Takes bytes that arrived. False: stop reading until `resume`. */
  receive(bytes: Buffer): boolean {
    const exchange = this.#exchange;
    if (exchange === undefined) {
      // Bytes nobody asked for would be taken for the answer to the next request.
      this.#socket?.destroy();
      return true;
    }
    this.#answerBegun = true;
    try {
      this.#parse(exchange, bytes);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#fail('ERR_UPSTREAM_PROTOCOL', 'The upstream sent an answer that is not valid HTTP', error);
    }
    return this.#exchange !== exchange || exchange.handler.onPacketEnd();
  }

  #parse(exchange: Http1Exchange, bytes: Buffer): void {
    let at = 0;
    while (this.#exchange === exchange) {
      if (this.#tunnel) {
        if (at < bytes.length) exchange.handler.onData(at === 0 ? bytes : bytes.subarray(at));
        return;
      }
      if (this.#head === undefined) {
        at = this.#parseHead(exchange, bytes, at);
        if (at === -1) return;
        continue;
      }
      at = this.#parseBody(exchange, this.#head, bytes, at);
      if (at === bytes.length) return;
    }
    // The exchange ended inside this packet: what follows belongs to no request (response splitting).
    if (this.#exchange === undefined && at < bytes.length) this.#socket?.destroy();
  }

  /** @returns index behind the head, or -1 when more bytes are needed */
  #parseHead(exchange: Http1Exchange, packet: Buffer, from: number): number {
    let bytes = packet;
    let at = from;
    let searchFrom = from;
    let before = 0;
    if (this.#partialHead !== undefined) {
      before = this.#partialHead.length;
      searchFrom = Math.max(0, before - 3);
      bytes = Buffer.concat([this.#partialHead, packet.subarray(from)]);
      at = 0;
      this.#partialHead = undefined;
    }
    const probe = Math.min(VERSION_START.length, bytes.length - at);
    if (probe > 0 && bytes.compare(VERSION_START, 0, probe, at, at + probe) !== 0) {
      throw new ProtocolError('answer does not begin with HTTP/1');
    }
    const end = bytes.indexOf(HEAD_END, searchFrom);
    if (end === -1 || end - at > LARGEST_HEAD_BYTES) {
      if (bytes.length - at > LARGEST_HEAD_BYTES) throw new ProtocolError('response head too large');
      if (at < bytes.length) this.#partialHead = Buffer.from(bytes.subarray(at));
      return -1;
    }
    const head = parseResponseHead(bytes.subarray(at, end), exchange.request.method);
    this.#onHead(exchange, head);
    const behind = end + HEAD_END.length;
    return before === 0 ? behind : behind - before + from;
  }

  #onHead(exchange: Http1Exchange, head: ParsedHead): void {
    if (head.status === 101) {
      if (!exchange.request.upgrade) throw new ProtocolError('101 without a request to upgrade');
      this.#tunnel = true;
      exchange.handler.onUpgrade(head);
    } else if (head.status < 200) {
      exchange.handler.onInformational(head);
    } else {
      this.#head = head;
      this.#remainingBytes = head.framing === 'length' ? head.length : 0;
      this.#decoder = head.framing === 'chunked' ? new ChunkedDecoder() : undefined;
      exchange.handler.onHead(head);
      if (head.framing === 'none' || (head.framing === 'length' && head.length === 0)) this.#complete([]);
    }
  }

  #parseBody(exchange: Http1Exchange, head: ParsedHead, bytes: Buffer, at: number): number {
    if (at === bytes.length) return at;
    if (head.framing === 'chunked') {
      const decoder = this.#decoder!;
      const next = decoder.decode(bytes, at, piece => {
        if (this.#exchange === exchange) exchange.handler.onData(piece);
      });
      if (decoder.done && this.#exchange === exchange) this.#complete(decoder.trailers);
      return next;
    }
    const to = head.framing === 'length' ? Math.min(bytes.length, at + this.#remainingBytes) : bytes.length;
    exchange.handler.onData(at === 0 && to === bytes.length ? bytes : bytes.subarray(at, to));
    if (head.framing === 'length') {
      this.#remainingBytes -= to - at;
      if (this.#remainingBytes === 0 && this.#exchange === exchange) this.#complete([]);
    }
    return to;
  }

  #complete(trailers: readonly string[]): void {
    const exchange = this.#exchange!;
    const head = this.#head;
    exchange.detach();
    this.#exchange = undefined;
    this.#head = undefined;
    this.#decoder = undefined;
    if (head?.persistent === true && exchange.requestComplete) {
      this.#owner.onIdle(this, head.keepAliveMs);
    } else {
      this.#socket?.destroy();
    }
    exchange.handler.onEnd(trailers);
  }

  #onEnd(): void {
    const closeEndsBody = this.#head?.framing === 'close' || this.#tunnel;
    if (this.#exchange !== undefined && closeEndsBody) this.#complete([]);
    else this.#socket?.destroy();
  }

  #onClose(): void {
    this.#owner.onClosed(this);
    if (this.#exchange !== undefined) {
      this.#fail(
        'ERR_UPSTREAM_RESET',
        'The upstream closed the connection before its answer was complete',
        this.#error,
      );
    }
  }

  #fail(code: ErrorCode, message: string, cause: unknown): void {
    const exchange = this.#exchange!;
    exchange.detach();
    this.#exchange = undefined;
    this.#socket?.destroy();
    exchange.handler.onFailure({
      code,
      message,
      cause,
      nothingSent: false,
      reusedConnection: exchange.reused,
      answerBegun: this.#answerBegun,
    });
  }
}

/** An exchange on an HTTP/1.1 connection, or waiting for one. */
export class Http1Exchange implements WireExchange {
  readonly request: WireRequest;
  readonly handler: WireHandler;
  #connection: Http1Connection | undefined;
  #cancelWaiting: (() => void) | undefined;
  #aborted = false;
  /** The connection had served before. */
  reused = false;
  /** All of the request has been written; until then the connection cannot be given to another. */
  requestComplete = false;

  constructor(request: WireRequest, handler: WireHandler) {
    this.request = request;
    this.handler = handler;
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  /** Notes how to stop the connection attempt that this exchange waits for. */
  waitFor(cancel: () => void): void {
    this.#cancelWaiting = cancel;
  }

  begin(connection: Http1Connection, wholeBody: Buffer | undefined): void {
    this.#cancelWaiting = undefined;
    this.#connection = connection;
    connection.start(this, wholeBody);
  }

  /** It is over: the connection may belong to another exchange from now on. */
  detach(): void {
    this.#connection = undefined;
  }

  write(piece: Buffer): boolean {
    // Before there is a connection nothing is taken: the caller waits for `onDrain`.
    if (this.#connection === undefined || this.#aborted) return false;
    return this.#connection.write(piece, this.request.body === 'chunked');
  }

  end(trailers: readonly string[] = []): void {
    if (this.#connection === undefined || this.#aborted) return;
    this.requestComplete = true;
    this.#connection.finish(this.request.body === 'chunked', trailers);
  }

  resume(): void {
    this.#connection?.resume();
  }

  abort(): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#cancelWaiting?.();
    this.#connection?.destroy();
  }
}
