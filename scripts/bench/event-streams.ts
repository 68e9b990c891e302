// What do event streams cost? 800 at once with 20 events a second each: CPU time per event, memory per open stream. And
// with a few at a time: how much later than without a proxy does the first event arrive, and how much later the others?
import { type Contestant, startContestants } from './contestants.ts';
import {
  type Bench,
  type BenchContext,
  type ContestantName,
  type Measure,
  orderOfRound,
  quantile,
  Samples,
} from './measure.ts';
import { runLoad, startOrigin } from './origin.ts';
import {
  EVENTS_PER_SECOND,
  type EventLoadReport,
  type EventLoadTask,
  type FirstEventReport,
  type FirstEventTask,
} from './programs/event-plan.ts';

export const eventStreams: Bench = {
  name: 'event-streams',
  question: 'What do 800 event streams cost, and how much later does an event arrive?',
  run,
};

const STREAMS = 800;
const PROXIES: readonly ContestantName[] = ['Switchyard', 'http-proxy-3', 'undici', 'nginx', 'Caddy'];

async function run(context: BenchContext): Promise<Measure[]> {
  const origin = await startOrigin(context, 'event-origin.ts');
  const measures = [...(await costs(context, origin.port)), ...(await delays(context, origin.port))];
  await origin.stop();
  return measures;
}

/** Each round starts the proxy anew: memory that an earlier round left behind would hide what a stream takes. */
async function costs(context: BenchContext, originPort: number): Promise<Measure[]> {
  const cpu = new Samples();
  const memory = new Samples();
  const [rounds, seconds, settleMs] = context.quick ? [1, 3, 700] : [2, 5, 2000];
  for (let round = 0; round < rounds; round += 1) {
    for (const name of orderOfRound(PROXIES, round)) {
      const [contestant] = await startContestants([name], context, originPort);
      if (contestant === undefined) continue;
      const { port, prefix, pid } = contestant;
      const task: EventLoadTask = {
        port,
        path: `${prefix}/v1/steady`,
        streams: STREAMS,
        seconds,
        settleMs,
        pid: pid!,
      };
      const report = await runLoad<EventLoadReport>(context, 'event-load.ts', task);
      await contestant.stop();
      const wanted = STREAMS * EVENTS_PER_SECOND;
      if (report.eventsPerSecond < wanted * 0.9 || report.eventsPerSecond > wanted * 1.1) {
        context.say(`${name}: ${Math.round(report.eventsPerSecond)} events/s instead of ${wanted}`);
      }
      cpu.add(name, report.cpuUsPerEvent);
      memory.add(name, report.residentKbPerStream);
    }
  }
  return [
    {
      label: { en: '800 event streams: CPU per event', zh: '800 个事件流：每事件 CPU' },
      unit: 'µs',
      decimals: 1,
      samples: cpu.map,
      relative: true,
      quoted: true,
      target: { atMost: 0.9 },
    },
    {
      label: { en: '800 event streams: memory per open stream', zh: '800 个事件流：每个打开的流占用内存' },
      unit: 'kB',
      decimals: 0,
      samples: memory.map,
      relative: false,
      quoted: true,
      target: { atMost: 70 },
    },
  ];
}

/** What the proxy adds to an event's way, few streams at a time. */
async function delays(context: BenchContext, originPort: number): Promise<Measure[]> {
  const first = { median: new Samples(), slow: new Samples() };
  const later = { median: new Samples(), slow: new Samples() };
  const contestants = await startContestants(['direct', ...PROXIES], context, originPort);
  const rounds = context.quick ? 1 : 2;
  for (let round = 0; round < rounds; round += 1) {
    for (const contestant of orderOfRound(contestants, round)) {
      const { firstMs, laterMs } = await paced(context, contestant);
      for (const [delay, values] of [
        [first, firstMs],
        [later, laterMs],
      ] as const) {
        const sorted = values.toSorted((a, b) => a - b);
        delay.median.add(contestant.name, quantile(sorted, 0.5));
        delay.slow.add(contestant.name, quantile(sorted, 0.99));
      }
    }
  }
  for (const { stop } of contestants) await stop();
  const row = (en: string, zh: string, samples: Samples) => ({
    label: { en, zh },
    unit: 'ms',
    decimals: 2,
    samples: samples.map,
    relative: false,
    quoted: samples === first.median || samples === later.median,
  });
  return [
    {
      ...row('First event, from origin to client: median', '首个事件从上游到客户端：中位数', first.median),
      target: { atMost: 2 },
    },
    row('First event: 99th percentile', '首个事件：第 99 百分位', first.slow),
    row('Later events: median', '后续事件：中位数', later.median),
    row('Later events: 99th percentile', '后续事件：第 99 百分位', later.slow),
  ];
}

function paced(context: BenchContext, { port, prefix }: Contestant): Promise<FirstEventReport> {
  const task: FirstEventTask = {
    port,
    path: `${prefix}/v1/paced`,
    streams: context.quick ? 32 : 120,
    atOnce: 4,
  };
  return runLoad<FirstEventReport>(context, 'first-event-load.ts', task);
}
