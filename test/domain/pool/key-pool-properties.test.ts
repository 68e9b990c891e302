import test from 'ava';
import fc from 'fast-check';
import { isLease, KeyPool } from '../../../src/domain/pool/key-pool.ts';
import { ALGORITHM_NAMES } from '../../../src/domain/pool/pool-config.ts';
import type { Lease, Verdict } from '../../../src/domain/pool/types.ts';
import type { StoredStatus } from '../../../src/stores/pool-types.ts';
import {
  BAN,
  configOf,
  liveKey,
  NOTHING,
  NOW_MS,
  request,
  rest,
  STRIKE,
  SUCCESS,
  seededRandom,
} from './support.ts';

const MODELS = ['gpt-4o', 'o3', 'gpt-5'] as const;
const THRESHOLD = 3;

/** What must be known of a key to tell whether it may be used: kept as simply as can be. */
interface Model {
  status: StoredStatus;
  inFlight: number;
  strikes: number;
  /** By model, `*` for all. */
  rests: Map<string, number>;
  /** Grows when verdicts on earlier leases no longer count. */
  era: number;
}

type Step =
  | { kind: 'lease'; model: number; tried: number }
  | { kind: 'release'; which: number; verdict: number; waitMs: number; model: number }
  | { kind: 'abandon'; which: number }
  | { kind: 'later'; ms: number }
  | { kind: 'put'; id: number; status: StoredStatus }
  | { kind: 'remove'; id: number }
  | { kind: 'wake'; id: number; model: number }
  | { kind: 'rest'; id: number; model: number; waitMs: number }
  | { kind: 'limit'; limit: number }
  | { kind: 'tiers'; enabled: boolean; first: number };

const small = fc.nat({ max: 1000 });
const waitMs = fc.integer({ min: 1, max: 400 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('lease' as const), model: small, tried: small }) },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('release' as const),
      which: small,
      verdict: small,
      waitMs,
      model: small,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('abandon' as const), which: small }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('later' as const), ms: fc.nat({ max: 150 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      id: small,
      status: fc.constantFrom<StoredStatus>('active', 'active', 'disabled', 'banned'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), id: small }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wake' as const), id: small, model: small }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('rest' as const), id: small, model: small, waitMs }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('limit' as const), limit: fc.integer({ min: 1, max: 3 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('tiers' as const), enabled: fc.boolean(), first: small }),
  },
);

const restName = (index: number) => [...MODELS, '*'][index % 4]!;

test('whatever happens in whatever order, a pool keeps to its rules', t => {
  fc.assert(
    fc.property(
      fc.record({
        // Few keys meet all rules at once; more than 64 are drawn from and not looked at whole.
        keys: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 60, max: 90 })),
        algorithm: fc.constantFrom(...ALGORITHM_NAMES),
        steps: fc.array(step, { minLength: 1, maxLength: 150, size: 'max' }),
        seed: fc.nat(),
      }),
      ({ keys: count, algorithm, steps, seed }) => runSteps({ count, algorithm, steps, seed }),
    ),
    { numRuns: 300, seed: 20_260_115 },
  );
  t.pass();
});

function runSteps(run: {
  count: number;
  algorithm: (typeof ALGORITHM_NAMES)[number];
  steps: readonly Step[];
  seed: number;
}): void {
  let limit = 2;
  let tiered = true;
  const config = () =>
    configOf({
      algorithm: run.algorithm,
      concurrentLimit: limit,
      autoBan: { threshold: THRESHOLD },
      multiTier: { enabled: tiered },
    });
  let bansTold = 0;
  let bansDue = 0;
  const pool = new KeyPool({
    config: config(),
    random: seededRandom(run.seed),
    onEffect: effect => {
      if (effect.kind === 'ban') bansTold += 1;
    },
  });
  const known = new Map<string, Model>();
  const open: { lease: Lease; state: Model; era: number }[] = [];
  let nowMs = NOW_MS;
  const idOf = (index: number) => `k${index % run.count}`;
  const keyOf = (id: string, status: StoredStatus) =>
    liveKey(id, { status, pool: id.endsWith('1') ? 'x' : 'default' });

  const put = (id: string, status: StoredStatus) => {
    pool.apply({ changed: [keyOf(id, status)], removed: [] });
    const state = known.get(id);
    if (state === undefined) {
      known.set(id, { status, inFlight: 0, strikes: 0, rests: new Map(), era: 0 });
      return;
    }
    if (state.status !== 'active' && status === 'active') {
      state.strikes = 0;
      state.era += 1;
    }
    state.status = status;
  };
  const note = (state: Model, model: string, untilMs: number) => {
    if (untilMs > nowMs && untilMs > (state.rests.get(model) ?? 0)) state.rests.set(model, untilMs);
  };
  const restsFor = (state: Model, model: string) =>
    Math.max(state.rests.get(model) ?? 0, state.rests.get('*') ?? 0) > nowMs;
  const mayServe = (state: Model, model: string) =>
    state.status === 'active' && state.inFlight < limit && !restsFor(state, model);

  for (let index = 0; index < run.count; index += 1) put(idOf(index), 'active');
  for (const [index, step] of run.steps.entries()) {
    switch (step.kind) {
      case 'lease': {
        const model = MODELS[step.model % 3]!;
        const tried = new Set(step.tried % 3 === 0 ? [idOf(step.tried)] : []);
        const result = pool.lease(request({ model, tried }), nowMs);
        const fitting = [...known].filter(([id, state]) => !tried.has(id) && mayServe(state, model));
        if (!isLease(result)) {
          if (fitting.length > 0) throw new Error(`${result.kind}, but ${fitting[0]![0]} may serve`);
          if (result.kind === 'resting') checkSoonest(known, model, nowMs, result.retryAfterMs);
          break;
        }
        const state = known.get(result.key.id);
        if (state === undefined) throw new Error('a deleted key was leased');
        if (tried.has(result.key.id)) throw new Error('a tried key was leased');
        if (!mayServe(state, model))
          throw new Error(`leased ${JSON.stringify({ ...state, rests: [...state.rests], nowMs })}`);
        state.inFlight += 1;
        open.push({ lease: result, state, era: state.era });
        break;
      }
      case 'release': {
        const held = open.splice(step.which % Math.max(1, open.length), 1)[0];
        if (held === undefined) break;
        const verdicts: Verdict[] = [
          SUCCESS,
          SUCCESS,
          NOTHING,
          STRIKE,
          STRIKE,
          BAN,
          rest(nowMs + step.waitMs, restName(step.model)),
        ];
        const verdict = verdicts[step.verdict % verdicts.length]!;
        pool.release(held.lease, verdict, nowMs);
        held.state.inFlight -= 1;
        if (held.era !== held.state.era || known.get(held.lease.key.id) !== held.state) break;
        if (verdict.key.kind === 'success') held.state.strikes = 0;
        if (verdict.key.kind === 'strike' || verdict.key.kind === 'ban') {
          held.state.strikes += 1;
          const isDead = verdict.key.kind === 'ban' || held.state.strikes >= THRESHOLD;
          if (isDead && held.state.status === 'active') {
            held.state.status = 'banned';
            bansDue += 1;
          }
        }
        if (verdict.key.kind === 'rest') note(held.state, verdict.key.model, verdict.key.untilMs);
        break;
      }
      case 'abandon': {
        const held = open.splice(step.which % Math.max(1, open.length), 1)[0];
        if (held === undefined) break;
        pool.abandon(held.lease);
        held.state.inFlight -= 1;
        break;
      }
      case 'later':
        nowMs += step.ms;
        break;
      case 'put':
        put(idOf(step.id), step.status);
        break;
      case 'remove':
        pool.apply({ changed: [], removed: [idOf(step.id)] });
        known.delete(idOf(step.id));
        break;
      case 'wake':
        // The pool knows the time of the last call that told it.
        pool.counts(nowMs);
        pool.wake(idOf(step.id), restName(step.model));
        known.get(idOf(step.id))?.rests.delete(restName(step.model));
        break;
      case 'rest': {
        const [model, untilMs] = [restName(step.model), nowMs + step.waitMs];
        pool.setRests([{ keyId: idOf(step.id), model, untilMs }], nowMs);
        const state = known.get(idOf(step.id));
        if (state !== undefined) note(state, model, untilMs);
        break;
      }
      case 'limit':
        limit = step.limit;
        pool.configure(config());
        break;
      case 'tiers':
        tiered = step.enabled;
        pool.configure(config());
        pool.setGroups([
          { id: 'x', name: '', description: '', priority: step.first % 3 },
          { id: 'default', name: '', description: '', priority: 1 },
        ]);
        break;
    }
    // Counting brings all states up to date, which choosing must do by itself too.
    if (index % 4 === 0) checkCounts(pool, known, { nowMs, limit });
  }
  for (const held of open) pool.abandon(held.lease);
  for (const id of known.keys()) {
    if (pool.view(id, nowMs)!.inFlight !== 0) throw new Error('requests in flight were lost count of');
  }
  if (bansTold !== bansDue) throw new Error(`${bansTold} bans were told, ${bansDue} were due`);
}

/** The told wait is that of the key which is back first, of all that only rest. */
function checkSoonest(known: ReadonlyMap<string, Model>, model: string, nowMs: number, toldMs: number): void {
  const waits = [...known.values()]
    .filter(state => state.status === 'active')
    .map(state => Math.max(state.rests.get(model) ?? 0, state.rests.get('*') ?? 0) - nowMs)
    .filter(wait => wait > 0);
  if (Math.min(...waits) !== toldMs) throw new Error(`told ${toldMs}, is ${Math.min(...waits)}`);
}

function checkCounts(
  pool: KeyPool,
  known: ReadonlyMap<string, Model>,
  { nowMs, limit }: { nowMs: number; limit: number },
): void {
  const expected = { ready: 0, resting: 0, busy: 0, disabled: 0, banned: 0 };
  for (const state of known.values()) {
    if (state.inFlight < 0) throw new Error('fewer than none in flight');
    if (state.status !== 'active') expected[state.status] += 1;
    else if ((state.rests.get('*') ?? 0) > nowMs) expected.resting += 1;
    else if (state.inFlight >= limit) expected.busy += 1;
    else expected.ready += 1;
  }
  const counts = JSON.stringify(pool.counts(nowMs));
  if (counts !== JSON.stringify(expected)) throw new Error(`${counts}, expected ${JSON.stringify(expected)}`);
}
