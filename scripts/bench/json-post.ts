// How many small JSON requests a second does one process relay, at what cost? A chat of about 200 bytes with the header
// fields of OpenAI's SDK, over 64 connections, answered at once.
import assert from 'node:assert/strict';
import { CHAT_BODY, CHAT_HEADERS, CHAT_PATH } from './chat-request.ts';
import { type Contestant, startContestants } from './contestants.ts';
import {
  BASELINE,
  type Bench,
  type BenchContext,
  CONTESTANTS,
  type Measure,
  orderOfRound,
  Samples,
} from './measure.ts';
import { startOrigin } from './origin.ts';
import { cpuMsOf, residentKbOf } from './process-cost.ts';
import { CHAT_ANSWER } from './programs/chat-answer.ts';
import { requireWrk, warmUp, wrk } from './wrk.ts';

export const jsonPost: Bench = {
  name: 'json-post',
  question: 'How many small JSON requests a second does one process relay, at what cost?',
  run,
};

const CONNECTIONS = 64;

async function run(context: BenchContext): Promise<Measure[]> {
  requireWrk();
  const origin = await startOrigin(context, 'json-origin.ts');
  const contestants = await startContestants(CONTESTANTS, context, origin.port);
  for (const contestant of contestants) await checkAnswers(contestant);

  const [rounds, seconds] = context.quick ? [2, 1] : [5, 3];
  for (const contestant of contestants) await warmUp(loadOf(contestant, context), context);
  const rates = new Samples();
  const costs = new Samples();
  const memory = new Samples();
  const busy = new Samples();
  const slow = new Samples();
  for (let round = 0; round < rounds; round += 1) {
    for (const contestant of orderOfRound(contestants, round)) {
      const { name, pid } = contestant;
      const cpuBefore = pid === undefined ? 0 : cpuMsOf(pid);
      const report = await wrk({ ...loadOf(contestant, context), seconds });
      rates.add(name, report.requestsPerSecond);
      slow.add(name, report.p99Ms);
      if (pid === undefined) continue;
      const cpuMs = cpuMsOf(pid) - cpuBefore;
      costs.add(name, (cpuMs * 1000) / report.requests);
      busy.add(name, cpuMs / seconds / 10);
      memory.add(name, residentKbOf(pid) / 1024);
    }
  }
  const together = await loadTogether(contestants, context);
  for (const { stop } of [...contestants, origin]) await stop();
  return [
    {
      label: { en: 'JSON POST, 64 connections: requests/s', zh: 'JSON POST，64 连接：每秒请求数' },
      unit: 'requests/s',
      decimals: 0,
      samples: rates.map,
      relative: true,
      quoted: true,
      target: { atLeast: 2.5 },
    },
    {
      label: { en: 'JSON POST: CPU per request', zh: 'JSON POST：每请求 CPU' },
      unit: 'µs',
      decimals: 1,
      samples: costs.map,
      relative: true,
      quoted: true,
    },
    {
      label: {
        en: 'JSON POST, both at once on one core: CPU per request',
        zh: 'JSON POST，两者同时在一个核心上：每请求 CPU',
      },
      unit: 'µs',
      decimals: 1,
      samples: together,
      relative: true,
      quoted: false,
    },
    {
      label: { en: 'JSON POST: resident memory', zh: 'JSON POST：常驻内存' },
      unit: 'MB',
      decimals: 0,
      samples: memory.map,
      relative: true,
      quoted: true,
    },
    {
      label: { en: 'JSON POST: 99th percentile of latency', zh: 'JSON POST：延迟第 99 百分位' },
      unit: 'ms',
      decimals: 2,
      samples: slow.map,
      relative: true,
      quoted: false,
    },
    {
      // Where this is not near 100, the load was the limit: the proxy can do more than its requests/s say.
      label: { en: 'JSON POST: share of its core in use', zh: 'JSON POST：核心占用率' },
      unit: '%',
      decimals: 0,
      samples: busy.map,
      relative: false,
      quoted: false,
    },
  ];
}

/**
 * Loads Switchyard and the baseline at the same time. They share one core, so whatever else the machine does slows both
 * alike: of all ratios this one suffers least from noise.
 */
async function loadTogether(contestants: readonly Contestant[], context: BenchContext) {
  const costs = new Samples();
  const pair = contestants.filter(({ name }) => name === 'Switchyard' || name === BASELINE);
  const [rounds, seconds] = context.quick ? [1, 2] : [3, 4];
  for (let round = 0; round < rounds; round += 1) {
    const loads = pair.map(async contestant => {
      const cpuBefore = cpuMsOf(contestant.pid!);
      const { requests } = await wrk({ ...loadOf(contestant, context), seconds });
      costs.add(contestant.name, ((cpuMsOf(contestant.pid!) - cpuBefore) * 1000) / requests);
    });
    await Promise.all(loads);
  }
  return costs.map;
}

function loadOf({ port, prefix }: Contestant, { folder }: BenchContext) {
  const paths = [`${prefix}${CHAT_PATH}`];
  return { port, paths, connections: CONNECTIONS, answerBytes: CHAT_ANSWER.length, folder };
}

/** The answer is the origin's, and what the origin gets is the client's. */
async function checkAnswers({ name, port, prefix }: Contestant): Promise<void> {
  const post = (path: string) =>
    fetch(`http://127.0.0.1:${port}${prefix}${path}`, {
      method: 'POST',
      headers: CHAT_HEADERS,
      body: CHAT_BODY,
    });
  const chat = await post(CHAT_PATH);
  assert.equal(chat.status, 200, name);
  assert.equal(chat.headers.get('x-request-id'), 'req_1234567890', name);
  assert.equal(await chat.text(), CHAT_ANSWER, name);

  const mirror = await post('/v1/mirror');
  assert.equal(mirror.status, 200, name);
  const { head, body } = (await mirror.json()) as { head: string; body: string };
  assert.equal(body, CHAT_BODY, name);
  for (const [field, value] of Object.entries(CHAT_HEADERS)) {
    assert.ok(head.toLowerCase().includes(`\r\n${field}: ${value}\r\n`.toLowerCase()), `${name}: ${field}`);
  }
}
