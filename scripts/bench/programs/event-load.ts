// Opens many event streams through a proxy, counts what comes, and reads what the proxy spends on it.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { chatRequestText } from '../chat-request.ts';
import { quantile } from '../measure.ts';
import { cpuMsOf, residentKbOf } from '../process-cost.ts';
import type { EventLoadReport, EventLoadTask } from './event-plan.ts';

const WARM_UP_STREAMS = 20;
const OPENED_TOGETHER = 40;
const BETWEEN_OPENINGS_MS = 20;
const MEMORY_SAMPLES = 10;

const task = JSON.parse(process.argv[2]!) as EventLoadTask;
const request = chatRequestText(task.path);
let events = 0;
let problem: string | undefined;

class Stream {
  readonly #socket: Socket;
  #begun = false;

  constructor() {
    this.#socket = connect(task.port, '127.0.0.1');
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (piece: Buffer) => this.#take(piece));
    this.#socket.on('error', error => {
      problem ??= `Expected streams to stay open, got ${error.message}`;
    });
    this.#socket.on('end', () => {
      problem ??= 'Expected streams to stay open, one was ended';
    });
    this.#socket.write(request);
  }

  #take(piece: Buffer): void {
    if (!this.#begun) {
      this.#begun = true;
      const head = piece.toString('latin1', 0, 500);
      if (!/^HTTP\/1\.1 200 [\s\S]*content-type: text\/event-stream/i.test(head)) {
        problem ??= `Expected an event stream, got: ${head}`;
      }
    }
    for (let at = piece.indexOf('data: '); at !== -1; at = piece.indexOf('data: ', at + 6)) events += 1;
  }

  async close(): Promise<void> {
    this.#socket.destroy();
    await once(this.#socket, 'close');
  }
}

async function open(count: number): Promise<Stream[]> {
  const streams: Stream[] = [];
  while (streams.length < count) {
    streams.push(new Stream());
    if (streams.length % OPENED_TOGETHER === 0) await setTimeout(BETWEEN_OPENINGS_MS);
  }
  return streams;
}

async function run(): Promise<EventLoadReport> {
  const { pid, streams, seconds, settleMs } = task;
  const first = await open(WARM_UP_STREAMS);
  await setTimeout(settleMs);
  for (const stream of first) await stream.close();
  await setTimeout(settleMs);
  const residentBeforeKb = residentKbOf(pid);

  await open(streams);
  await setTimeout(settleMs);
  const [startedAt, eventsBefore, cpuBefore] = [performance.now(), events, cpuMsOf(pid)];
  const residentKb: number[] = [];
  for (let sample = 0; sample < MEMORY_SAMPLES; sample += 1) {
    await setTimeout((seconds * 1000) / MEMORY_SAMPLES);
    residentKb.push(residentKbOf(pid));
  }
  const counted = events - eventsBefore;
  return {
    eventsPerSecond: (counted * 1000) / (performance.now() - startedAt),
    cpuUsPerEvent: ((cpuMsOf(pid) - cpuBefore) * 1000) / counted,
    residentKbPerStream:
      (quantile(
        residentKb.sort((a, b) => a - b),
        0.5,
      ) -
        residentBeforeKb) /
      streams,
  };
}

const report = await run();
console.log(JSON.stringify(problem === undefined ? report : { problem }));
