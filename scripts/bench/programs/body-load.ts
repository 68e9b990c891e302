// Sends or fetches one large body and notes how fast it went.
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { BodyCheck, type BodyReport, type BodyTask, bodyPieces } from './body-plan.ts';

const { port, prefix, bytes, way } = JSON.parse(process.argv[2]!) as BodyTask;
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

const startedAt = performance.now();
const seen = way === 'down' ? await fetchBody() : await sendBody();
const seconds = (performance.now() - startedAt) / 1000;
const report: BodyReport | { problem: string } =
  seen.bytes === bytes && seen.intact
    ? { megabytesPerSecond: bytes / seconds / 1e6 }
    : { problem: `Expected ${bytes} bytes as they were sent, got ${seen.bytes}, intact: ${seen.intact}` };
console.log(JSON.stringify(report));
