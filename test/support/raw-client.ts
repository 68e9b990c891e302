import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import {
  ByteSource,
  Ended,
  fieldValue,
  type RawBody,
  type RawHead,
  readBody,
  readHead,
} from './raw-message.ts';

export interface RawAnswer {
  readonly head: RawHead;
  readonly status: number;
  readonly reason: string;
  readonly body: RawBody;
}

/** A client made of a bare socket. */
export interface RawClient {
  readonly socket: Socket;
  readonly source: ByteSource;
  /** Writes bytes as they are (latin1). */
  send(bytes: string | Uint8Array): void;
  /** Reads a status line and its fields. @throws Ended when the connection ends first */
  head(): Promise<RawHead>;
  /** Reads one final answer with its body. @param method of the request it answers */
  answer(method?: string): Promise<RawAnswer>;
  /** Resolves when the connection is gone. */
  readonly gone: Promise<void>;
}

export async function openRawClient(port: number): Promise<RawClient> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const gone = new Promise<void>(resolve => socket.once('close', () => resolve()));
  const source = new ByteSource(socket);
  await once(socket, 'connect');
  const client: RawClient = {
    socket,
    source,
    gone,
    send: bytes => {
      if (typeof bytes === 'string') socket.write(bytes, 'latin1');
      else socket.write(bytes);
    },
    head: () => readHead(source),
    answer: async (method = 'GET') => {
      let head = await readHead(source);
      while (/^HTTP\/1\.1 1/.test(head.startLine)) head = await readHead(source);
      return { head, ...statusOf(head), body: await readBody(source, answerFraming(head, method)) };
    },
  };
  return client;
}

/** Sends one request on a connection of its own, reads its answer, closes. */
export async function ask(port: number, request: string | Uint8Array, method?: string): Promise<RawAnswer> {
  const client = await openRawClient(port);
  try {
    client.send(request);
    return await client.answer(method);
  } finally {
    client.socket.destroy();
  }
}

export function statusOf(head: RawHead): { status: number; reason: string } {
  const match = /^HTTP\/1\.[01] (\d{3}) ?(.*)$/s.exec(head.startLine);
  if (match === null) throw new Ended(`Expected a status line, got ${head.startLine}`);
  return { status: Number(match[1]), reason: match[2]! };
}

/** RFC 9112 §6.3. */
function answerFraming(head: RawHead, method: string): number | 'chunked' | 'close' {
  const { status } = statusOf(head);
  if (method === 'HEAD' || status === 204 || status === 304) return 0;
  if (fieldValue(head.fields, 'transfer-encoding') !== undefined) return 'chunked';
  const length = fieldValue(head.fields, 'content-length');
  return length === undefined ? 'close' : Number(length);
}
