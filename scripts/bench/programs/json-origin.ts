// A vendor that answers a chat at once. It works on the bare socket, so that it is no bottleneck. `/v1/mirror` answers
// with what came: its body, and behind it the head.
import { createServer } from 'node:net';
import { announcePort } from './announce-port.ts';
import { CHAT_ANSWER } from './chat-answer.ts';
import { requestParser } from './request-parser.ts';

const answer = Buffer.from(
  [
    'HTTP/1.1 200 OK',
    'Date: Fri, 20 Nov 2026 10:00:00 GMT',
    'Content-Type: application/json',
    `Content-Length: ${CHAT_ANSWER.length}`,
    'Connection: keep-alive',
    'openai-organization: org-example',
    'openai-processing-ms: 120',
    'openai-version: 2020-10-01',
    'x-ratelimit-limit-requests: 10000',
    'x-ratelimit-remaining-requests: 9999',
    'x-request-id: req_1234567890',
    'Server: cloudflare',
    '',
    CHAT_ANSWER,
  ].join('\r\n'),
);

const server = createServer({ noDelay: true }, socket => {
  // A proxy that is stopped resets its connections.
  socket.on('error', () => socket.destroy());
  socket.on(
    'data',
    requestParser(({ path, head, body }) => {
      if (path === '/v1/mirror') {
        const mirrored = JSON.stringify({ head, body });
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(mirrored)}\r\n\r\n${mirrored}`);
      } else {
        socket.write(answer);
      }
    }),
  );
});
announcePort(server);
