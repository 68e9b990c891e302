// Do many mappings slow the proxy down? The load of json-post.ts with 10,000 mappings against 10: once all on one prefix,
// once spread over all prefixes, so that every one of them is counted every second. The two are loaded at the same time
// on the same core: whatever else the machine does slows both alike, and the difference in question is small.
import { CHAT_PATH } from './chat-request.ts';
import { type Bench, type BenchContext, type Measure, Samples } from './measure.ts';
import { startOrigin } from './origin.ts';
import { cpuMsOf } from './process-cost.ts';
import { CHAT_ANSWER } from './programs/chat-answer.ts';
import { PREFIX, type Switchyard, startSwitchyard } from './switchyard.ts';
import { requireWrk, type WrkOptions, warmUp, wrk } from './wrk.ts';

export const mappings: Bench = {
  name: 'mappings',
  question: 'Do 10,000 mappings cost more than 10?',
  run,
};

const FEW = 10;
const MANY = 10_000;

interface Subject {
  readonly switchyard: Switchyard;
  readonly prefixes: readonly string[];
}

async function run(context: BenchContext): Promise<Measure[]> {
  requireWrk();
  const origin = await startOrigin(context, 'json-origin.ts');
  const few = await startWith(context, FEW, origin.port);
  const many = await startWith(context, MANY, origin.port);
  const [rounds, seconds] = context.quick ? [2, 1] : [5, 2];
  const onOne = new Samples();
  const onAll = new Samples();
  for (const [samples, spread] of [
    [onOne, false],
    [onAll, true],
  ] as const) {
    const loads = [few, many].map(subject => ({ subject, load: loadOf(context, subject, spread) }));
    for (const { load } of loads) await warmUp(load, context);
    for (let round = 0; round < rounds; round += 1) {
      const [before, after] = await Promise.all(
        loads.map(({ subject, load }) => cpuPerRequest(subject, { ...load, seconds })),
      );
      samples.add('Switchyard', (after! / before! - 1) * 100);
    }
  }
  for (const { stop } of [few.switchyard, many.switchyard, origin]) await stop();
  const row = (en: string, zh: string, samples: Samples) => ({
    label: { en, zh },
    unit: '%',
    decimals: 1,
    samples: samples.map,
    relative: false,
    quoted: false,
  });
  return [
    {
      ...row('10,000 mappings against 10: CPU per request', '10,000 条映射相比 10 条：每请求 CPU', onOne),
      quoted: true,
      target: { atMost: 5 },
    },
    row('The same, traffic on all of them: CPU per request', '同上，流量分布到全部映射：每请求 CPU', onAll),
  ];
}

/** Switchyard with exactly `count` mappings, which all lead to the origin and have from one to three segments. */
async function startWith(context: BenchContext, count: number, originPort: number): Promise<Subject> {
  const switchyard = await startSwitchyard(context);
  const { mappings: seeded } = (await switchyard.admin('GET', '/api/mappings')) as {
    mappings: { prefix: string }[];
  };
  for (const { prefix } of seeded) await switchyard.admin('DELETE', `/api/mappings${prefix}`);
  const prefixes = [PREFIX];
  for (let number = 1; number < count; number += 1) {
    prefixes.push([`/vendor-${number}`, `/team-${number}/openai`, `/team/${number}/openai`][number % 3]!);
  }
  const target = `http://127.0.0.1:${originPort}`;
  await switchyard.admin('POST', '/admin/mappings/import', {
    mappings: Object.fromEntries(prefixes.map(prefix => [prefix, target])),
  });
  return { switchyard, prefixes };
}

function loadOf({ folder }: BenchContext, { switchyard: { port }, prefixes }: Subject, spread: boolean) {
  const paths = (spread ? prefixes : [PREFIX]).map(prefix => `${prefix}${CHAT_PATH}`);
  return { port, paths, connections: 64, answerBytes: CHAT_ANSWER.length, folder };
}

async function cpuPerRequest({ switchyard: { pid } }: Subject, load: WrkOptions): Promise<number> {
  const cpuBefore = cpuMsOf(pid);
  const { requests } = await wrk(load);
  return (cpuMsOf(pid) - cpuBefore) / requests;
}
