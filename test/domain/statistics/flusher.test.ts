import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { pino } from 'pino';
import { Calendar, HOUR_MS } from '../../../src/domain/statistics/calendar.ts';
import {
  Flusher,
  type FlusherOptions,
  type SpooledCounters,
} from '../../../src/domain/statistics/flusher.ts';
import { Recorder } from '../../../src/domain/statistics/recorder.ts';
import type { CounterBatch, LocalFile, StatisticsStore } from '../../../src/stores/types.ts';
import { MemoryFile, MemoryStatistics } from '../../support/memory-statistics.ts';
import { NOON_MS, recordAll } from './exchange.ts';

interface Bench {
  recorder: Recorder;
  store: MemoryStatistics;
  spool: MemoryFile<SpooledCounters>;
  flusher: Flusher;
  logged: string[];
}

function benchWith(options: Partial<FlusherOptions> = {}): Bench {
  const recorder = new Recorder({ calendar: new Calendar('UTC') });
  const store = new MemoryStatistics();
  const spool = new MemoryFile<SpooledCounters>();
  const logged: string[] = [];
  const log = pino({ level: 'info' }, { write: line => logged.push(JSON.parse(line).msg) });
  const flusher = new Flusher({ recorder, store, spool, log, nowMs: () => NOON_MS, ...options });
  return { recorder, store, spool, flusher, logged };
}

/** A process that starts after another one was killed: it has the other's store and file, and nothing of its memory. */
async function restart(t: ExecutionContext, { store, spool }: Bench): Promise<Bench> {
  const next = benchWith({ store, spool });
  await next.flusher.start();
  t.teardown(() => next.flusher.stop());
  return { ...next, store, spool };
}

test('what was counted is in the store after a flush, in one batch, and nothing is spooled', async t => {
  const { recorder, store, spool, flusher } = benchWith();
  recordAll(recorder, [{}, {}]);
  await flusher.flush();
  t.is(store.requests('p /openai'), 2);
  t.is(store.received.length, 1);
  await flusher.flush();
  t.is(store.received.length, 1);
  recordAll(recorder, [{}]);
  await flusher.flush();
  t.deepEqual(
    store.received.map(batch => batch.sequence),
    [1, 2],
  );
  t.is(spool.writes, 0);
  t.is(flusher.state, 'ok');
  t.is(flusher.queuedRows, 0);
});

test('a failed batch is sent again unchanged before anything newer', async t => {
  const { recorder, store, flusher, logged } = benchWith();
  store.outage = 'after';
  recordAll(recorder, [{ path: '/first' }]);
  await flusher.flush();
  t.is(flusher.state, 'degraded');
  t.is(flusher.queuedRows, 3);
  recordAll(recorder, [{ path: '/second' }]);
  await flusher.flush();
  recordAll(recorder, [{ path: '/second' }]);
  await flusher.flush();
  t.is(flusher.queuedRows, 6);
  store.outage = 'none';
  await flusher.flush();
  t.is(flusher.state, 'ok');
  t.is(flusher.queuedRows, 0);
  t.is(store.requests('p /openai'), 3);
  t.is(store.requests('e /openai POST /second'), 2);
  t.deepEqual(
    store.received.map(batch => batch.sequence),
    [1, 1, 1, 1, 2],
  );
  for (const batch of store.received.slice(1, 4)) t.deepEqual(batch, store.received[0]);
  t.is(logged.length, 2);
});

test('while the store is away what waits lies in the spool, which is cleared when all is written', async t => {
  const { recorder, store, spool, flusher } = benchWith();
  store.outage = 'before';
  recordAll(recorder, [{}]);
  await flusher.flush();
  recordAll(recorder, [{}]);
  await flusher.flush();
  t.is(spool.writes, 2);
  const spooled = (await spool.load())!;
  t.is(spooled.batches.length, 1);
  t.is(spooled.pending.length, 3);
  store.outage = 'none';
  await flusher.flush();
  t.is(spool.text, undefined);
});

test('a process that starts after kill -9 writes what the other left, with the name and number it had', async t => {
  const killed = benchWith();
  killed.store.outage = 'after';
  recordAll(killed.recorder, [{}]);
  await killed.flusher.flush();
  recordAll(killed.recorder, [{}, {}]);
  await killed.flusher.flush();

  const next = await restart(t, killed);
  t.is(next.flusher.state, 'degraded');
  t.is(next.flusher.queuedRows, 6);
  killed.store.outage = 'none';
  await next.flusher.flush();
  t.is(killed.store.requests('p /openai'), 3);
  t.is(next.flusher.state, 'ok');
  t.is(killed.spool.text, undefined);
  const again = killed.store.received.at(-2)!;
  t.deepEqual(again, killed.store.received[0]);
  t.not(killed.store.received.at(-1)!.writer, again.writer);
});

test('a spool that was not cleared before a crash counts nothing twice', async t => {
  const killed = benchWith();
  killed.store.outage = 'before';
  recordAll(killed.recorder, [{}]);
  await killed.flusher.flush();
  const leftText = killed.spool.text;
  killed.store.outage = 'none';
  await killed.flusher.flush();
  killed.spool.text = leftText;

  const next = await restart(t, killed);
  recordAll(next.recorder, [{}]);
  await next.flusher.flush();
  t.is(killed.store.requests('p /openai'), 2);
});

test('a store that does not answer is trouble too: what waits is spooled meanwhile', async t => {
  let nowMs = NOON_MS;
  const answer = Promise.withResolvers<void>();
  const memory = new MemoryStatistics();
  const store: Pick<StatisticsStore, 'add' | 'prune'> = {
    add: batch => answer.promise.then(() => memory.add(batch)),
    prune: limits => memory.prune(limits),
  };
  const { recorder, spool, flusher } = benchWith({
    store: store as StatisticsStore,
    nowMs: () => nowMs,
  });
  recordAll(recorder, [{}]);
  const first = flusher.flush();
  recordAll(recorder, [{}]);
  nowMs += 899;
  const second = flusher.flush();
  t.is(flusher.state, 'ok');
  nowMs += 1;
  const third = flusher.flush();
  t.is(flusher.state, 'degraded');
  await new Promise(resolve => setImmediate(resolve));
  t.like(await spool.load(), { batches: [{ sequence: 1 }], pending: { length: 3 } });
  answer.resolve();
  await Promise.all([first, second, third]);
  t.is(memory.requests('p /openai'), 2);
  t.is(flusher.state, 'ok');
  t.is(spool.text, undefined);
});

test('flushes at the same time write each count once and wait for their own', async t => {
  const { recorder, store, flusher } = benchWith();
  const flushes: Promise<void>[] = [];
  for (let turn = 0; turn < 20; turn += 1) {
    recordAll(recorder, [{}]);
    const counted = turn + 1;
    flushes.push(
      flusher.flush().then(() => {
        t.true(store.requests('p /openai') >= counted);
      }),
    );
    if (turn % 3 === 0) await null;
  }
  await Promise.all(flushes);
  t.is(store.requests('p /openai'), 20);
});

test('many rows go in several batches, those of all in the last', async t => {
  const { recorder, store, flusher } = benchWith({ maxBatchRows: 2 });
  recordAll(recorder, [{ path: '/a' }, { path: '/b' }, { path: '/c' }]);
  await flusher.flush();
  t.deepEqual(
    store.received.map(batch => [batch.sequence, batch.rows.length]),
    [
      [1, 2],
      [2, 2],
      [3, 1],
    ],
  );
  t.is(store.received[2]!.rows[0]!.series, 'all');
});

test('rows without room are dropped, counted and warned of once', async t => {
  const { recorder, store, flusher, logged } = benchWith({ maxRows: 3 });
  store.outage = 'before';
  recordAll(recorder, [{}]);
  await flusher.flush();
  for (const path of ['/x', '/y']) {
    recordAll(recorder, [{ path, prefix: '/other' }]);
    await flusher.flush();
  }
  t.is(flusher.droppedRows, 1);
  t.is(logged.filter(message => message.includes('dropped')).length, 1);
  store.outage = 'none';
  await flusher.flush();
  t.is(store.requests('p /other'), 2);
});

test('stop writes what was counted last, and spools it where the store is away', async t => {
  const there = benchWith();
  recordAll(there.recorder, [{}]);
  await there.flusher.stop();
  t.is(there.store.requests('all'), 1);
  const away = benchWith();
  away.store.outage = 'before';
  recordAll(away.recorder, [{}]);
  await away.flusher.stop();
  t.is((await away.spool.load())!.batches[0]!.rows.length, 3);
});

test('a spool that cannot be written is logged once and does not stop the counts', async t => {
  const full: LocalFile<SpooledCounters> = {
    load: async () => undefined,
    save: async () => Promise.reject(new Error('no space left')),
    clear: async () => {},
  };
  const { recorder, store, flusher, logged } = benchWith({ spool: full });
  store.outage = 'before';
  recordAll(recorder, [{}]);
  await flusher.flush();
  await flusher.flush();
  t.is(logged.filter(message => message.includes('cannot be saved')).length, 1);
  store.outage = 'none';
  await flusher.flush();
  t.is(store.requests('all'), 1);
});

test('a spool of another format is left out with an error', async t => {
  const spool = new MemoryFile<SpooledCounters>();
  spool.text = '{"version":7}';
  const { flusher, logged } = benchWith({ spool });
  await flusher.start();
  await flusher.stop();
  t.true(logged[0]!.includes('unknown format'));
});

test('old buckets are dropped once an hour, never those a window needs', async t => {
  let nowMs = NOON_MS;
  const { store, flusher } = benchWith({ nowMs: () => nowMs });
  for (const stepMs of [0, HOUR_MS - 1, 1, 1]) {
    nowMs += stepMs;
    await flusher.flush();
  }
  t.is(store.pruned.length, 2);
  const limits = store.pruned[0]!;
  t.true(limits.minuteBeforeMs <= NOON_MS - 25 * HOUR_MS);
  t.true(limits.hourBeforeMs <= NOON_MS - 31 * 24 * HOUR_MS);
  t.true(limits.dayBeforeMs <= NOON_MS - 367 * 24 * HOUR_MS);
});

/** The disk and the store of a process that dies in the middle of its work: from then on nothing it does has an effect. */
class Machine {
  readonly died = Promise.withResolvers<void>();
  /** Steps of input and output until the process dies. */
  stepsLeft = Number.POSITIVE_INFINITY;

  /** Never resolves once the process is dead. */
  async step(): Promise<void> {
    this.stepsLeft -= 1;
    if (this.stepsLeft >= 0) return;
    this.died.resolve();
    await new Promise(() => {});
  }

  storeOn(store: MemoryStatistics): StatisticsStore {
    return {
      add: async (batch: CounterBatch) => {
        await this.step();
        await store.add(batch).finally(() => this.step());
      },
      read: query => store.read(query),
      totalsOf: series => store.totalsOf(series),
      lastSeen: () => store.lastSeen(),
      prune: limits => store.prune(limits),
    };
  }

  fileOn<T>(file: MemoryFile<T>): LocalFile<T> {
    return {
      load: () => file.load(),
      save: async value => {
        await this.step();
        await file.save(value);
        await this.step();
      },
      clear: async () => {
        await this.step();
        await file.clear();
        await this.step();
      },
    };
  }
}

type Event =
  | { kind: 'count'; times: number }
  | { kind: 'flush' }
  | { kind: 'outage'; outage: MemoryStatistics['outage'] }
  | { kind: 'kill'; afterSteps: number };

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('count' as const), times: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('flush' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('outage' as const),
      outage: fc.constantFrom('none' as const, 'before' as const, 'after' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('kill' as const), afterSteps: fc.integer({ min: 0, max: 12 }) }),
  },
);

/** Plays events on one store and one spool. Each exchange has an endpoint of its own, so each can be found again. */
class World {
  readonly #log = pino({ level: 'silent' });
  readonly store = new MemoryStatistics();
  readonly #file = new MemoryFile<SpooledCounters>();
  /** Endpoints whose flush ended, so that they must be counted. */
  readonly safe = new Set<string>();
  readonly counted: string[] = [];
  #unsafe: string[] = [];
  #machine = new Machine();
  #recorder!: Recorder;
  #flusher!: Flusher;

  async boot(): Promise<void> {
    this.#machine = new Machine();
    this.#recorder = new Recorder({
      calendar: new Calendar('UTC'),
      limits: { endpointsPerPrefix: 10_000 },
    });
    this.#flusher = new Flusher({
      recorder: this.#recorder,
      store: this.#machine.storeOn(this.store),
      spool: this.#machine.fileOn(this.#file),
      log: this.#log,
      nowMs: () => NOON_MS,
      maxBatchRows: 3,
    });
    await this.#flusher.start();
  }

  async play(happening: Event): Promise<void> {
    switch (happening.kind) {
      case 'count':
        for (let time = 0; time < happening.times; time += 1) this.#count();
        return;
      case 'flush':
        await this.#flusher.flush();
        this.#allSafe();
        return;
      case 'outage':
        this.store.outage = happening.outage;
        return;
      case 'kill':
        await this.#kill(happening.afterSteps);
    }
  }

  async end(): Promise<void> {
    this.store.outage = 'none';
    await this.#flusher.stop();
    this.#allSafe();
  }

  requests(endpoint: string): number {
    return this.store.requests(`e /p GET /${endpoint}`);
  }

  #count(): void {
    const endpoint = `n${this.counted.length}`;
    this.counted.push(endpoint);
    this.#unsafe.push(endpoint);
    recordAll(this.#recorder, [{ prefix: '/p', method: 'GET', path: `/${endpoint}` }]);
  }

  #allSafe(): void {
    for (const endpoint of this.#unsafe) this.safe.add(endpoint);
    this.#unsafe = [];
  }

  /** Kills the process within its next flush, or after it, and starts the next one. */
  async #kill(afterSteps: number): Promise<void> {
    this.#machine.stepsLeft = afterSteps;
    const flushed = this.#flusher.flush().then(() => this.#allSafe());
    await Promise.race([flushed, this.#machine.died.promise]);
    this.#machine.stepsLeft = 0;
    this.#unsafe = [];
    await this.boot();
  }
}

test('through outages, lost acknowledgements and kills every count arrives once', async t => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 5, maxLength: 40 }), async events => {
      const world = new World();
      await world.boot();
      for (const happening of events) await world.play(happening);
      await world.end();
      for (const endpoint of world.counted) {
        const requests = world.requests(endpoint);
        t.true(requests <= 1, `${endpoint} was counted ${requests} times`);
        if (world.safe.has(endpoint)) t.is(requests, 1, `${endpoint} was lost`);
      }
      const requests = world.store.requests('p /p');
      t.true(requests >= world.safe.size && requests <= world.counted.length);
    }),
    { numRuns: 300 },
  );
});
