import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';

export interface DemoVendor {
  /** `http://127.0.0.1:<port>` */
  readonly address: string;
  close(): Promise<void>;
}

const ANSWER = 'Hello from a mock vendor: every word of this came as its own event, through the proxy.';
const PAUSE_MS = 30;

/** A stand-in for OpenAI on this machine: answers any chat with one sentence, word by word, as an event stream. */
export async function startDemoVendor(): Promise<DemoVendor> {
  const server = createServer((request, response) => {
    request.resume();
    if (request.method === 'POST' && request.url === '/v1/chat/completions') {
      void streamAnswer(response);
      return;
    }
    response.writeHead(404, { 'Content-Type': 'application/json' });
    response.end('{"error":{"message":"The mock vendor knows only POST /v1/chat/completions"}}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Ends early, and quietly, when the client leaves. */
async function streamAnswer(response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  const words = ANSWER.split(/(?<= )/);
  const deltas = [{ role: 'assistant', content: '' }, ...words.map(content => ({ content })), {}];
  for (const [index, delta] of deltas.entries()) {
    if (response.destroyed) return;
    const chunk = {
      id: 'chatcmpl-demo',
      object: 'chat.completion.chunk',
      created: 0,
      model: 'demo',
      choices: [{ index: 0, delta, finish_reason: index === deltas.length - 1 ? 'stop' : null }],
    };
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    await setTimeout(PAUSE_MS);
  }
  response.end('data: [DONE]\n\n');
}
