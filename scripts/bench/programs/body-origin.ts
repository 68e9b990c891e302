// A vendor of large files: `GET /v1/files/<bytes>` gives so many bytes, `POST /v1/files` takes any number and says how
// many came, and whether they were right.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { announcePort } from './announce-port.ts';
import { BodyCheck, bodyPieces } from './body-plan.ts';

async function give(response: ServerResponse, bytes: number): Promise<void> {
  response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': bytes });
  for (const piece of bodyPieces(bytes)) {
    if (response.destroyed) return;
    if (!response.write(piece)) await once(response, 'drain');
  }
  response.end();
}

async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const check = new BodyCheck();
  request.on('data', (piece: Buffer) => check.take(piece));
  await once(request, 'end');
  const answer = JSON.stringify({ bytes: check.bytes, intact: check.intact });
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': answer.length });
  response.end(answer);
}

const server = createServer({ requestTimeout: 0 }, (request, response) => {
  if (request.method === 'POST') void take(request, response);
  else void give(response, Number(request.url!.split('/').at(-1)));
});
announcePort(server);
