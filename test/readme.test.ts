import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test, { type ExecutionContext } from 'ava';
import { startDemoVendor } from '../scripts/demo-vendor.ts';

const root = join(import.meta.dirname, '..');
const blocks = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^```\w*\n([\s\S]*?)^```$/gm)].map(
  match => match[1]!,
);

/** Starts the program in an empty folder, as `npm start` does in a new clone. */
async function startProgram(t: ExecutionContext): Promise<{ folder: string; port: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-readme-'));
  const child = spawn(process.execPath, [join(root, 'src/main.ts')], {
    cwd: folder,
    env: { PATH: process.env.PATH, NODE_ENV: 'production', HOST: '127.0.0.1', PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(async () => {
    const exited = once(child, 'exit');
    if (child.kill('SIGKILL')) await exited;
    rmSync(folder, { recursive: true, force: true });
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const { msg, port } = JSON.parse(line) as { msg?: string; port?: number };
    if (msg !== 'listening') continue;
    child.stdout.resume();
    return { folder, port: port! };
  }
  throw new Error('Expected the program to listen, it ended');
}

async function run(
  command: string[],
  options: { cwd: string; env?: Record<string, string> },
): Promise<string> {
  const child = spawn(command[0]!, command.slice(1), {
    cwd: options.cwd,
    env: { PATH: process.env.PATH, ...options.env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`Expected \`${command[0]}\` to end well, got ${code}: ${output}`);
  return output;
}

test('the commands of the quick start add a mapping and stream a chat, as they stand there', async t => {
  const addMapping = blocks.find(block => block.startsWith('curl '))!;
  const streamChat = blocks.find(block => block.includes("from 'openai'"))!;
  const { folder, port } = await startProgram(t);
  const here = (block: string) => block.replaceAll('localhost:8000', `127.0.0.1:${port}`);

  const added: unknown = JSON.parse(
    await run(['sh', '-ec', here(addMapping).replace('curl ', 'curl -sS ')], { cwd: folder }),
  );
  t.like(added, { prefix: '/work', target: 'https://api.openai.com' });

  const vendor = await startDemoVendor();
  t.teardown(vendor.close);
  const token = readFileSync(join(folder, 'data/admin-token'), 'utf8').trim();
  const changed = await fetch(`http://127.0.0.1:${port}/api/mappings/openai`, {
    method: 'PUT',
    headers: { 'x-admin-key': token, 'content-type': 'application/json' },
    body: JSON.stringify({ target: vendor.address }),
  });
  t.is(changed.status, 200);
  const shown = await run([process.execPath, '--input-type=module', '--eval', here(streamChat)], {
    cwd: root,
    env: { OPENAI_API_KEY: 'not-a-key' },
  });
  t.regex(shown, /^Hello from a mock vendor: .* through the proxy\.$/);
});
