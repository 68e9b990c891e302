import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import {
  ByteSource,
  Ended,
  fieldValue,
  type RawBody,
  type RawHead,
  readBody,
  readHead,
} from './raw-message.ts';

/** One request as it passed the tap. */
export interface TappedRequest {
  readonly head: RawHead;
  readonly body: RawBody;
}

/** Stands before a mock vendor, passes all bytes on unchanged, and keeps those of the requests. */
export interface Tap {
  readonly port: number;
  readonly url: string;
  /** The requests that passed since the last call, in the order of their heads. */
  take(): Promise<TappedRequest[]>;
  close(): Promise<void>;
}

/** @param port of the vendor on 127.0.0.1 */
export async function startTap(port: number): Promise<Tap> {
  const sockets = new Set<Socket>();
  const passing: Promise<TappedRequest>[] = [];
  const server = createServer({ noDelay: true }, incoming => {
    const outgoing = connect({ port, host: '127.0.0.1', noDelay: true });
    void record(incoming, passing);
    incoming.pipe(outgoing).pipe(incoming);
    for (const [socket, other] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const own = (server.address() as AddressInfo).port;
  return {
    port: own,
    url: `http://127.0.0.1:${own}`,
    take: () => Promise.all(passing.splice(0)),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Puts each request into `passing` when its head is there. An upgraded connection is one request to its end. */
async function record(socket: Socket, passing: Promise<TappedRequest>[]): Promise<void> {
  const source = new ByteSource(socket);
  try {
    for (;;) {
      const head = await readHead(source);
      const chunked = fieldValue(head.fields, 'transfer-encoding') !== undefined;
      const upgraded = fieldValue(head.fields, 'upgrade') !== undefined;
      const length = Number(fieldValue(head.fields, 'content-length') ?? 0);
      const request = readBody(source, upgraded ? 'close' : chunked ? 'chunked' : length).then(body => ({
        head,
        body,
      }));
      passing.push(request);
      await request;
    }
  } catch (error) {
    if (!(error instanceof Ended)) throw error;
  }
}
