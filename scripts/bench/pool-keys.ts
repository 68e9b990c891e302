// Does the pool stay quick with 100,000 keys? Import of a pool file, start of the server, pages of the list, and, for
// every algorithm, the choice of a key while half of them are banned or at rest.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ALGORITHM_NAMES, type AlgorithmName } from '../../src/domain/pool/pool-config.ts';
import { PROXY_CORES } from './cores.ts';
import { type Bench, type BenchContext, type Measure, Samples, spreadOf } from './measure.ts';
import { cpuMsOf, residentKbOf } from './process-cost.ts';
import type { ChoiceReport, ChoiceTask } from './programs/choice-plan.ts';
import { type Switchyard, startSwitchyard } from './switchyard.ts';

export const poolKeys: Bench = {
  name: 'pool-keys',
  question: 'Does the pool stay quick with 100,000 keys?',
  run,
};

const KEYS = 100_000;
const POOLS = 20;
/** Between two looks whether a server is ready. */
const LOOK_MS = 5;
/** What somebody looks at: the beginning, the end, a part that is rare, a part that is large, a search. */
const PAGES = [
  '',
  'page=2000',
  'limit=200&page=3',
  'status=banned&page=100',
  `pool=team-${POOLS - 1}&status=active`,
  'provider=anthropic',
  'q=number+99999',
] as const;

const runProgram = promisify(execFile);

interface Figures {
  readonly importS: Samples;
  readonly startS: Samples;
  readonly startCpuS: Samples;
  readonly memory: Samples;
  readonly page: Samples;
  readonly slowestPage: Samples;
  readonly choice: ReadonlyMap<AlgorithmName, Samples>;
  readonly slowChoice: Samples;
}

async function run(context: BenchContext): Promise<Measure[]> {
  const figures: Figures = {
    importS: new Samples(),
    startS: new Samples(),
    startCpuS: new Samples(),
    memory: new Samples(),
    page: new Samples(),
    slowestPage: new Samples(),
    choice: new Map(ALGORITHM_NAMES.map(name => [name, new Samples()])),
    slowChoice: new Samples(),
  };
  const rounds = context.quick ? 1 : 3;
  for (let round = 0; round < rounds; round += 1) {
    const installation = mkdtempSync(join(context.folder, 'installation-'));
    figures.importS.add('Switchyard', await importKeys(installation));
    await measureServer(context, installation, figures);
    await measureChoices(context, figures, {
      keys: KEYS,
      choices: context.quick ? 20_000 : 100_000,
      backwards: round % 2 === 1,
    });
  }
  return rows(figures);
}

/** A pool file of droid2api: half of the keys active, the others banned or disabled. */
function writePoolFile(path: string): void {
  const poolGroups = Array.from({ length: POOLS }, (_, index) => ({
    id: `team-${index}`,
    name: `Team ${index}`,
    priority: index + 1,
    description: '',
  }));
  const keys = Array.from({ length: KEYS }, (_, index) => ({
    id: `key_${index}`,
    key: `${index % 10 === 0 ? 'sk-ant-' : 'sk-proj-'}${String(index).padStart(8, '0')}${'x'.repeat(40)}`,
    poolGroup: `team-${index % POOLS}`,
    status: (['active', 'banned', 'active', 'disabled'] as const)[Math.floor(index / POOLS) % 4],
    notes: `number ${index}`,
    banned_reason: 'Payment Required',
  }));
  writeFileSync(path, JSON.stringify({ poolGroups, keys }));
}

/**
 * Runs what `npm run import` runs, but from a folder of its own: in this one it would read the user's `.env`, and put
 * the keys wherever that leads.
 *
 * @returns seconds
 */
async function importKeys(installation: string): Promise<number> {
  writePoolFile(join(installation, 'key_pool.json'));
  const command = join(import.meta.dirname, '../import.ts');
  const startedAt = performance.now();
  const { stdout } = await runProgram(
    'taskset',
    ['-c', PROXY_CORES, process.execPath, command, 'key_pool.json'],
    { cwd: installation, env: { PATH: process.env.PATH, HOME: installation } },
  );
  const seconds = (performance.now() - startedAt) / 1000;
  assert.match(stdout, new RegExp(`^Took ${KEYS} of ${KEYS} keys`, 'm'));
  return seconds;
}

/** Starts the server on what was imported and pages through the list. */
async function measureServer(context: BenchContext, installation: string, figures: Figures): Promise<void> {
  const startedAt = performance.now();
  const server = await startSwitchyard(context, { DATA_DIR: join(installation, 'data') });
  while (!(await isReady(server))) await setTimeout(LOOK_MS);
  figures.startS.add('Switchyard', (performance.now() - startedAt) / 1000);
  figures.startCpuS.add('Switchyard', cpuMsOf(server.pid) / 1000);
  const { pool } = (await server.admin('GET', '/status')) as { pool: { counts: { total: number } } };
  assert.equal(pool.counts.total, KEYS, 'a server that is ready knows every key');
  figures.memory.add('Switchyard', residentKbOf(server.pid) / 1024);

  const times: number[] = [];
  for (let look = 0; look < (context.quick ? 3 : 10); look += 1) {
    for (const query of PAGES) times.push(await timeOfPage(server, query));
  }
  const { median, most } = spreadOf(times);
  figures.page.add('Switchyard', median);
  figures.slowestPage.add('Switchyard', most);
  await server.stop();
}

async function isReady({ port }: Switchyard): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/health/ready`);
  await answer.arrayBuffer();
  return answer.ok;
}

/** @returns ms until the whole page is here, read */
async function timeOfPage(server: Switchyard, query: string): Promise<number> {
  const startedAt = performance.now();
  const page = (await server.admin('GET', `/admin/keys?${query}`)) as { keys: unknown[]; total: number };
  const ms = performance.now() - startedAt;
  assert.ok(page.keys.length > 0 && page.total >= page.keys.length, query);
  if (query === '') assert.equal(page.total, KEYS);
  return ms;
}

async function measureChoices(
  { children, folder }: BenchContext,
  figures: Figures,
  task: ChoiceTask,
): Promise<void> {
  const program = children.start({
    command: process.execPath,
    args: [join(import.meta.dirname, 'programs/choice-load.ts'), JSON.stringify(task)],
    cores: PROXY_CORES,
    folder,
  });
  const { times } = (await program.message()) as unknown as ChoiceReport;
  await program.stop();
  assert.equal(times.length, ALGORITHM_NAMES.length);
  for (const { algorithm, medianUs } of times) figures.choice.get(algorithm)!.add('Switchyard', medianUs);
  figures.slowChoice.add('Switchyard', Math.max(...times.map(({ p99Us }) => p99Us)));
}

function rows(figures: Figures): Measure[] {
  const row = (en: string, zh: string, { map }: Samples) => ({
    label: { en: `100,000 keys: ${en}`, zh: `100,000 个密钥：${zh}` },
    samples: map,
    relative: false,
  });
  const seconds = { unit: 's', decimals: 1, quoted: true };
  const ms = { unit: 'ms', decimals: 1 };
  const choice = { unit: 'µs', decimals: 2, quoted: false };
  return [
    { ...row('import', '导入', figures.importS), ...seconds, target: { atMost: 30 } },
    { ...row('start until ready', '启动到就绪', figures.startS), ...seconds, target: { atMost: 3 } },
    {
      ...row('CPU time of the start', '启动的 CPU 时间', figures.startCpuS),
      unit: 's',
      decimals: 1,
      quoted: false,
    },
    {
      ...row('resident memory after the start', '启动后的常驻内存', figures.memory),
      unit: 'MB',
      decimals: 0,
      quoted: false,
    },
    {
      ...row('a page of the list, median', '列表一页，中位数', figures.page),
      ...ms,
      quoted: true,
      target: { atMost: 100 },
    },
    {
      ...row('a page of the list, slowest', '列表一页，最慢', figures.slowestPage),
      ...ms,
      quoted: false,
      target: { atMost: 100 },
    },
    ...[...figures.choice].map(([algorithm, samples]) => ({
      ...row(`choosing one by \`${algorithm}\`, median`, `用 \`${algorithm}\` 选择一个，中位数`, samples),
      ...choice,
      target: { atMost: 20 },
    })),
    {
      ...row(
        'choosing one by the slowest algorithm, 99th percentile',
        '最慢算法选择一个，第 99 百分位',
        figures.slowChoice,
      ),
      ...choice,
    },
  ];
}
