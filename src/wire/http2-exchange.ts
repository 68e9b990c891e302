import { STATUS_CODES } from 'node:http';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { ResponseHead, WireExchange, WireHandler, WireRequest } from './types.ts';

/** Fields of HTTP/1.1 that say nothing, or are forbidden, in HTTP/2 (RFC 9113 §8.2.2). */
const NOT_IN_HTTP2 = new Set([
  'connection',
  'host',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** One exchange as a stream of an HTTP/2 session (RFC 9113 §8.1). */
export class Http2Exchange implements WireExchange {
  readonly request: WireRequest;
  readonly #handler: WireHandler;
  #stream: ClientHttp2Stream | undefined;
  #trailers: readonly string[] = [];
  #requestTrailers: readonly string[] = [];
  #answerBegun = false;
  #ended = false;
  #aborted = false;

  constructor(request: WireRequest, handler: WireHandler) {
    this.request = request;
    this.#handler = handler;
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  get handler(): WireHandler {
    return this.#handler;
  }

  /** Opens the stream. @param onClosed called once, when the stream is gone, whatever became of it */
  begin(
    session: ClientHttp2Session,
    options: { authority: string; wholeBody: Buffer | undefined; reused: boolean; onClosed: () => void },
  ): void {
    const { wholeBody, reused } = options;
    const bodyless = this.request.body === 'none' || wholeBody?.length === 0;
    const trailersMayCome = this.request.body === 'chunked' && wholeBody === undefined;
    let stream: ClientHttp2Stream;
    try {
      stream = session.request(http2Fields(this.request, options.authority), {
        endStream: bodyless,
        waitForTrailers: trailersMayCome,
      });
    } catch (error) {
      options.onClosed();
      process.nextTick(() => this.#failUnsent(error));
      return;
    }
    this.#stream = stream;
    if (trailersMayCome) stream.on('wantTrailers', () => stream.sendTrailers(grouped(this.#requestTrailers)));
    stream.on('headers', (fields: IncomingHttpHeaders) => {
      if (!this.#silent) this.#handler.onInformational(this.#headOf(fields));
    });
    stream.on('response', (fields: IncomingHttpHeaders) => {
      this.#answerBegun = true;
      if (this.#silent) return;
      this.#handler.onHead(this.#headOf(fields));
      if (!this.#handler.onPacketEnd()) stream.pause();
    });
    stream.on('data', (piece: Buffer) => {
      if (this.#silent) return;
      this.#handler.onData(piece);
      if (!this.#handler.onPacketEnd()) stream.pause();
    });
    stream.on('trailers', (fields: IncomingHttpHeaders) => {
      this.#trailers = flat(fields);
    });
    stream.on('end', () => {
      if (this.#silent || !this.#answerBegun || stream.rstCode !== constants.NGHTTP2_NO_ERROR) return;
      this.#ended = true;
      this.#handler.onEnd(this.#trailers);
    });
    stream.on('drain', () => {
      if (!this.#silent) this.#handler.onDrain();
    });
    let cause: unknown;
    stream.on('error', error => {
      cause = error;
    });
    stream.on('close', () => {
      options.onClosed();
      if (this.#silent) return;
      this.#ended = true;
      // REFUSED_STREAM promises that nothing was done with the request (RFC 9113 §8.7).
      const refused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
      this.#handler.onFailure({
        code: 'ERR_UPSTREAM_RESET',
        message: 'The upstream ended the stream before its answer was complete',
        cause: cause ?? new Error(`HTTP/2 stream closed with code ${stream.rstCode}`),
        nothingSent: refused,
        reusedConnection: reused || refused,
        answerBegun: this.#answerBegun,
      });
    });
    if (!bodyless && wholeBody !== undefined) stream.end(wholeBody);
    else if (!bodyless) process.nextTick(() => this.#silent || this.#handler.onDrain());
  }

  write(piece: Buffer): boolean {
    if (this.#stream === undefined || this.#silent) return false;
    return this.#stream.write(piece);
  }

  end(trailers: readonly string[] = []): void {
    const stream = this.#stream;
    if (stream === undefined || this.#silent || stream.writableEnded) return;
    this.#requestTrailers = trailers;
    stream.end();
  }

  resume(): void {
    this.#stream?.resume();
  }

  abort(): void {
    this.#aborted = true;
    this.#stream?.close(constants.NGHTTP2_CANCEL);
  }

  /** The session took the request for closed or not expressible, before a byte of it went out. */
  #failUnsent(cause: unknown): void {
    if (this.#silent) return;
    this.#ended = true;
    this.#handler.onFailure({
      code: 'ERR_UPSTREAM_RESET',
      message: 'The upstream closed the connection',
      cause,
      nothingSent: true,
      reusedConnection: true,
      answerBegun: false,
    });
  }

  get #silent(): boolean {
    return this.#aborted || this.#ended;
  }

  #headOf(fields: IncomingHttpHeaders): ResponseHead {
    const status = Number(fields[':status']);
    const bodyless = this.request.method === 'HEAD' || status === 204 || status === 304;
    const length = fields['content-length'];
    return {
      status,
      reason: STATUS_CODES[status] ?? '',
      headers: flat(fields),
      length: bodyless ? 0 : length === undefined ? -1 : Number(length),
    };
  }
}

/** The head of a request as HTTP/2 has it: pseudo-fields, lower-case names, nothing of the connection. */
function http2Fields(request: WireRequest, authority: string): OutgoingHttpHeaders {
  const fields = grouped(request.headers);
  fields[':method'] = request.method;
  fields[':scheme'] = 'https';
  fields[':authority'] = authority;
  fields[':path'] = request.path;
  return fields;
}

function grouped(list: readonly string[]): OutgoingHttpHeaders {
  const fields = Object.create(null) as Record<string, string | string[]>;
  for (let index = 0; index < list.length; index += 2) {
    const name = list[index]!.toLowerCase();
    const value = list[index + 1]!;
    if (NOT_IN_HTTP2.has(name)) continue;
    const present = fields[name];
    if (present === undefined) fields[name] = value;
    else if (typeof present === 'string') fields[name] = [present, value];
    else present.push(value);
  }
  return fields;
}

function flat(fields: IncomingHttpHeaders): string[] {
  const list: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (name.startsWith(':') || value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) list.push(name, one);
  }
  return list;
}
