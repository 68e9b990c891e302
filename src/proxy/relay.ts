import type { ServerResponse } from 'node:http';
import { AppError } from '../base/errors.ts';
import type { ResponseHead, WireExchange, WireFailure, WireHandler } from '../wire/types.ts';
import { breakOff, corsFields } from './answer.ts';
import { responseFields, trailerFields } from './head.ts';
import type { Passage } from './passage.ts';
import { Tunnel } from './tunnel.ts';

/** Pieces up to this size are held as text until the packet ends and leave together with the head in one write. */
const HELD_PIECE_BYTES = 4 * 1024;
const HELD_BYTES = 16 * 1024;

/** How one attempt ended. */
export type Outcome =
  /** The whole answer was handed to the client. */
  | { readonly kind: 'answered' }
  /** Nothing has been said to the client yet. */
  | { readonly kind: 'failed'; readonly failure: WireFailure }
  /** The answer had begun and broke; the client's connection was closed to say so. */
  | { readonly kind: 'broken'; readonly failure: WireFailure }
  | { readonly kind: 'client-left' };

/**
 * Carries one exchange's answer to the client as it arrives: the head the moment it comes, each packet in one write,
 * back-pressure both ways, 1xx and trailers included.
 */
export class Relay implements WireHandler {
  readonly #passage: Passage;
  readonly #response: ServerResponse;
  readonly #settle: (outcome: Outcome) => void;
  #exchange: WireExchange | undefined;
  #tunnel: Tunnel | undefined;
  /** We write the chunked framing ourselves: Node takes three writes for a chunk. */
  #frames = false;
  #headPending = false;
  #held = '';
  #blocked = false;
  #answered = false;
  #pumping = false;
  #continued = false;
  #dropping = false;

  constructor(passage: Passage, settle: (outcome: Outcome) => void) {
    this.#passage = passage;
    this.#response = passage.response;
    this.#settle = settle;
  }

  /** Hands over the exchange that this relay is the handler of. */
  carry(exchange: WireExchange): void {
    this.#exchange = exchange;
  }

  /** The response is closed: finished, or the client has left. */
  onResponseClosed(): void {
    if (this.#answered && this.#response.writableFinished) {
      this.#settle({ kind: 'answered' });
    } else if (this.#tunnel === undefined) {
      this.#exchange?.abort();
      this.#settle({ kind: 'client-left' });
    }
  }

  onInformational(head: ResponseHead): void {
    const { request, special } = this.#passage;
    if (head.status === 100) {
      // Nobody asked for another 100; an unsolicited one is dropped (RFC 9110 §15.2.1).
      if (special?.expectContinue !== true || this.#continued) return;
      this.#continued = true;
      this.#response.writeContinue();
      return;
    }
    // 1.0 clients do not know 1xx; a pipelined answer that is not at its turn has no socket yet.
    const socket = this.#response.socket;
    if (request.httpVersionMinor === 0 || socket === null || this.#response.headersSent) return;
    socket.write(headText(head, responseFields(head.headers, false)), 'latin1');
  }

  onHead(head: ResponseHead): void {
    const { request, special } = this.#passage;
    const response = this.#response;
    const modern = request.httpVersionMinor === 1;
    const fields = responseFields(head.headers, modern && head.length === -1);
    let dated = false;
    let buffering = false;
    let eventStream = false;
    for (let index = 0; index < fields.length; index += 2) {
      const name = fields[index]!;
      switch (name.length) {
        case 4:
          if (!dated) dated = name.toLowerCase() === 'date';
          break;
        case 12:
          if (/^text\/event-stream/i.test(fields[index + 1]!) && name.toLowerCase() === 'content-type') {
            eventStream = true;
          }
          break;
        case 17:
          if (name.toLowerCase() === 'x-accel-buffering') buffering = true;
          break;
      }
    }
    if (eventStream && !buffering) fields.push('X-Accel-Buffering', 'no');
    if (request.headers.origin !== undefined) fields.push(...corsFields(this.#passage, fields));
    // The client was never told to go on, so what it sends next could be a body or a request: close (RFC 9110 §10.1.1).
    if (special?.expectContinue === true && !this.#continued && !request.complete)
      fields.push('Connection', 'close');
    response.sendDate = !dated;
    response.writeHead(head.status, head.reason, fields);
    this.#passage.status = head.status;
    this.#headPending = true;
    this.#frames = response.chunkedEncoding;
    this.#passage.endsByClose = !this.#frames && head.length === -1;
    response.chunkedEncoding = false;
  }

  onData(piece: Buffer): void {
    const passage = this.#passage;
    if (passage.firstByteAt === -1) passage.firstByteAt = performance.now();
    passage.bytesOut += piece.length;
    if (this.#tunnel !== undefined) {
      this.#blocked = !this.#tunnel.toClient(piece);
      return;
    }
    if (piece.length <= HELD_PIECE_BYTES) {
      const text = piece.toString('latin1');
      this.#held += this.#frames ? `${piece.length.toString(16)}\r\n${text}\r\n` : text;
      if (this.#held.length > HELD_BYTES) this.#flush();
      return;
    }
    this.#flush();
    this.#write(this.#frames ? framed(piece) : Buffer.from(piece));
  }

  onPacketEnd(): boolean {
    if (this.#tunnel === undefined && (this.#headPending || this.#held !== '')) this.#flush();
    if (!this.#blocked) return true;
    this.#blocked = false;
    return false;
  }

  onEnd(trailers: readonly string[]): void {
    if (this.#tunnel !== undefined) {
      this.#tunnel.upstreamEnded();
      return;
    }
    this.#answered = true;
    this.dropBody();
    let last = this.#held;
    if (this.#frames) {
      last += '0\r\n';
      const fields = trailers.length === 0 ? trailers : trailerFields(trailers);
      for (let index = 0; index < fields.length; index += 2)
        last += `${fields[index]}: ${fields[index + 1]}\r\n`;
      last += '\r\n';
    }
    this.#response.end(last, 'latin1');
  }

  onUpgrade(head: ResponseHead): void {
    const { upgrade } = this.#passage.special!;
    this.#passage.status = 101;
    const text = headText(head, responseFields(head.headers, false, true));
    this.#response.detachSocket(upgrade!.socket);
    this.#tunnel = new Tunnel(upgrade!.socket, this.#exchange!, {
      onBytes: count => {
        this.#passage.bytesIn += count;
      },
      onClosed: () => this.#settle({ kind: 'answered' }),
    });
    this.#tunnel.open(text, upgrade!.head);
  }

  onDrain(): void {
    if (this.#tunnel !== undefined) this.#tunnel.resumeClient();
    else if (this.#pumping) this.#passage.request.resume();
    else this.#pump();
  }

  onFailure(failure: WireFailure): void {
    if (this.#tunnel !== undefined) {
      this.#tunnel.destroy();
    } else if (this.#response.headersSent) {
      if (this.#headPending || this.#held !== '') this.#flush();
      this.#passage.error = new AppError(failure.code, failure.message, { cause: failure.cause });
      this.#settle({ kind: 'broken', failure });
      breakOff(this.#passage);
    } else {
      this.dropBody();
      this.#settle({ kind: 'failed', failure });
    }
  }

  /**
   * Reads the rest of the request body and drops it, because the answer is there already: a client that sends all of its
   * body before it reads would wait for ever (RFC 9112 §9.3).
   */
  dropBody(): void {
    if (!this.#pumping) return;
    this.#dropping = true;
    this.#passage.request.resume();
  }

  /** Streams the request body upstream. */
  #pump(): void {
    const { request } = this.#passage;
    this.#pumping = true;
    const exchange = this.#exchange!;
    request.on('data', (piece: Buffer) => {
      if (this.#dropping) return;
      const passage = this.#passage;
      passage.bytesIn += piece.length;
      if (passage.bodyLimitBytes !== undefined && passage.bytesIn > passage.bodyLimitBytes) {
        exchange.abort();
        this.#dropping = true;
        this.#settle({ kind: 'failed', failure: bodyTooLarge(passage.bodyLimitBytes) });
        return;
      }
      if (!exchange.write(piece)) request.pause();
    });
    request.on('end', () => {
      if (!this.#dropping)
        exchange.end(request.rawTrailers.length === 0 ? [] : trailerFields(request.rawTrailers));
    });
  }

  /** Writes what is held, the head with it when that has not gone yet. */
  #flush(): void {
    const held = this.#held;
    this.#held = '';
    if (held !== '' || this.#headPending) this.#write(held);
  }

  #write(data: string | Buffer): void {
    this.#headPending = false;
    // An empty latin1 write is what sends a head byte for byte: flushHeaders would write it as UTF-8.
    const more = typeof data === 'string' ? this.#response.write(data, 'latin1') : this.#response.write(data);
    if (more || this.#blocked) return;
    this.#blocked = true;
    this.#response.once('drain', () => this.#exchange?.resume());
  }
}

function bodyTooLarge(limitBytes: number): WireFailure {
  return {
    code: 'ERR_BODY_TOO_LARGE',
    message: `Expected the upload to be at most ${limitBytes} bytes`,
    cause: undefined,
    nothingSent: false,
    reusedConnection: false,
    answerBegun: false,
  };
}

/** One chunk of chunked framing (RFC 9112 §7.1) in one buffer. */
function framed(piece: Buffer): Buffer {
  const size = `${piece.length.toString(16)}\r\n`;
  const frame = Buffer.allocUnsafe(size.length + piece.length + 2);
  frame.write(size, 0, 'latin1');
  piece.copy(frame, size.length);
  frame[frame.length - 2] = 13;
  frame[frame.length - 1] = 10;
  return frame;
}

/** The text of a response head. */
function headText(head: ResponseHead, fields: readonly string[]): string {
  let text = `HTTP/1.1 ${head.status} ${head.reason}\r\n`;
  for (let index = 0; index < fields.length; index += 2) text += `${fields[index]}: ${fields[index + 1]}\r\n`;
  return `${text}\r\n`;
}
