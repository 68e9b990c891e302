// `npm run bench` compares Switchyard with other proxies and prints one table of ratios. `npm run bench -- json-post
// big-body` runs only those, `--quick` makes the rounds short, `--update-readme` puts the table into both READMEs.
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bigBody } from './big-body.ts';
import { Children } from './children.ts';
import { takePlace } from './cores.ts';
import { eventStreams } from './event-streams.ts';
import { http2Upstream } from './http2-upstream.ts';
import { jsonPost } from './json-post.ts';
import { mappings } from './mappings.ts';
import type { Bench, BenchContext, Measure } from './measure.ts';
import { poolKeys } from './pool-keys.ts';
import { poolPost } from './pool-post.ts';
import { absoluteTable, ratioTable, updateReadmes, verdicts } from './report.ts';
import { requireWrk } from './wrk.ts';

const BENCHES: readonly Bench[] = [
  jsonPost,
  eventStreams,
  mappings,
  bigBody,
  http2Upstream,
  poolPost,
  poolKeys,
];

/** Above this load average something else is using the machine. */
const BUSY_LOAD = 0.5;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      'update-readme': { type: 'boolean', default: false },
    },
  });
  const chosen = positionals.length === 0 ? BENCHES : positionals.map(benchNamed);
  if (values['update-readme'] && (values.quick || chosen.length < BENCHES.length)) {
    throw new Error('Expected `--update-readme` alone: what is quoted comes from a full run of all benches');
  }
  takePlace();
  requireWrk();
  const [load = 0] = loadavg();
  if (load > BUSY_LOAD) console.log(`The machine is busy (load ${load.toFixed(1)}): expect a wide spread.`);
  const measures = await runAll(chosen, values.quick);
  console.log(`\n${ratioTable(measures, 'en')}\n\n${verdicts(measures).join('\n')}`);
  if (values['update-readme']) updateReadmes(measures);
}

function benchNamed(name: string): Bench {
  const bench = BENCHES.find(candidate => candidate.name === name);
  if (bench === undefined) {
    const known = BENCHES.map(candidate => candidate.name).join(', ');
    throw new Error(`Expected a bench (${known}), got \`${name}\``);
  }
  return bench;
}

async function runAll(benches: readonly Bench[], quick: boolean): Promise<Measure[]> {
  const children = new Children();
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-bench-'));
  const clean = () => {
    children.stopAll();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      clean();
      process.exit(130);
    });
  }
  const context: BenchContext = { quick, children, folder, say: line => console.log(`  ${line}`) };
  const all: Measure[] = [];
  try {
    for (const bench of benches) {
      const startedAt = performance.now();
      console.log(`\n${bench.name}: ${bench.question}`);
      const measures = await bench.run(context);
      all.push(...measures);
      console.log(`\n${absoluteTable(measures)}\n`);
      context.say(`took ${Math.round((performance.now() - startedAt) / 1000)} s`);
    }
  } finally {
    clean();
  }
  return all;
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
