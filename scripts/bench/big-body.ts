// Does memory stay flat while a body of 4 GB passes, each way, and how fast does it pass? The body is made up as it goes:
// no disk is read. The peak is the kernel's own, so that none is missed between two looks.
import { type Contestant, startContestants } from './contestants.ts';
import {
  type Bench,
  type BenchContext,
  type ContestantName,
  type Measure,
  orderOfRound,
  Samples,
} from './measure.ts';
import { runLoad, startOrigin } from './origin.ts';
import { cpuMsOf, forgetPeak, peakKbOf, residentKbOf } from './process-cost.ts';
import type { BodyReport, BodyTask } from './programs/body-plan.ts';

export const bigBody: Bench = {
  name: 'big-body',
  question: 'Does memory stay flat while 4 GB pass, each way, and how fast do they pass?',
  run,
};

const WHOLE_BYTES = 4e9;
const QUICK_BYTES = 5e8;
/** Before the measured one some bodies of this size pass, so that code and buffers are there. */
const WARM_UP_BYTES = 1e6;
const WARM_UP_BODIES = 20;

const PROXIES: readonly ContestantName[] = ['Switchyard', 'http-proxy-3', 'undici', 'nginx'];

async function run(context: BenchContext): Promise<Measure[]> {
  const bytes = context.quick ? QUICK_BYTES : WHOLE_BYTES;
  if (context.quick) context.say('with 0.5 GB instead of 4');
  const origin = await startOrigin(context, 'body-origin.ts');
  const measures: Measure[] = [];
  for (const way of ['down', 'up'] as const) {
    const added = new Samples();
    const speed = new Samples();
    const cost = new Samples();
    for (const name of orderOfRound(PROXIES, way === 'down' ? 0 : 1)) {
      // A new process each time: what an earlier body left behind would hide what this one takes.
      const [contestant] = await startContestants([name], context, origin.port);
      if (contestant === undefined) continue;
      const pid = contestant.pid!;
      await pass(context, contestant, { bytes: WARM_UP_BYTES, way, times: WARM_UP_BODIES });
      forgetPeak(pid);
      const [residentBeforeKb, cpuBefore] = [residentKbOf(pid), cpuMsOf(pid)];
      const { megabytesPerSecond } = await pass(context, contestant, { bytes, way, times: 1 });
      added.add(name, (peakKbOf(pid) - residentBeforeKb) / 1024);
      cost.add(name, ((cpuMsOf(pid) - cpuBefore) / bytes) * 1e9);
      speed.add(name, megabytesPerSecond);
      await contestant.stop();
    }
    measures.push(...rows(way, { added, speed, cost }));
  }
  await origin.stop();
  return measures;
}

function pass(
  context: BenchContext,
  { port, prefix }: Contestant,
  body: Pick<BodyTask, 'bytes' | 'way' | 'times'>,
): Promise<BodyReport> {
  const task: BodyTask = { port, prefix, ...body };
  return runLoad<BodyReport>(context, 'body-load.ts', task);
}

function rows(way: 'down' | 'up', samples: Record<'added' | 'speed' | 'cost', Samples>): Measure[] {
  const words = { down: { en: 'down', zh: '下载' }, up: { en: 'up', zh: '上传' } }[way];
  return [
    {
      label: { en: `4 GB ${words.en}: memory added at the peak`, zh: `4 GB ${words.zh}：峰值内存增量` },
      unit: 'MB',
      decimals: 0,
      samples: samples.added.map,
      relative: false,
      quoted: true,
      target: { atMost: 32 },
    },
    {
      label: { en: `4 GB ${words.en}: bytes/s`, zh: `4 GB ${words.zh}：每秒字节数` },
      unit: 'MB/s',
      decimals: 0,
      samples: samples.speed.map,
      relative: true,
      quoted: true,
    },
    {
      label: { en: `4 GB ${words.en}: CPU per GB`, zh: `4 GB ${words.zh}：每 GB CPU` },
      unit: 'ms',
      decimals: 0,
      samples: samples.cost.map,
      relative: true,
      quoted: false,
    },
  ];
}
