// A vendor that streams chats. `/v1/steady` sends 20 events a second until the client leaves; the streams are spread
// evenly over time. `/v1/paced` sends the head at once, then, as a model does, a first event after a while and a few more.
// Each event tells when it left: the monotonic clock is the same for all processes of a machine.
import { createServer, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { announcePort } from './announce-port.ts';
import { EVENTS_PER_SECOND, PACED_EVENTS } from './event-plan.ts';
import { requestParser } from './request-parser.ts';

const HEAD = Buffer.from(
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n' +
    'x-request-id: req_1234567890\r\nTransfer-Encoding: chunked\r\n\r\n',
);
const THINKING_MS = 20;
const BETWEEN_EVENTS_MS = 15;

const steady: Socket[] = [];

/** One event as one chunk. */
function eventNow(): Buffer {
  const event = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o-mini","sentNs":"${process.hrtime.bigint()}","choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}\n\n`;
  return Buffer.from(`${event.length.toString(16)}\r\n${event}\r\n`);
}

async function sendPaced(socket: Socket): Promise<void> {
  socket.write(HEAD);
  for (let sent = 0; sent < PACED_EVENTS; sent += 1) {
    await setTimeout(sent === 0 ? THINKING_MS : BETWEEN_EVENTS_MS);
    socket.write(eventNow());
  }
  socket.write('e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n');
}

let [owed, turn, lastTickAt] = [0, 0, performance.now()];

/** Sends what is due since the last tick: however late a tick comes, the rate holds. */
function tick(): void {
  const now = performance.now();
  owed += ((now - lastTickAt) * steady.length * EVENTS_PER_SECOND) / 1000;
  lastTickAt = now;
  if (steady.length === 0) owed = 0;
  if (owed < 1) return;
  const event = eventNow();
  for (; owed >= 1; owed -= 1) {
    turn = (turn + 1) % steady.length;
    steady[turn]!.write(event);
  }
}
setInterval(tick, 1);

const server = createServer({ noDelay: true }, socket => {
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    const place = steady.indexOf(socket);
    if (place !== -1) steady.splice(place, 1);
  });
  socket.on(
    'data',
    requestParser(({ path }) => {
      if (path === '/v1/paced') {
        void sendPaced(socket);
      } else {
        socket.write(HEAD);
        steady.push(socket);
      }
    }),
  );
});
announcePort(server);
