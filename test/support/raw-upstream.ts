import { EventEmitter, once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls';
import {
  ByteSource,
  Ended,
  fieldValue,
  type RawBody,
  type RawHead,
  readBody,
  readHead,
} from './raw-message.ts';

/** One request as an upstream received it, and the means to answer it. */
export interface UpstreamExchange {
  readonly head: RawHead;
  readonly method: string;
  /** Request target, byte for byte. */
  readonly target: string;
  /** 1 for the first request of its connection. */
  readonly turn: number;
  readonly socket: Socket;
  /** The body; read only when this is called, so that an upstream may leave it lying. */
  body(): Promise<RawBody>;
  /** Writes bytes as they are (latin1). */
  send(bytes: string | Uint8Array): void;
  /** Resolves when the connection is gone, however it went. */
  readonly gone: Promise<void>;
}

export type Answering = (exchange: UpstreamExchange) => unknown;

/** An upstream made of a bare socket: it records what came and sends what it is told, valid or not. */
export interface RawUpstream {
  readonly port: number;
  /** `http://127.0.0.1:<port>`, or `https`. */
  readonly url: string;
  /** Exchanges so far, in the order in which their heads came. */
  readonly exchanges: readonly UpstreamExchange[];
  /** The next exchange whose head comes; call it before what causes it. */
  next(): Promise<UpstreamExchange>;
  /** Connections open now. */
  readonly open: number;
  /** Connections ever accepted. */
  readonly accepted: number;
  /** SNI names of TLS connections, in order; `false` where none was sent. */
  readonly serverNames: readonly (string | false)[];
  /** Resolves when no connection is open. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts an upstream on a free port of 127.0.0.1.
 *
 * @param answer called for each request when its head is there; a body it left unread is read after it
 */
export async function startRawUpstream(
  answer: Answering,
  options: { tls?: TlsOptions } = {},
): Promise<RawUpstream> {
  const sockets = new Set<Socket>();
  const exchanges: UpstreamExchange[] = [];
  const serverNames: (string | false)[] = [];
  const events = new EventEmitter().setMaxListeners(0);
  let accepted = 0;

  async function serve(socket: Socket): Promise<void> {
    const source = new ByteSource(socket);
    for (let turn = 1; ; turn += 1) {
      const head = await readHead(source);
      const exchange = openExchange({ head, turn, socket, source });
      exchanges.push(exchange);
      events.emit('exchange', exchange);
      await answer(exchange);
      await exchange.body();
    }
  }

  function accept(socket: Socket): void {
    accepted += 1;
    // Every exchange of a long-lived connection waits for its end.
    socket.setMaxListeners(0);
    sockets.add(socket);
    // Connections that the other side resets are what many tests are about.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      sockets.delete(socket);
      if (sockets.size === 0) events.emit('idle');
    });
    if (options.tls !== undefined) serverNames.push((socket as TLSSocket).servername || false);
    serve(socket).catch((error: unknown) => {
      if (!(error instanceof Ended)) throw error;
    });
  }

  const server =
    options.tls === undefined
      ? createServer({ noDelay: true }, accept)
      : createTlsServer({ ...options.tls, noDelay: true }, accept);
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    exchanges,
    serverNames,
    next: async () => (await once(events, 'exchange'))[0] as UpstreamExchange,
    get open() {
      return sockets.size;
    },
    get accepted() {
      return accepted;
    },
    idle: async () => {
      while (sockets.size > 0) await once(events, 'idle');
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
}

function openExchange(parts: {
  head: RawHead;
  turn: number;
  socket: Socket;
  source: ByteSource;
}): UpstreamExchange {
  const { head, turn, socket, source } = parts;
  const [method = '', target = ''] = head.startLine.split(' ');
  const chunked = fieldValue(head.fields, 'transfer-encoding') !== undefined;
  const framing = chunked ? 'chunked' : Number(fieldValue(head.fields, 'content-length') ?? 0);
  let reading: Promise<RawBody> | undefined;
  return {
    head,
    method,
    target,
    turn,
    socket,
    body: () => {
      reading ??= readBody(source, framing);
      return reading;
    },
    send: bytes => {
      if (typeof bytes === 'string') socket.write(bytes, 'latin1');
      else socket.write(bytes);
    },
    gone: new Promise(resolve => {
      if (socket.destroyed) resolve();
      else socket.once('close', () => resolve());
    }),
  };
}

/** A whole answer with a length. @param fields lines without their line ends */
export function answerText(body: string, fields: readonly string[] = [], statusLine = '200 OK'): string {
  const head = [`HTTP/1.1 ${statusLine}`, `Content-Length: ${Buffer.byteLength(body, 'latin1')}`, ...fields];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}
