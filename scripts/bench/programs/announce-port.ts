import type { Server } from 'node:net';

/** Listens on a free port of this machine and prints it as a line of JSON. */
export function announcePort(server: Server): void {
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
    const { port } = server.address() as { port: number };
    console.log(JSON.stringify({ port }));
  });
}
