import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Identity } from './certificates.ts';

/** A front that ends TLS and passes the bytes on, as a balancer before the server would. */
export interface TlsFront {
  readonly port: number;
  close(): Promise<void>;
}

/** @param port on 127.0.0.1 to pass the bytes on to */
export async function startTlsFront(identity: Identity, port: number): Promise<TlsFront> {
  const sockets = new Set<Socket>();
  const server = createServer({ ...identity, noDelay: true }, incoming => {
    const outgoing = connect({ port, host: '127.0.0.1', noDelay: true });
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
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
