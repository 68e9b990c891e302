// `npm run demo`: the proxy, a mock vendor, and one chat streamed through the proxy by OpenAI's own SDK. Needs neither
// an account nor the internet. `npm run demo -- --keep` leaves it running, to look around.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import OpenAI from 'openai';
import { type Setting, settings } from '../src/config/settings.ts';
import { type DemoVendor, startDemoVendor } from './demo-vendor.ts';

const main = join(import.meta.dirname, '../src/main.ts');
const keep = process.argv.includes('--keep');

interface Proxy {
  readonly child: ChildProcess;
  readonly address: string;
}

/** Starts the proxy in an empty folder, so that neither its settings nor its data are the user's own. */
async function startProxy(folder: string): Promise<Proxy> {
  const ours = new Set((Object.values(settings) as Setting<unknown>[]).flatMap(setting => setting.names));
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.has(name)));
  const child = spawn(process.execPath, [main], {
    cwd: folder,
    env: {
      ...environment,
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      PORT: '0',
      DATA_DIR: 'data',
      LOG_DIR: 'logs',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const port = await portOf(createInterface({ input: child.stdout }));
    child.stdout.resume();
    return { child, address: `http://127.0.0.1:${port}` };
  } catch (error) {
    await stopProxy(child);
    throw error;
  }
}

/** The port that a line of the log tells. */
async function portOf(log: AsyncIterable<string>): Promise<number> {
  for await (const line of log) {
    const { msg, port } = JSON.parse(line) as { msg?: string; port?: number };
    if (msg === 'listening' && port !== undefined) return port;
  }
  throw new Error('Expected the proxy to start, it ended; the line above says why');
}

async function stopProxy(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

/** `/openai` is mapped to the vendor from the start on; here it is led to the mock. */
async function mapOpenAi(proxy: Proxy, vendor: DemoVendor, token: string): Promise<void> {
  const answer = await fetch(`${proxy.address}/api/mappings/openai`, {
    method: 'PUT',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ target: vendor.address }),
  });
  if (!answer.ok)
    throw new Error(`Expected the mapping to be changed, got ${answer.status}: ${await answer.text()}`);
}

/** Streams one chat to stdout; returns how many pieces of text came. */
async function streamChat(proxy: Proxy): Promise<number> {
  const client = new OpenAI({ baseURL: `${proxy.address}/openai/v1`, apiKey: 'not-a-key' });
  const stream = await client.chat.completions.create({
    model: 'demo',
    messages: [{ role: 'user', content: 'Say hello' }],
    stream: true,
  });
  let pieces = 0;
  process.stdout.write('   > ');
  for await (const chunk of stream) {
    const text = chunk.choices[0]?.delta.content ?? '';
    if (text !== '') pieces += 1;
    process.stdout.write(text);
  }
  process.stdout.write('\n');
  return pieces;
}

async function countedRequests(proxy: Proxy): Promise<number> {
  const answer = await fetch(`${proxy.address}/stats?window=24h`);
  const stats = (await answer.json()) as { windows: { '24h': { totals: { requests: number } } } };
  return stats.windows['24h'].totals.requests;
}

async function untilInterrupted(): Promise<void> {
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
}

const folder = await mkdtemp(join(tmpdir(), 'switchyard-demo-'));
const vendor = await startDemoVendor();
console.log(`1. A mock vendor listens on ${vendor.address}`);
let proxy: Proxy | undefined;
try {
  proxy = await startProxy(folder);
  const tokenFile = join(folder, 'data/admin-token');
  console.log(`2. Switchyard listens on ${proxy.address}; its admin token is in ${tokenFile}`);
  await mapOpenAi(proxy, vendor, (await readFile(tokenFile, 'utf8')).trim());
  console.log(`3. PUT /api/mappings/openai: /openai leads to the mock vendor now, without a restart`);
  console.log(`4. OpenAI's SDK streams a chat from ${proxy.address}/openai/v1`);
  const pieces = await streamChat(proxy);
  console.log(`   ${pieces} pieces of text came, one event each`);
  console.log(`5. GET /stats: ${await countedRequests(proxy)} request counted`);
  if (keep) {
    console.log(
      `Look at ${proxy.address}/ (panel) and ${proxy.address}/admin (console, with the token). Ctrl-C ends it.`,
    );
    await untilInterrupted();
  } else {
    console.log(
      'Run `npm run demo -- --keep` to look at the panel (/), the console (/admin) and /stats meanwhile.',
    );
  }
} finally {
  if (proxy !== undefined) await stopProxy(proxy.child);
  await vendor.close();
  await rm(folder, { recursive: true, force: true });
  console.log('Stopped, and left nothing behind.');
}
