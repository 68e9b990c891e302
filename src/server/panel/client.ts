import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';

/**
 * Who sent a request, for the throttle and the log: the peer of the connection, or with a trusted front the right-most
 * entry of `X-Forwarded-For`. Only that one was written by the front; entries to its left came from the client and may
 * say anything. Behind a chain of fronts it is therefore the address of the last but one.
 */
export function clientAddress(request: IncomingMessage, trustProxy: boolean): string {
  const peer = request.socket.remoteAddress ?? '';
  if (!trustProxy) return peer;
  const last = (text(request, 'x-forwarded-for') ?? '').split(',').at(-1)!.trim();
  const bare = last.replace(/^\[([^\]]*)\](:\d+)?$/, '$1').replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1');
  return isIP(bare) === 0 ? peer : bare;
}

/**
 * Whether the browser came by https: on this connection, or by the trusted front's `X-Forwarded-Proto`, whose first
 * entry is the browser's own.
 */
export function cameByHttps(request: IncomingMessage, trustProxy: boolean): boolean {
  if ((request.socket as Partial<TLSSocket>).encrypted === true) return true;
  if (!trustProxy) return false;
  return (text(request, 'x-forwarded-proto') ?? '').split(',')[0]!.trim().toLowerCase() === 'https';
}

function text(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}
