// The least that node:http and undici's `dispatch` need to relay a request: no statistics, no mapping table, no answers
// of its own. A small body that has come already goes on as one buffer, and an answer that comes in one packet leaves in
// one write.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Dispatcher, Pool } from 'undici';
import { announcePort } from './announce-port.ts';

const [originPort, prefix = ''] = process.argv.slice(2);

const pool = new Pool(`http://127.0.0.1:${originPort}`, {
  connections: null,
  pipelining: 1,
  headersTimeout: 0,
  bodyTimeout: 0,
});

/** What undici writes itself, and what concerns one connection only. */
const NOT_FORWARDED = new Set(['host', 'connection', 'keep-alive', 'content-length', 'transfer-encoding']);

function requestFields(raw: readonly string[]): string[] {
  const fields: string[] = [];
  for (let index = 0; index < raw.length; index += 2) {
    if (!NOT_FORWARDED.has(raw[index]!.toLowerCase())) fields.push(raw[index]!, raw[index + 1]!);
  }
  fields.push('via', '1.1 relay');
  return fields;
}

function responseFields(raw: readonly Buffer[]): string[] {
  const fields: string[] = [];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]!.toString('latin1');
    const lower = name.toLowerCase();
    if (lower === 'connection' || lower === 'keep-alive' || lower === 'transfer-encoding') continue;
    fields.push(name, raw[index + 1]!.toString('latin1'));
  }
  return fields;
}

function relay(request: IncomingMessage, response: ServerResponse): void {
  let held: Buffer | undefined;
  function release(): void {
    if (held === undefined) return;
    response.write(held);
    held = undefined;
  }
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(controller) {
      response.once('close', () => {
        if (!response.writableFinished) controller.abort(new Error('the client has left'));
      });
      response.on('drain', () => controller.resume());
    },
    onResponseStart(controller, status, _headers, message) {
      response.sendDate = false;
      response.writeHead(status, message, responseFields(controller.rawHeaders as Buffer[]));
    },
    onResponseData(controller, piece) {
      if (held === undefined) process.nextTick(release);
      else release();
      held = piece;
      if (response.writableNeedDrain) controller.pause();
    },
    onResponseEnd() {
      const last = held;
      held = undefined;
      response.end(last);
    },
    onResponseError() {
      response.destroy();
    },
  };
  const body = request.complete ? (request.read() as Buffer | null) : request;
  pool.dispatch(
    {
      path: request.url!.slice(prefix.length),
      method: request.method as Dispatcher.HttpMethod,
      headers: requestFields(request.rawHeaders),
      body,
    },
    handler,
  );
}

// A body that came with its head has been parsed by the next turn of the event loop.
const server = createServer((request, response) => setImmediate(relay, request, response));
announcePort(server);
