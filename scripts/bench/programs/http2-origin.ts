// A vendor behind TLS that offers HTTP/2 and HTTP/1.1 by ALPN, and answers a chat at once. `/v1/counts` tells how many
// requests came over which, and how many connections there were.
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { announcePort } from './announce-port.ts';
import { CHAT_ANSWER } from './chat-answer.ts';
import type { OriginCounts } from './http2-plan.ts';

const [keyFile, certificateFile] = process.argv.slice(2);
const counts: OriginCounts = { http1: 0, http2: 0, connections: 0 };

const server = createSecureServer({
  key: readFileSync(keyFile!),
  cert: readFileSync(certificateFile!),
  allowHTTP1: true,
});
server.on('secureConnection', () => {
  counts.connections += 1;
});
server.on('request', (request, response) => {
  request.resume();
  const isCounts = request.url === '/v1/counts';
  if (!isCounts) counts[request.httpVersionMajor === 2 ? 'http2' : 'http1'] += 1;
  const answer = isCounts ? JSON.stringify(counts) : CHAT_ANSWER;
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length });
  response.end(answer);
});
announcePort(server);
