// Do many mappings slow the proxy down? The same load as in json-post.ts, with 10,000 mappings against 10: once all on
// one prefix, once spread over all prefixes, so that every one of them is counted every second.
import { CHAT_PATH } from './chat-request.ts';
import { type Bench, type BenchContext, type Measure, orderOfRound, Samples } from './measure.ts';
import { startOrigin } from './origin.ts';
import { cpuMsOf } from './process-cost.ts';
import { CHAT_ANSWER } from './programs/chat-answer.ts';
import { PREFIX, type Switchyard, startSwitchyard } from './switchyard.ts';
import { requireWrk, warmUp, wrk } from './wrk.ts';

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

interface Cost {
  readonly cpuUs: number;
  readonly requestsPerSecond: number;
}

async function run(context: BenchContext): Promise<Measure[]> {
  requireWrk();
  const origin = await startOrigin(context, 'json-origin.ts');
  const few = await startWith(context, FEW, origin.port);
  const many = await startWith(context, MANY, origin.port);
  const [rounds, seconds] = context.quick ? [2, 1] : [5, 2];
  const changes = { cpu: new Samples(), rate: new Samples(), spreadCpu: new Samples() };
  for (const spread of [false, true]) {
    for (const subject of [few, many]) {
      await warmUp(loadOf(context, subject, spread), context);
    }
    for (let round = 0; round < rounds; round += 1) {
      const costs = new Map<Subject, Cost>();
      for (const subject of orderOfRound([few, many], round)) {
        costs.set(subject, await measure(context, subject, { seconds, spread }));
      }
      const [before, after] = [costs.get(few)!, costs.get(many)!];
      (spread ? changes.spreadCpu : changes.cpu).add('Switchyard', percentMore(before.cpuUs, after.cpuUs));
      if (spread) continue;
      changes.rate.add('Switchyard', percentMore(before.requestsPerSecond, after.requestsPerSecond));
    }
  }
  for (const { stop } of [few.switchyard, many.switchyard, origin]) await stop();
  const row = (en: string, zh: string, samples: Samples) => ({
    label: { en, zh },
    unit: '%',
    decimals: 1,
    samples: samples.map,
    relative: false,
    quoted: samples === changes.cpu,
  });
  return [
    {
      ...row(
        '10,000 mappings against 10: CPU per request',
        '10,000 条映射相比 10 条：每请求 CPU',
        changes.cpu,
      ),
      target: { atMost: 5 },
    },
    row('10,000 mappings against 10: requests/s', '10,000 条映射相比 10 条：每秒请求数', changes.rate),
    row(
      'The same, traffic on all of them: CPU per request',
      '同上，流量分布到全部映射：每请求 CPU',
      changes.spreadCpu,
    ),
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

async function measure(
  context: BenchContext,
  subject: Subject,
  { seconds, spread }: { seconds: number; spread: boolean },
): Promise<Cost> {
  const { pid } = subject.switchyard;
  const cpuBefore = cpuMsOf(pid);
  const { requests, requestsPerSecond } = await wrk({ ...loadOf(context, subject, spread), seconds });
  return { cpuUs: ((cpuMsOf(pid) - cpuBefore) * 1000) / requests, requestsPerSecond };
}

function percentMore(before: number, after: number): number {
  return (after / before - 1) * 100;
}
