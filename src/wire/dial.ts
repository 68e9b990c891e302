import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import { connect as connectPlain, isIP, type LookupFunction, type Socket } from 'node:net';
import {
  connect as connectTls,
  createSecureContext,
  getCACertificates,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import type { ErrorCode } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import type { AddressGuard } from './address-guard.ts';
import { bypassesProxy } from './no-proxy.ts';
import type { Endpoint } from './types.ts';

export interface DialOptions {
  readonly connectTimeoutMs: number;
  readonly guard: AddressGuard;
  /** Outbound proxies (CONNECT tunnels); credentials may be inside the URL. */
  readonly httpsProxy?: Secret | undefined;
  readonly httpProxy?: Secret | undefined;
  readonly noProxy: string;
}

/** Why no connection came about. */
export interface DialFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly cause: unknown;
}

/**
 * Takes bytes off a socket. The memory is reused after the call returns. False asks the socket to pause; `resume()` on
 * the socket lets it go on.
 */
export type Receive = (bytes: Buffer) => boolean;

export interface DialRequest {
  readonly endpoint: Endpoint;
  /** Gets every byte that arrives; left out, the socket is an ordinary stream (HTTP/2 takes it over whole). */
  readonly receive?: Receive;
  readonly done: (failure: DialFailure | undefined, socket: Socket | undefined) => void;
}

/** Opens one connection, TLS included. `done` is called once, unless the returned function cancels first. */
export type Dial = (request: DialRequest) => () => void;

// All sockets read into this one buffer: what arrives is used up or copied before the next read. It saves an
// allocation of 64 KiB for each read, which is most of the memory of an idle event stream.
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);

/** The first attempt of two address families gets this long; Node's 250 ms cuts off distant hosts (nodejs/node #54359). */
const FAMILY_ATTEMPT_MS = 2500;

/** Makes the one function that opens sockets to upstreams: address guard, outbound proxy, TLS and time limit in one place. */
export function createDial(options: DialOptions): Dial {
  const lookup = guardedLookup(options.guard);
  const contexts = new Map<string, SecureContext>();
  const sessions = new Map<string, Buffer>();

  return request => {
    const { endpoint, done } = request;
    let socket: Socket | undefined;
    let tunnel: http.ClientRequest | undefined;
    let settled = false;
    const timer = setTimeout(() => {
      finish({
        code: 'ERR_UPSTREAM_TIMEOUT',
        message: 'The upstream could not be reached in time',
        cause: undefined,
      });
    }, options.connectTimeoutMs);

    function finish(failure: DialFailure | undefined, connected?: Socket): void {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      if (failure !== undefined) {
        tunnel?.destroy();
        socket?.destroy();
      }
      done(failure, connected);
    }

    /** Finishes the socket that `open` began: waits for it, and for TLS on it. */
    function adopt(opened: Socket, ready: 'connect' | 'secureConnect'): void {
      socket = opened;
      const failed = (error: Error) => finish(dialFailure(error, endpoint.tls));
      const closed = () =>
        failed(Object.assign(new Error('closed while connecting'), { code: 'ECONNRESET' }));
      opened.on('error', failed);
      opened.on('close', closed);
      opened.once(ready, () => {
        opened.off('error', failed);
        opened.off('close', closed);
        finish(undefined, opened);
      });
    }

    const receive = request.receive;
    const onread =
      receive === undefined
        ? undefined
        : { buffer: readBuffer, callback: (size: number) => receive(readBuffer.subarray(0, size)) };
    const proxy = proxyOf(options, endpoint);
    if (isIP(endpoint.hostname) !== 0 && !options.guard(endpoint.hostname)) {
      process.nextTick(finish, forbidden());
    } else if (proxy !== undefined) {
      tunnel = openTunnel(proxy, endpoint, (error, through) => {
        if (settled) return void through?.destroy();
        if (through === undefined) {
          finish({
            code: 'ERR_UPSTREAM_REFUSED',
            message: 'The outbound proxy gave no connection',
            cause: error,
          });
          return;
        }
        if (endpoint.tls) {
          const secured = connectTls({ ...tlsOptions(endpoint, contexts, sessions), socket: through });
          adopt(secured, 'secureConnect');
          passOn(secured, receive);
        } else {
          finish(undefined, through);
          passOn(through, receive);
        }
      });
    } else {
      const where = {
        host: endpoint.hostname,
        port: endpoint.port,
        lookup,
        autoSelectFamily: true,
        autoSelectFamilyAttemptTimeout: FAMILY_ATTEMPT_MS,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: 30_000,
        ...(onread === undefined ? {} : { onread }),
      };
      if (endpoint.tls) {
        const secured = connectTls({ ...tlsOptions(endpoint, contexts, sessions), ...where });
        secured.on('session', session => sessions.set(endpointKey(endpoint), session));
        adopt(secured, 'secureConnect');
      } else {
        adopt(connectPlain(where), 'connect');
      }
    }

    return () => {
      settled = true;
      clearTimeout(timer);
      tunnel?.destroy();
      socket?.destroy();
    };
  };
}

/** Text that is equal for endpoints that may share connections. */
export function endpointKey(endpoint: Endpoint): string {
  const { tls, hostname, port, authority, ca = '', insecure = false, http2 = false } = endpoint;
  return [tls, hostname, port, authority, insecure, http2, ca].join('|');
}

function passOn(socket: Socket, receive: Receive | undefined): void {
  if (receive === undefined) return;
  socket.on('data', (bytes: Buffer) => {
    if (!receive(bytes)) socket.pause();
  });
}

function tlsOptions(endpoint: Endpoint, contexts: Map<string, SecureContext>, sessions: Map<string, Buffer>) {
  const key = endpointKey(endpoint);
  let context = contexts.get(key);
  if (context === undefined) {
    context = createSecureContext(
      endpoint.ca === undefined ? {} : { ca: [...getCACertificates('default'), endpoint.ca] },
    );
    contexts.set(key, context);
  }
  const session = sessions.get(key);
  return {
    secureContext: context,
    // SNI and the certificate check follow the target, never the client's Host (RFC 6066 §3: no literal addresses in SNI).
    servername: isIP(endpoint.hostname) === 0 ? endpoint.hostname : '',
    host: endpoint.hostname,
    rejectUnauthorized: endpoint.insecure !== true,
    ALPNProtocols: endpoint.http2 === true ? ['h2', 'http/1.1'] : ['http/1.1'],
    ...(session === undefined ? {} : { session }),
  };
}

/** A DNS look-up that fails when any address found is forbidden. */
function guardedLookup(guard: AddressGuard): LookupFunction {
  return (hostname, options, callback) => {
    dnsLookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error !== null) {
        callback(error, [], 0);
      } else if (!addresses.every(({ address }) => guard(address))) {
        callback(Object.assign(new Error('forbidden address'), { code: 'ERR_FORBIDDEN_ADDRESS' }), [], 0);
      } else if (options.all === true) {
        callback(null, addresses);
      } else {
        callback(null, addresses[0]!.address, addresses[0]!.family);
      }
    });
  };
}

function proxyOf(options: DialOptions, endpoint: Endpoint): URL | undefined {
  const proxy = endpoint.tls ? options.httpsProxy : options.httpProxy;
  if (proxy === undefined || bypassesProxy(options.noProxy, endpoint.hostname, endpoint.port))
    return undefined;
  return new URL(proxy.reveal());
}

/** Asks an outbound proxy for a tunnel (RFC 9110 §9.3.6). */
function openTunnel(
  proxy: URL,
  endpoint: Endpoint,
  done: (error: unknown, socket: Socket | undefined) => void,
): http.ClientRequest {
  const host = endpoint.hostname.includes(':') ? `[${endpoint.hostname}]` : endpoint.hostname;
  const authority = `${host}:${endpoint.port}`;
  const headers: Record<string, string> = { Host: authority };
  if (proxy.username !== '') {
    const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
    headers['Proxy-Authorization'] = `Basic ${Buffer.from(pair).toString('base64')}`;
  }
  const client = proxy.protocol === 'https:' ? https : http;
  const request = client.request({
    host: proxy.hostname.replace(/^\[|\]$/g, ''),
    port: proxy.port === '' ? (proxy.protocol === 'https:' ? 443 : 80) : Number(proxy.port),
    method: 'CONNECT',
    path: authority,
    headers,
    agent: false,
  });
  request.once('connect', (response, socket, head) => {
    if (response.statusCode === 200 && head.length === 0) {
      socket.setTimeout(0);
      done(undefined, socket as Socket);
    } else {
      socket.destroy();
      done(new Error(`outbound proxy answered ${response.statusCode}`), undefined);
    }
  });
  request.once('response', response => {
    response.destroy();
    done(new Error(`outbound proxy answered ${response.statusCode}`), undefined);
  });
  request.on('error', error => done(error, undefined));
  request.end();
  return request;
}

function forbidden(cause?: unknown): DialFailure {
  return { code: 'ERR_UPSTREAM_FORBIDDEN', message: 'The upstream address is not allowed', cause };
}

function dialFailure(error: Error & { code?: string }, tls: boolean): DialFailure {
  switch (error.code) {
    case 'ERR_FORBIDDEN_ADDRESS':
      return forbidden(error);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_NODATA':
      return { code: 'ERR_UPSTREAM_DNS', message: 'The upstream name could not be resolved', cause: error };
    case 'ETIMEDOUT':
      return {
        code: 'ERR_UPSTREAM_TIMEOUT',
        message: 'The upstream could not be reached in time',
        cause: error,
      };
    case 'ECONNREFUSED':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
    case 'ECONNRESET':
      return { code: 'ERR_UPSTREAM_REFUSED', message: 'The upstream could not be reached', cause: error };
    default:
      return tls
        ? { code: 'ERR_UPSTREAM_TLS', message: 'The upstream could not be reached securely', cause: error }
        : { code: 'ERR_UPSTREAM_REFUSED', message: 'The upstream could not be reached', cause: error };
  }
}

export type { TLSSocket };
