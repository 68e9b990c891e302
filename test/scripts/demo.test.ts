import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test, { type ExecutionContext } from 'ava';

const script = join(import.meta.dirname, '../../scripts/demo.ts');

/** Starts the demo with an empty folder for temporary files. */
function startDemo(
  t: ExecutionContext,
  parameters: string[] = [],
): { child: ChildProcess; folder: string; lines: AsyncIterable<string> } {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-demo-test-'));
  const child = spawn(process.execPath, [script, ...parameters], {
    cwd: folder,
    // Settings of the user must not reach the demo.
    env: {
      PATH: process.env.PATH,
      TMPDIR: folder,
      PORT: 'nonsense',
      API_PROXY_REDIS_URL: 'redis://127.0.0.1:1',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  return { child, folder, lines: createInterface({ input: child.stdout! }) };
}

test('the demo streams a chat through the proxy, counts it, and leaves nothing behind', async t => {
  const { child, folder, lines } = startDemo(t);
  const exited = once(child, 'exit');
  const output: string[] = [];
  for await (const line of lines) output.push(line);
  t.deepEqual(await exited, [0, null]);
  const text = output.join('\n');
  t.regex(text, /> Hello from a mock vendor: .* through the proxy\./);
  t.regex(text, /17 pieces of text came/);
  t.regex(text, /GET \/stats: 1 request counted/);
  t.deepEqual(readdirSync(folder), []);
});

test('the demo stays up when asked to, shows where to look, and ends on a signal', async t => {
  const { child, folder, lines } = startDemo(t, ['--keep']);
  const exited = once(child, 'exit');
  const output: string[] = [];
  for await (const line of lines) {
    output.push(line);
    const panel = /^Look at (\S+) \(panel\)/.exec(line)?.[1];
    if (panel === undefined) continue;
    const answer = await fetch(panel);
    t.is(answer.status, 200);
    t.regex(answer.headers.get('content-type') ?? '', /text\/html/);
    const tokenFile = /token is in (\S+)$/.exec(output.find(text => text.startsWith('2.')) ?? '')![1]!;
    const token = readFileSync(tokenFile, 'utf8').trim();
    t.false(output.join('\n').includes(token));
    child.kill('SIGTERM');
  }
  t.deepEqual(await exited, [0, null]);
  t.regex(output.at(-1)!, /^Stopped/);
  t.deepEqual(readdirSync(folder), []);
});
