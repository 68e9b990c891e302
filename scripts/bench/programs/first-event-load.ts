// Asks for event streams, a few at a time, and notes how long each event was on its way.
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { CHAT_BODY, CHAT_HEADERS } from '../chat-request.ts';
import { type FirstEventReport, type FirstEventTask, PACED_EVENTS } from './event-plan.ts';

const task = JSON.parse(process.argv[2]!) as FirstEventTask;
const agent = new Agent({ keepAlive: true });
const [firstMs, laterMs]: [number[], number[]] = [[], []];

async function stream(): Promise<void> {
  const outgoing = request({
    host: '127.0.0.1',
    port: task.port,
    path: task.path,
    method: 'POST',
    agent,
    headers: { ...CHAT_HEADERS, 'Content-Length': CHAT_BODY.length },
  });
  outgoing.end(CHAT_BODY);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  let [seen, text] = [0, ''];
  response.on('data', (piece: Buffer) => {
    const now = process.hrtime.bigint();
    text += piece.toString('latin1');
    for (const [, sentNs] of piece.toString('latin1').matchAll(/"sentNs":"(\d+)"/g)) {
      (seen === 0 ? firstMs : laterMs).push(Number(now - BigInt(sentNs!)) / 1e6);
      seen += 1;
    }
  });
  await once(response, 'end');
  if (response.statusCode !== 200 || seen !== PACED_EVENTS || !text.endsWith('data: [DONE]\n\n')) {
    throw new Error(`Expected ${PACED_EVENTS} events and the end, got ${response.statusCode}: ${text}`);
  }
}

async function run(): Promise<FirstEventReport> {
  // The first of them warm the proxy up.
  await streamAll(Math.ceil(task.streams / 5));
  firstMs.length = 0;
  laterMs.length = 0;
  await streamAll(task.streams);
  return { firstMs, laterMs };
}

async function streamAll(count: number): Promise<void> {
  let left = count;
  const lane = async () => {
    while (left > 0) {
      left -= 1;
      await stream();
    }
  };
  await Promise.all(Array.from({ length: task.atOnce }, lane));
}

console.log(JSON.stringify(await run()));
agent.destroy();
