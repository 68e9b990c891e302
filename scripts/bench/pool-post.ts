// What does the key pool cost? The load of json-post.ts on `/v1` with 50 stored keys (access key checked, key chosen,
// answer judged, tokens read and counted), against a mapped prefix of a second process of ours, which only relays, and
// against another gateway on the same origin, which knows neither keys nor counts.
import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { CHAT_BODY, CHAT_HEADERS, CHAT_PATH } from './chat-request.ts';
import { type Bench, type BenchContext, type Measure, orderOfRound, Samples } from './measure.ts';
import { type Origin, startOrigin } from './origin.ts';
import { PORTKEY, startPortkey } from './portkey.ts';
import { cpuMsOf, residentKbOf } from './process-cost.ts';
import { CHAT_ANSWER } from './programs/chat-answer.ts';
import { PREFIX, type Switchyard, startSwitchyard, startSwitchyardFor } from './switchyard.ts';
import { requireWrk, type WrkOptions, warmUp, wrk } from './wrk.ts';

export const poolPost: Bench = {
  name: 'pool-post',
  question: 'How many small JSON requests a second go through the key pool, at what cost?',
  run,
};

const CONNECTIONS = 64;
const KEYS = Array.from(
  { length: 50 },
  (_, index) => `sk-proj-${String(index).padStart(4, '0')}${'k'.repeat(44)}`,
);
/** What the load shows as its Bearer token, so that it sends the same bytes whoever is asked. */
const ACCESS_KEY = CHAT_HEADERS.Authorization!.slice('Bearer '.length);
const PROMPT_TOKENS = (JSON.parse(CHAT_ANSWER) as { usage: { prompt_tokens: number } }).usage.prompt_tokens;

/** In less than that the slowest one may not answer all connections once. */
const ROUND_S = 2;

type SubjectName = '/v1' | 'prefix' | 'Portkey';

interface Subject {
  readonly name: SubjectName;
  readonly pid: number;
  readonly load: Omit<WrkOptions, 'seconds'>;
  readonly stop: () => Promise<void>;
}

/** By subject, a value a round. */
interface Figures {
  readonly rate: Samples;
  readonly cpu: Samples;
  readonly memory: Samples;
  readonly busy: Samples;
}

async function run(context: BenchContext): Promise<Measure[]> {
  requireWrk();
  const origin = await startOrigin(context, 'json-origin.ts');
  const pool = await startPool(context, origin);
  const prefix = await startSwitchyardFor(context, `http://127.0.0.1:${origin.port}`);
  const portkey = await startPortkey(context, origin.port);
  const loadOn = (port: number, path = CHAT_PATH, moreHeaders = {}) => ({
    port,
    paths: [path],
    connections: CONNECTIONS,
    answerBytes: CHAT_ANSWER.length,
    folder: context.folder,
    moreHeaders,
  });
  const subjects: Subject[] = [
    { name: '/v1', pid: pool.pid, load: loadOn(pool.port), stop: pool.stop },
    { name: 'prefix', pid: prefix.pid, load: loadOn(prefix.port, PREFIX + CHAT_PATH), stop: prefix.stop },
  ];
  if ('missing' in portkey) {
    context.say(`${PORTKEY} is left out: ${portkey.missing}`);
  } else {
    const { pid, port, headers, stop } = portkey;
    subjects.push({ name: 'Portkey', pid, load: loadOn(port, CHAT_PATH, headers), stop });
  }
  for (const subject of subjects) await checkAnswer(subject);
  await checkKeys(pool);

  let sent = 0;
  for (const { name, load } of subjects) {
    await warmUp(load, { quick: context.quick, seconds: name === 'Portkey' ? ROUND_S : 1 });
  }
  const sentBefore = await countedRequests(pool);
  const figures = new Map(subjects.map(({ name }) => [name, newFigures()]));
  const ratios = { prefix: new Samples(), Portkey: new Samples(), cpu: new Samples() };
  const rounds = context.quick ? 2 : 7;
  for (let round = 0; round < rounds; round += 1) {
    const rates = new Map<SubjectName, number>();
    const costs = new Map<SubjectName, number>();
    for (const { name, pid, load } of orderOfRound(subjects, round)) {
      const cpuBefore = cpuMsOf(pid);
      const { requests, requestsPerSecond } = await wrk({ ...load, seconds: ROUND_S });
      const cpuMs = cpuMsOf(pid) - cpuBefore;
      if (name === '/v1') sent += requests;
      rates.set(name, requestsPerSecond);
      costs.set(name, (cpuMs * 1000) / requests);
      const { rate, cpu, memory, busy } = figures.get(name)!;
      rate.add('Switchyard', requestsPerSecond);
      cpu.add('Switchyard', (cpuMs * 1000) / requests);
      memory.add('Switchyard', residentKbOf(pid) / 1024);
      busy.add('Switchyard', cpuMs / ROUND_S / 10);
    }
    ratios.prefix.add('Switchyard', rates.get('/v1')! / rates.get('prefix')!);
    ratios.cpu.add('Switchyard', costs.get('/v1')! / costs.get('prefix')!);
    const other = rates.get('Portkey');
    if (other !== undefined) ratios.Portkey.add('Switchyard', rates.get('/v1')! / other);
  }
  await checkCounted(pool, sentBefore + sent);
  for (const { stop } of [...subjects, origin]) await stop();
  return [
    ...ratioRows(ratios, 'missing' in portkey ? portkey.missing : undefined),
    ...subjects.flatMap(({ name }) => absoluteRows(name, figures.get(name)!)),
  ];
}

async function startPool(context: BenchContext, origin: Origin): Promise<Switchyard> {
  const pool = await startSwitchyard(context, {
    API_ACCESS_KEY: ACCESS_KEY,
    OPENAI_BASE_URL: `http://127.0.0.1:${origin.port}/v1`,
  });
  const { taken } = (await pool.admin('POST', '/admin/keys/batch', { keys: KEYS.join('\n') })) as {
    taken: number;
  };
  assert.equal(taken, KEYS.length);
  return pool;
}

function newFigures(): Figures {
  return { rate: new Samples(), cpu: new Samples(), memory: new Samples(), busy: new Samples() };
}

function post(
  { port, moreHeaders }: Pick<WrkOptions, 'port' | 'moreHeaders'>,
  path: string,
): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { ...CHAT_HEADERS, ...moreHeaders },
    body: CHAT_BODY,
  });
}

async function checkAnswer({ name, load }: Subject): Promise<void> {
  const answer = await post(load, load.paths[0]!);
  assert.equal(answer.status, 200, name);
  assert.equal(answer.headers.get('x-request-id'), 'req_1234567890', name);
  assert.equal(await answer.text(), CHAT_ANSWER, name);
}

/** The origin sees the keys of the pool in turn, never the access key, and nobody else gets in. */
async function checkKeys({ port }: Switchyard): Promise<void> {
  const seen = new Set<string>();
  for (let number = 0; number < 2 * KEYS.length; number += 1) {
    const mirror = await post({ port }, '/v1/mirror');
    assert.equal(mirror.status, 200);
    const { head, body } = (await mirror.json()) as { head: string; body: string };
    assert.equal(body, CHAT_BODY);
    assert.ok(!head.includes(ACCESS_KEY));
    seen.add(/\r\nauthorization: Bearer (\S+)\r\n/i.exec(head)?.[1] ?? '');
  }
  assert.deepEqual([...seen].sort(), [...KEYS].sort());
  const refused = await post({ port, moreHeaders: { Authorization: 'Bearer sk-other' } }, CHAT_PATH);
  assert.equal(refused.status, 401);
}

/** Requests to `CHAT_PATH` whose tokens were read and counted so far. */
async function countedRequests({ admin }: Switchyard): Promise<number> {
  await admin('POST', '/admin/token/sync');
  const { totals } = (await admin('GET', '/admin/token/usage')) as { totals: { inputTokens: number } };
  return totals.inputTokens / PROMPT_TOKENS;
}

/** Every answer of the load was counted with its tokens. The load ends with up to one unfinished request a connection. */
async function checkCounted(pool: Switchyard, atLeast: number): Promise<void> {
  // The last counts are written with the next flush, and a report is kept for two seconds.
  let counted = 0;
  for (let look = 0; look < 10; look += 1) {
    counted = await countedRequests(pool);
    if (counted >= atLeast) return;
    await setTimeout(500);
  }
  assert.fail(`Expected the tokens of ${atLeast} requests to be counted, got those of ${counted}`);
}

function ratioRows(
  { prefix, Portkey, cpu }: Readonly<Record<'prefix' | 'Portkey' | 'cpu', Samples>>,
  missing: string | undefined,
): Measure[] {
  const row = (en: string, zh: string, samples: Samples) => ({
    label: { en: `\`/v1\` with 50 keys against ${en}`, zh: `\`/v1\`（50 个密钥）相比${zh}` },
    unit: '×',
    decimals: 2,
    samples: samples.map,
    relative: false,
  });
  const left = missing === undefined ? '' : ` (not measured: ${missing})`;
  return [
    { ...row('a prefix: requests/s', '前缀：每秒请求数', prefix), quoted: true, target: { atLeast: 0.6 } },
    {
      ...row(`\`${PORTKEY}\`: requests/s${left}`, ` \`${PORTKEY}\`：每秒请求数${left}`, Portkey),
      quoted: true,
      target: { atLeast: 10 },
    },
    { ...row('a prefix: CPU per request', '前缀：每请求 CPU', cpu), quoted: false },
  ];
}

const WORDS: Readonly<Record<SubjectName, { en: string; zh: string }>> = {
  '/v1': { en: '`/v1`', zh: '`/v1`' },
  prefix: { en: 'prefix', zh: '前缀' },
  Portkey: { en: `\`${PORTKEY}\``, zh: `\`${PORTKEY}\`` },
};

function absoluteRows(name: SubjectName, { rate, cpu, memory, busy }: Figures): Measure[] {
  const row = (en: string, zh: string, { map }: Samples) => ({
    label: { en: `Pool bench, ${WORDS[name].en}: ${en}`, zh: `密钥池测试，${WORDS[name].zh}：${zh}` },
    samples: map,
    relative: false,
    quoted: false,
  });
  return [
    { ...row('requests/s', '每秒请求数', rate), unit: 'requests/s', decimals: 0 },
    { ...row('CPU per request', '每请求 CPU', cpu), unit: 'µs', decimals: 1 },
    { ...row('resident memory', '常驻内存', memory), unit: 'MB', decimals: 0 },
    { ...row('share of its core in use', '核心占用率', busy), unit: '%', decimals: 0 },
  ];
}
