// Does HTTP/2 to TLS upstreams help? Two of ours, one with `UPSTREAM_HTTP2=true`, in front of an origin that offers both:
// requests a second and CPU time on warm connections, and a burst of requests when no connection is open yet.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { CHAT_BODY, CHAT_HEADERS, CHAT_PATH } from './chat-request.ts';
import { findProgram } from './find-program.ts';
import { type Bench, type BenchContext, type Measure, orderOfRound, Samples } from './measure.ts';
import { startOrigin } from './origin.ts';
import { cpuMsOf } from './process-cost.ts';
import { CHAT_ANSWER } from './programs/chat-answer.ts';
import type { OriginCounts } from './programs/http2-plan.ts';
import { PREFIX, type Switchyard, startSwitchyardFor } from './switchyard.ts';
import { requireWrk, warmUp, wrk } from './wrk.ts';

export const http2Upstream: Bench = {
  name: 'http2-upstream',
  question: 'Does HTTP/2 to TLS upstreams help?',
  run,
};

const CONNECTIONS = 64;

interface Subject {
  readonly switchyard: Switchyard;
  readonly http2: boolean;
}

interface Figures {
  readonly requestsPerSecond: number;
  readonly cpuUsPerRequest: number;
  readonly burstMs: number;
  readonly burstCpuMs: number;
}

async function run(context: BenchContext): Promise<Measure[]> {
  requireWrk();
  if (findProgram('openssl') === undefined) {
    context.say('left out: no `openssl` to make a certificate with (apt-get install openssl)');
    return [];
  }
  const [keyFile, certificateFile] = makeCertificate(context.folder);
  const origin = await startOrigin(context, 'http2-origin.ts', keyFile, certificateFile);
  const start = async (http2: boolean): Promise<Subject> => ({
    http2,
    switchyard: await startSwitchyardFor(context, targetOf('127.0.0.1', origin.port), {
      UPSTREAM_CA: `${PREFIX}=${certificateFile}`,
      UPSTREAM_HTTP2: String(http2),
    }),
  });
  const [without, with2] = [await start(false), await start(true)];
  for (const subject of [without, with2]) await checkProtocol(subject);
  const samples = { rate: new Samples(), cpu: new Samples(), burst: new Samples(), burstCpu: new Samples() };
  for (const { switchyard } of [without, with2]) {
    await warmUp(loadOf(switchyard, context), context);
  }
  const [rounds, seconds] = context.quick ? [2, 1] : [5, 2];
  for (let round = 0; round < rounds; round += 1) {
    const figures = new Map<Subject, Figures>();
    for (const subject of orderOfRound([without, with2], round)) {
      figures.set(subject, await measure(context, subject.switchyard, { seconds, originPort: origin.port }));
    }
    const [before, after] = [figures.get(without)!, figures.get(with2)!];
    samples.rate.add('Switchyard', after.requestsPerSecond / before.requestsPerSecond);
    samples.cpu.add('Switchyard', after.cpuUsPerRequest / before.cpuUsPerRequest);
    samples.burst.add('Switchyard', after.burstMs / before.burstMs);
    samples.burstCpu.add('Switchyard', after.burstCpuMs / Math.max(before.burstCpuMs, 1));
  }
  for (const { stop } of [without.switchyard, with2.switchyard, origin]) await stop();
  const row = (en: string, zh: string, values: Samples) => ({
    label: { en: `HTTP/2 upstream against HTTP/1.1: ${en}`, zh: `HTTP/2 上游相比 HTTP/1.1：${zh}` },
    unit: '×',
    decimals: 2,
    samples: values.map,
    relative: false,
    quoted: false,
  });
  return [
    row('requests/s', '每秒请求数', samples.rate),
    row('CPU per request', '每请求 CPU', samples.cpu),
    row(`time for ${CONNECTIONS} at once, cold`, `冷启动 ${CONNECTIONS} 个并发的耗时`, samples.burst),
    row(`CPU for ${CONNECTIONS} at once, cold`, `冷启动 ${CONNECTIONS} 个并发的 CPU`, samples.burstCpu),
  ];
}

function targetOf(host: '127.0.0.1' | 'localhost', port: number): string {
  return `https://${host}:${port}`;
}

/** A certificate for this machine that lives as long as the run. @returns files of its key and of itself */
function makeCertificate(folder: string): [string, string] {
  const [keyFile, certificateFile] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const names = 'subjectAltName=IP:127.0.0.1,DNS:localhost';
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const files = ['-keyout', keyFile, '-out', certificateFile];
  execFileSync(
    'openssl',
    ['req', '-x509', ...kind, '-subj', '/CN=Switchyard bench', '-addext', names, ...files],
    { stdio: 'ignore' },
  );
  return [keyFile, certificateFile];
}

function post({ port }: Switchyard, path = CHAT_PATH): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}${PREFIX}${path}`, {
    method: 'POST',
    headers: CHAT_HEADERS,
    body: CHAT_BODY,
  });
}

/** The answer is right, and it came over the protocol that this subject is here for. */
async function checkProtocol({ switchyard, http2 }: Subject): Promise<void> {
  const before = await countsOf(switchyard);
  const answer = await post(switchyard);
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), CHAT_ANSWER);
  const after = await countsOf(switchyard);
  const protocol = http2 ? 'http2' : 'http1';
  assert.equal(after[protocol] - before[protocol], 1, `Expected the origin to be asked over ${protocol}`);
}

async function countsOf(switchyard: Switchyard): Promise<OriginCounts> {
  return (await (await post(switchyard, '/v1/counts')).json()) as OriginCounts;
}

function loadOf({ port }: Switchyard, { folder }: BenchContext) {
  const paths = [`${PREFIX}${CHAT_PATH}`];
  return { port, paths, connections: CONNECTIONS, answerBytes: CHAT_ANSWER.length, folder };
}

async function measure(
  context: BenchContext,
  switchyard: Switchyard,
  { seconds, originPort }: { seconds: number; originPort: number },
): Promise<Figures> {
  const { pid } = switchyard;
  const cpuBefore = cpuMsOf(pid);
  const { requests, requestsPerSecond } = await wrk({ ...loadOf(switchyard, context), seconds });
  const cpuUsPerRequest = ((cpuMsOf(pid) - cpuBefore) * 1000) / requests;
  const bursts = { ms: 0, cpuMs: 0 };
  for (const host of ['localhost', '127.0.0.1', 'localhost', '127.0.0.1'] as const) {
    // Another name for the origin is another upstream, to which no connection is open.
    const body = { target: targetOf(host, originPort) };
    await switchyard.admin('PUT', `/api/mappings${PREFIX}`, body);
    const [startedAt, burstCpuBefore] = [performance.now(), cpuMsOf(pid)];
    const answers = await Promise.all(Array.from({ length: CONNECTIONS }, () => post(switchyard)));
    for (const answer of answers) assert.equal(await answer.text(), CHAT_ANSWER);
    bursts.ms += performance.now() - startedAt;
    bursts.cpuMs += cpuMsOf(pid) - burstCpuBefore;
  }
  return { requestsPerSecond, cpuUsPerRequest, burstMs: bursts.ms, burstCpuMs: bursts.cpuMs };
}
