// Sends or fetches large bodies, one after the other, and notes how fast they went.
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { BodyCheck, type BodyReport, type BodyTask, bodyPieces } from './body-plan.ts';

const { port, prefix, bytes, way, times } = JSON.parse(process.argv[2]!) as BodyTask;
const origin = { host: '127.0.0.1', port, agent: new Agent() };

async function fetchBody(): Promise<BodyCheck> {
  const outgoing = request({ ...origin, path: `${prefix}/v1/files/${bytes}` });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  const check = new BodyCheck();
  response.on('data', (piece: Buffer) => check.take(piece));
  await once(response, 'end');
  return check;
}

async function sendBody(): Promise<{ bytes: number; intact: boolean }> {
  const headers = { 'Content-Type': 'application/octet-stream', 'Content-Length': bytes };
  const outgoing = request({ ...origin, path: `${prefix}/v1/files`, method: 'POST', headers });
  for (const piece of bodyPieces(bytes)) {
    if (!outgoing.write(piece)) await once(outgoing, 'drain');
  }
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  let text = '';
  for await (const piece of response) text += piece;
  if (response.statusCode !== 200) throw new Error(`Expected 200, got ${response.statusCode}: ${text}`);
  return JSON.parse(text);
}

async function run(): Promise<BodyReport | { problem: string }> {
  const startedAt = performance.now();
  for (let time = 0; time < times; time += 1) {
    const seen = way === 'down' ? await fetchBody() : await sendBody();
    if (seen.bytes !== bytes || !seen.intact) {
      return {
        problem: `Expected ${bytes} bytes as they were sent, got ${seen.bytes}, intact: ${seen.intact}`,
      };
    }
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return { megabytesPerSecond: (bytes * times) / seconds / 1e6 };
}

console.log(JSON.stringify(await run()));
