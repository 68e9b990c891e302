import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CHAT_BODY, CHAT_HEADERS } from './chat-request.ts';
import { LOAD_CORES } from './cores.ts';
import { findProgram } from './find-program.ts';

/** What one run of `wrk` saw. */
export interface WrkReport {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface WrkOptions {
  readonly port: number;
  /** Taken in turn. */
  readonly paths: readonly string[];
  readonly connections: number;
  readonly seconds: number;
  /** Bytes of a whole answer, at least: an answer that lost its body would be a fast one. */
  readonly answerBytes: number;
  readonly folder: string;
  /** Fields beside those of `CHAT_HEADERS`. */
  readonly moreHeaders?: Readonly<Record<string, string>>;
}

const run = promisify(execFile);

/** A slow answer is no failure: without this, wrk counts one after two seconds. */
const PATIENCE_S = 20;

/**
 * Posts chats over and over on all connections.
 *
 * @throws Error when an answer was not a 2xx or not whole, or a connection failed
 */
export async function wrk(options: WrkOptions): Promise<WrkReport> {
  const { port, paths, connections, seconds, answerBytes, folder, moreHeaders = {} } = options;
  const script = join(folder, `chat-${port}.lua`);
  writeFileSync(script, luaScript(paths, { ...CHAT_HEADERS, ...moreHeaders }));
  const url = `http://127.0.0.1:${port}/`;
  const args = [
    '-c',
    LOAD_CORES,
    requireWrk(),
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    `--timeout=${PATIENCE_S}s`,
    '-s',
    script,
    url,
  ];
  const { stdout } = await run('taskset', args);
  const report = JSON.parse(stdout.slice(stdout.lastIndexOf('{'))) as Record<
    'requests' | 'durationUs' | 'bytes' | 'p50Us' | 'p99Us' | 'failedAnswers' | 'failedSockets',
    number
  >;
  const { requests, bytes, failedAnswers, failedSockets } = report;
  // wrk counts statuses of 400 and above; this line of its report appears for any that is not 2xx or 3xx.
  if (failedAnswers > 0 || stdout.includes('Non-2xx')) {
    throw new Error(
      `Expected every answer to be a success, got ${failedAnswers} of ${requests} that were not`,
    );
  }
  if (failedSockets > 0) throw new Error(`Expected every connection to hold, ${failedSockets} failed`);
  if (requests === 0 || bytes / requests < answerBytes * 0.99) {
    throw new Error(
      `Expected answers of ${answerBytes} bytes or more, got ${Math.round(bytes / requests)} each`,
    );
  }
  return {
    requests,
    requestsPerSecond: requests / (report.durationUs / 1e6),
    p50Ms: report.p50Us / 1000,
    p99Ms: report.p99Us / 1000,
  };
}

/** Enough requests that the code in question has been compiled for good, or as many as come in a while. */
const WARM_REQUESTS = 60_000;
const WARM_UP_ROUNDS = 12;
const QUICK_WARM_UP_ROUNDS = 2;

/**
 * Makes load until a contestant is warm: by requests, because a slow machine does few in a second.
 *
 * @param pace.seconds of one round; a slow contestant must answer in it
 */
export async function warmUp(
  options: Omit<WrkOptions, 'seconds'>,
  { quick, seconds = 1 }: { quick: boolean; seconds?: number },
): Promise<void> {
  const rounds = quick ? QUICK_WARM_UP_ROUNDS : WARM_UP_ROUNDS;
  let sent = 0;
  for (let round = 0; round < rounds && sent < WARM_REQUESTS; round += 1) {
    sent += (await wrk({ ...options, seconds })).requests;
  }
}

/** Path of `wrk`. @throws Error that says how to get it */
export function requireWrk(): string {
  const path = findProgram('wrk');
  if (path === undefined) throw new Error('Expected `wrk`, which makes the load: apt-get install wrk');
  return path;
}

function luaScript(paths: readonly string[], headers: Readonly<Record<string, string>>): string {
  const fields = Object.entries(headers).map(
    ([name, value]) => `wrk.headers[${JSON.stringify(name)}]=${JSON.stringify(value)}`,
  );
  return `wrk.method="POST"
wrk.body=[[${CHAT_BODY}]]
${fields.join('\n')}
local requests={}
local turn=0
init=function()
  for _, path in ipairs({${paths.map(path => JSON.stringify(path)).join(',')}}) do
    requests[#requests+1]=wrk.format(nil, path)
  end
end
request=function()
  turn=turn % #requests+1
  return requests[turn]
end
done=function(summary, latency)
  local errors=summary.errors
  io.write(string.format(
    '{"requests":%d,"durationUs":%d,"bytes":%d,"p50Us":%d,"p99Us":%d,"failedAnswers":%d,"failedSockets":%d}\\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect+errors.read+errors.write+errors.timeout))
end
`;
}
