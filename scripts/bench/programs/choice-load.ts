// Chooses keys of a large pool, half of which are banned or at rest, with each algorithm in turn, and times each choice.
import assert from 'node:assert/strict';
import { Secret } from '../../../src/base/secret.ts';
import { isLease, KeyPool } from '../../../src/domain/pool/key-pool.ts';
import { ALGORITHM_NAMES, DEFAULT_POOL_CONFIG } from '../../../src/domain/pool/pool-config.ts';
import type { Verdict } from '../../../src/domain/pool/types.ts';
import { orderOfRound, quantile } from '../measure.ts';
import type { ChoiceReport, ChoiceTask } from './choice-plan.ts';

const MODEL = 'gpt-4o-mini';
const WARM_UP_CHOICES = 20_000;
/** One choice in so many ends in a new cool-down, and one key that rests returns. */
const RESTS_EVERY = 50;
const IN_FLIGHT = 64;
const START_MS = Date.UTC(2026, 0, 15, 12);
const SUCCESS: Verdict = { key: { kind: 'success' }, upstream: 'success', then: 'relay' };

const task = JSON.parse(process.argv[2]!) as ChoiceTask;
const pool = new KeyPool({ config: DEFAULT_POOL_CONFIG });
let nowMs = START_MS;

/** Of four keys one is banned, one rests for all models or for the one that is asked for, and two are ready. */
function fill(): void {
  const ids = Array.from({ length: task.keys }, (_, index) => `k${index}`);
  pool.apply({
    changed: ids.map((id, index) => ({
      id,
      source: 'stored',
      secret: new Secret(`sk-${id}`),
      hint: `sk-…${id}`,
      provider: 'openai',
      baseUrl: undefined,
      pool: 'default',
      quotaTokens: index % 3 === 0 ? undefined : 1_000_000 + index,
      status: index % 4 === 0 ? 'banned' : 'active',
    })),
    removed: [],
  });
  const rests = ids.flatMap((keyId, index) =>
    index % 4 === 1
      ? [{ keyId, model: index % 8 === 1 ? '*' : MODEL, untilMs: START_MS + 600_000 + index }]
      : [],
  );
  pool.setRests(rests, nowMs);
}

/** @returns ms that `lease` took, for each choice; a request stays in flight while `IN_FLIGHT` others begin */
function choose(count: number): Float64Array {
  const times = new Float64Array(count);
  const open: ReturnType<typeof lease>[] = [];
  for (let number = 0; number < count; number += 1) {
    nowMs += 1;
    const startedAt = performance.now();
    const found = lease();
    times[number] = performance.now() - startedAt;
    open.push(found);
    if (open.length < IN_FLIGHT) continue;
    const done = open.shift()!;
    pool.addUsage(done.key.id, 900 + (number % 200));
    pool.release(done, number % RESTS_EVERY === 0 ? rest() : SUCCESS, nowMs);
  }
  for (const left of open) pool.abandon(left);
  return times.sort();
}

function lease() {
  const found = pool.lease({ providers: ['openai'], model: MODEL, tried: NOTHING, avoids }, nowMs);
  assert.ok(isLease(found));
  return found;
}

const NOTHING: ReadonlySet<string> = new Set();
/** A request always asks; no circuit is open. */
const avoids = (upstream: string) => upstream === '';

function rest(): Verdict {
  const key = { kind: 'rest', untilMs: nowMs + 60_000, model: MODEL, reason: '429 rate limit' } as const;
  return { key, upstream: 'none', then: 'another-key' };
}

fill();
const times: ChoiceReport['times'][number][] = [];
for (const algorithm of orderOfRound(ALGORITHM_NAMES, task.backwards ? 1 : 0)) {
  pool.configure({ ...DEFAULT_POOL_CONFIG, algorithm });
  choose(WARM_UP_CHOICES);
  const sorted = [...choose(task.choices)];
  times.push({ algorithm, medianUs: quantile(sorted, 0.5) * 1000, p99Us: quantile(sorted, 0.99) * 1000 });
}
console.log(JSON.stringify({ times } satisfies ChoiceReport));
