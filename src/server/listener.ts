import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { AppError, errorBody } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { nextRequestId } from '../base/request-id.ts';
import { isReservedPath } from '../domain/mappings.ts';
import { handle } from '../proxy/handle.ts';
import type { ProxyContext, SpecialRequest } from '../proxy/passage.ts';
import { handlePooled } from '../proxy/pooled.ts';
import type { PooledContext } from '../proxy/pooled-context.ts';
import { parseRequestTarget, type RequestTarget } from '../proxy/target.ts';
import { OpenAnswers } from './open-answers.ts';
import { ReceivedMessage } from './received-message.ts';

/** Request line and fields together; more is answered 431. */
const LARGEST_HEAD_BYTES = 64 * 1024;
/** For the head of a request, against clients that dribble it (slowloris). */
const HEAD_TIMEOUT_MS = 60_000;
const TIMEOUT_CHECK_MS = 5_000;
/** Longer than the 60 s after which balancers drop idle connections, so that they, not we, close first. */
const KEEP_ALIVE_MS = 75_000;
// A host or host:port (RFC 3986 §3.2.2), which may be empty (RFC 9112 §3.2).
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(?::\d*)?$/;

export interface ListenerOptions {
  readonly proxy: ProxyContext;
  /** `/v1`; left out, the panel answers it with 404. */
  readonly pooled?: PooledContext | undefined;
  /** Serves reserved paths; sees `request.url` without `BASE_PATH`. */
  readonly panel: (request: IncomingMessage, response: ServerResponse) => void;
  /** Empty, or `/switchyard`. */
  readonly basePath: string;
  readonly log: Log;
}

/** The listening side, and how to end it without cutting anybody off. */
export interface Listener {
  readonly server: Server;
  /** Listens. Rejects with the system's error (`EADDRINUSE`, …). @returns the port */
  listen(port: number, host: string): Promise<number>;
  /** Accepts nothing new; resolves when every open request has ended, or after `graceMs`, when the rest is cut. */
  drain(graceMs: number): Promise<void>;
  readonly draining: boolean;
}

/** The answers under way on one connection: a bad request must not destroy those before it (RFC 9112 §9.3.2). */
interface Pipeline {
  answering: number;
  /** The request that was begun last. */
  latest: { readonly request: IncomingMessage; readonly response: ServerResponse } | undefined;
  /** What came last is not HTTP: close when the answers before it are out. */
  broken: boolean;
  /** How many of `answering` will never be answered. */
  unanswerable: number;
}

/** Receives every connection. Reserved paths go to the panel, everything else to the proxy. */
export function createListener(options: ListenerOptions): Listener {
  const { proxy, basePath, log } = options;
  const open = new OpenAnswers();
  const upgraded = new Set<Socket>();
  const pipelines = new WeakMap<Socket, Pipeline>();
  let draining = false;

  const server = createServer({
    // The prefix proxy has no time limit of its own: a slow upload or a slow model may take hours.
    requestTimeout: 0,
    headersTimeout: HEAD_TIMEOUT_MS,
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: LARGEST_HEAD_BYTES,
    noDelay: true,
    optimizeEmptyRequests: true,
    shouldUpgradeCallback: asksForWebSocket,
    IncomingMessage: ReceivedMessage,
  });
  server.maxHeadersCount = 0;
  server.timeout = 0;

  function serve(request: IncomingMessage, response: ServerResponse, special?: SpecialRequest): void {
    if (draining) response.shouldKeepAlive = false;
    let target: RequestTarget;
    try {
      target = receive(request, basePath);
    } catch (error) {
      refuse(response, error as AppError);
      return;
    }
    if (options.pooled !== undefined && /^\/v1(?:[/?]|$)/.test(target.path)) {
      track(request, response, handlePooled(options.pooled, { request, response, target, special }));
    } else if (isReservedPath(target.path) && special?.upgrade === undefined) {
      request.url = target.path;
      if (special?.expectContinue === true) response.writeContinue();
      const answered = new Promise<void>(resolve => response.once('close', resolve));
      options.panel(request, response);
      track(request, response, answered);
    } else {
      track(request, response, handle(proxy, { request, response, target, special }));
    }
  }

  /** Keeps account of an answer under way, for draining and for errors later on the same connection. */
  function track(request: IncomingMessage, response: ServerResponse, done: Promise<void>): void {
    const pipeline = pipelineOf(request.socket);
    pipeline.answering += 1;
    pipeline.latest = { request, response };
    const answer = open.add(response, done);
    void done.then(() => {
      open.remove(answer);
      pipeline.answering -= 1;
      if (pipeline.broken && pipeline.answering <= pipeline.unanswerable) request.socket.destroySoon();
    });
  }

  function pipelineOf(socket: Socket): Pipeline {
    let pipeline = pipelines.get(socket);
    if (pipeline === undefined) {
      pipeline = { answering: 0, latest: undefined, broken: false, unanswerable: 0 };
      pipelines.set(socket, pipeline);
    }
    return pipeline;
  }

  server.on('request', (request, response) => serve(request, response));
  server.on('checkContinue', (request, response) => serve(request, response, { expectContinue: true }));
  server.on('checkExpectation', (_request, response) => {
    refuse(response, new AppError('ERR_EXPECTATION', 'Expected `Expect` to be 100-continue'));
  });
  server.on('upgrade', (request, socket: Socket, head) => {
    // Node lets go of the socket here; everything from its errors to its drain is ours.
    socket.on('error', error => log.debug({ err: error }, 'upgraded connection failed'));
    upgraded.add(socket);
    socket.on('close', () => upgraded.delete(socket));
    const response = new ServerResponse(request);
    response.assignSocket(socket);
    response.shouldKeepAlive = false;
    response.on('finish', () => socket.destroySoon());
    socket.on('drain', () => response.emit('drain'));
    serve(request, response, { upgrade: { protocol: request.headers.upgrade!, socket, head } });
  });
  server.on('connect', (_request, socket) => {
    // A refused CONNECT ends the connection: what follows it was meant for somebody else (RFC 9931).
    endWith(socket, new AppError('ERR_METHOD_NOT_ALLOWED', 'CONNECT is not supported'));
  });
  server.on('clientError', (error: Error & { code?: string }, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const pipeline = pipelineOf(socket as Socket);
    // The request whose body is broken can't be answered by its upstream any more; earlier ones still are.
    const broken = pipeline.latest?.request.complete === false ? pipeline.latest : undefined;
    pipeline.unanswerable = broken === undefined ? 0 : 1;
    if (pipeline.answering > pipeline.unanswerable) pipeline.broken = true;
    else if (broken?.response.headersSent === true) socket.destroy();
    else endWith(socket, clientErrorAnswer(error.code));
  });

  return {
    server,
    get draining() {
      return draining;
    },
    listen: (port, host) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen({ port, host }, () => {
          server.off('error', reject);
          const address = server.address();
          resolve(typeof address === 'object' && address !== null ? address.port : port);
        });
      }),
    async drain(graceMs) {
      draining = true;
      server.close();
      server.closeIdleConnections();
      for (const { response } of open.list) {
        if (!response.headersSent) response.shouldKeepAlive = false;
      }
      let timer: NodeJS.Timeout | undefined;
      let patient = true;
      const grace = new Promise<void>(resolve => {
        timer = setTimeout(() => {
          patient = false;
          resolve();
        }, graceMs);
      });
      // Connections whose answer had begun may bring another request meanwhile.
      while (patient && open.list.length > 0) await Promise.race([open.allDone(), grace]);
      clearTimeout(timer);
      server.closeAllConnections();
      for (const socket of upgraded) socket.destroy();
      await open.allDone();
    },
  };
}

/**
 * Refuses what Node's parser lets through and takes `BASE_PATH` off.
 *
 * @throws AppError
 */
function receive(request: IncomingMessage, basePath: string): RequestTarget {
  if (request.httpVersionMajor !== 1) throw new AppError('ERR_HTTP_VERSION', 'Expected HTTP/1.1 or HTTP/1.0');
  let hosts = 0;
  const { rawHeaders, headers } = request;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  // RFC 9112 §3.2: more than one Host, or an invalid one, is an attack on whoever routes by it.
  if (hosts > 1 || !HOST.test(headers.host ?? '')) {
    throw new AppError('ERR_BAD_REQUEST', 'Expected exactly one valid `Host` field');
  }
  const coding = headers['transfer-encoding'];
  if (coding !== undefined) {
    if (
      request.httpVersionMinor === 0 ||
      headers['content-length'] !== undefined ||
      coding.toLowerCase() !== 'chunked'
    ) {
      throw new AppError(
        'ERR_BAD_REQUEST',
        'Expected the body to be framed by `Transfer-Encoding: chunked` alone',
      );
    }
  }
  const target = parseRequestTarget(request.url!, headers.host ?? '');
  if (basePath === '' || target.path === '*') return target;
  const { path } = target;
  const next = path.charAt(basePath.length);
  if (!path.startsWith(basePath) || (next !== '' && next !== '/' && next !== '?')) {
    throw new AppError('ERR_NOT_FOUND', 'Nothing is served outside the base path');
  }
  const rest = path.slice(basePath.length);
  return { ...target, path: rest.startsWith('/') ? rest : `/${rest}` };
}

/** Only WebSocket switches protocols through us: `h2c` would carry requests past every check. */
function asksForWebSocket(request: IncomingMessage): boolean {
  const { upgrade } = request.headers;
  if (upgrade === undefined || upgrade.toLowerCase() !== 'websocket' || request.method !== 'GET')
    return false;
  return (
    request.headers['content-length'] === undefined && request.headers['transfer-encoding'] === undefined
  );
}

/** Answers a request whose framing or routing cannot be trusted, and closes. */
function refuse(response: ServerResponse, error: AppError): void {
  const body = Buffer.from(errorBody(error, nextRequestId()));
  response.writeHead(error.status, [
    'Content-Type',
    'application/json; charset=utf-8',
    'Content-Length',
    String(body.length),
    'Connection',
    'close',
  ]);
  response.end(body);
}

/** Writes an error answer on a bare socket and closes it. */
function endWith(socket: NodeJS.WritableStream & { destroySoon?: () => void }, error: AppError): void {
  const body = errorBody(error, nextRequestId());
  const head = `HTTP/1.1 ${error.status} Refused\r\nContent-Type: application/json; charset=utf-8\r\n`;
  socket.write(`${head}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
  (socket as Socket).destroySoon();
}

function clientErrorAnswer(code: string | undefined): AppError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new AppError(
        'ERR_HEADERS_TOO_LARGE',
        `Expected the request head to be at most ${LARGEST_HEAD_BYTES} bytes`,
      );
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new AppError('ERR_BODY_TOO_LARGE', 'Expected chunk extensions to be short');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new AppError('ERR_TIMEOUT', 'The request head did not arrive in time');
    default:
      return new AppError('ERR_BAD_REQUEST', 'The request is not valid HTTP');
  }
}
