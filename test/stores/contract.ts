import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type {
  Bucket,
  CounterRow,
  MappingStore,
  StatisticsStore,
  Stores,
  Tier,
} from '../../src/stores/types.ts';

/** Opens the same data again and again: each call is as another process would see it. */
export type OpenAgain = () => Promise<Stores>;

/** Makes empty data of the test's own and closes what was opened when the test ends. */
export type PrepareStore = (t: ExecutionContext) => Promise<OpenAgain>;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** What every implementation of the store ports must do. */
export function storeContract(name: string, prepare: PrepareStore): void {
  mappingContract(name, prepare);
  statisticsContract(name, prepare);

  test(`${name}: a store that works says so`, async t => {
    const stores = await (await prepare(t))();
    t.is(await stores.ping(), 'ok');
  });

  test(`${name}: a closed store rejects with its code and says degraded`, async t => {
    const stores = await (await prepare(t))();
    await stores.close();
    t.is(await stores.ping(), 'degraded');
    await t.throwsAsync(stores.mappings.readAll(), { code: 'ERR_STORE_UNAVAILABLE' });
    await t.throwsAsync(stores.statistics.lastSeen(), { code: 'ERR_STORE_UNAVAILABLE' });
    await t.notThrowsAsync(stores.close());
  });
}

function mappingContract(name: string, prepare: PrepareStore): void {
  test(`${name}: a new mapping is stored once, a second one for the prefix changes nothing`, async t => {
    const { mappings } = await (await prepare(t))();
    t.true(await mappings.create('/openai', 'https://api.openai.com'));
    t.false(await mappings.create('/openai', 'https://elsewhere.example'));
    t.deepEqual(await rowsOf(mappings), [['/openai', 'https://api.openai.com']]);
  });

  test(`${name}: a mapping is replaced only while it says what the writer saw`, async t => {
    const { mappings } = await (await prepare(t))();
    t.is(await mappings.replace('/a', 'https://one.example'), 'missing');
    await mappings.create('/a', 'https://one.example');
    t.is(await mappings.replace('/a', 'https://two.example', 'https://zero.example'), 'changed');
    t.is(await mappings.replace('/a', 'https://two.example', 'https://one.example'), 'replaced');
    t.is(await mappings.replace('/a', 'https://three.example'), 'replaced');
    t.is(await mappings.replace('/b', 'https://two.example', 'https://one.example'), 'missing');
    t.deepEqual(await rowsOf(mappings), [['/a', 'https://three.example']]);
  });

  test(`${name}: a mapping is removed only while it says what the writer saw`, async t => {
    const { mappings } = await (await prepare(t))();
    t.is(await mappings.remove('/a'), 'missing');
    await mappings.putAll(
      new Map([
        ['/a', 'https://a.example'],
        ['/b', 'https://b.example'],
      ]),
    );
    t.is(await mappings.remove('/a', 'https://other.example'), 'changed');
    t.is(await mappings.remove('/a', 'https://a.example'), 'removed');
    t.is(await mappings.remove('/b'), 'removed');
    t.deepEqual(await rowsOf(mappings), []);
  });

  test(`${name}: of two writers that saw the same row one wins and the other is told`, async t => {
    const again = await prepare(t);
    const [first, second] = await Promise.all([again(), again()]);
    await first.mappings.create('/a', 'https://old.example');
    const outcomes = await Promise.all([
      first.mappings.replace('/a', 'https://first.example', 'https://old.example'),
      second.mappings.replace('/a', 'https://second.example', 'https://old.example'),
    ]);
    t.deepEqual([...outcomes].sort(), ['changed', 'replaced']);
    const winner = outcomes[0] === 'replaced' ? 'https://first.example' : 'https://second.example';
    t.deepEqual(await rowsOf(second.mappings), [['/a', winner]]);
  });

  test(`${name}: of many that create one prefix at once exactly one succeeds`, async t => {
    const again = await prepare(t);
    const handles = await Promise.all([again(), again(), again()]);
    const created = await Promise.all(
      handles.map((stores, number) => stores.mappings.create('/a', `https://${number}.example`)),
    );
    t.is(created.filter(Boolean).length, 1);
  });

  test(`${name}: an import adds and overwrites ten thousand rows`, async t => {
    const again = await prepare(t);
    const { mappings } = await again();
    await mappings.create('/vendor-7', 'https://old.example');
    await mappings.create('/kept', 'https://kept.example');
    const rows = new Map(
      Array.from({ length: 10_000 }, (_, number) => [`/vendor-${number}`, `https://api-${number}.example`]),
    );
    await mappings.putAll(rows);
    const stored = await (await again()).mappings.readAll();
    t.is(stored.size, 10_001);
    t.is(stored.get('/kept'), 'https://kept.example');
    t.is(stored.get('/vendor-7'), 'https://api-7.example');
    t.is(stored.get('/vendor-9999'), 'https://api-9999.example');
  });

  test(`${name}: names that mean something to JavaScript are names like any other`, async t => {
    const { mappings } = await (await prepare(t))();
    for (const prefix of ['/__proto__', '__proto__', 'constructor', '/toString', '/42', '/中文', '/a b']) {
      t.true(await mappings.create(prefix, `https://x.example/${prefix.length}`), prefix);
      t.is((await mappings.readAll()).get(prefix), `https://x.example/${prefix.length}`, prefix);
    }
    t.is((await mappings.readAll()).size, 7);
  });

  test(`${name}: a new store takes the seed, once`, async t => {
    const again = await prepare(t);
    const { mappings } = await again();
    const seed = new Map([['/openai', 'https://api.openai.com']]);
    t.true(await mappings.seed(seed, { force: false }));
    t.false(await mappings.seed(new Map([['/xai', 'https://api.x.ai']]), { force: false }));
    t.false(await mappings.seed(new Map([['/xai', 'https://api.x.ai']]), { force: true }));
    t.deepEqual(await rowsOf((await again()).mappings), [...seed]);
  });

  test(`${name}: an emptied store stays empty unless the seed is forced`, async t => {
    const again = await prepare(t);
    const { mappings } = await again();
    await mappings.create('/a', 'https://a.example');
    await mappings.remove('/a');
    const later = (await again()).mappings;
    t.false(await later.seed(new Map([['/b', 'https://b.example']]), { force: false }));
    t.deepEqual(await rowsOf(later), []);
    t.true(await later.seed(new Map([['/b', 'https://b.example']]), { force: true }));
    t.deepEqual(await rowsOf(later), [['/b', 'https://b.example']]);
  });

  test(`${name}: an import counts as a write, so what it left empty is not seeded`, async t => {
    const { mappings } = await (await prepare(t))();
    await mappings.putAll(new Map([['/a', 'https://a.example']]));
    await mappings.remove('/a');
    t.false(await mappings.seed(new Map([['/b', 'https://b.example']]), { force: false }));
  });

  test(`${name}: the fingerprint changes with every change of the rows, seen from elsewhere`, async t => {
    const again = await prepare(t);
    const [writer, reader] = await Promise.all([again(), again()]);
    let before = await reader.mappings.fingerprint({ fresh: true });
    t.is(await reader.mappings.fingerprint({ fresh: true }), before);
    const changes: [string, (mappings: MappingStore) => Promise<unknown>][] = [
      ['create', mappings => mappings.create('/a', 'https://a.example')],
      ['replace', mappings => mappings.replace('/a', 'https://b.example')],
      ['import', mappings => mappings.putAll(new Map([['/c', 'https://c.example']]))],
      ['remove', mappings => mappings.remove('/a')],
      ['remove the last', mappings => mappings.remove('/c')],
      ['forced seed', mappings => mappings.seed(new Map([['/d', 'https://d.example']]), { force: true })],
    ];
    for (const [change, make] of changes) {
      await make(writer.mappings);
      const after = await reader.mappings.fingerprint({ fresh: true });
      t.not(after, before, change);
      before = after;
    }
    t.is(await reader.mappings.fingerprint({ fresh: true }), before);
  });

  test(`${name}: a watcher is told of a write of its own process, and no more after it ended the watch`, async t => {
    const { mappings } = await (await prepare(t))();
    let ended = 0;
    const end = mappings.watch(() => {
      ended += 1;
    });
    end();
    await new Promise<void>(resolve => {
      t.teardown(mappings.watch(resolve));
      void mappings.create('/a', 'https://a.example');
    });
    t.is(ended, 0);
  });

  test(`${name}: any sequence of mapping writes leaves what a plain map would hold`, async t => {
    const again = await prepare(t);
    const [one, two] = await Promise.all([again(), again()]);
    const prefix = fc.constantFrom('/a', '/b', '/a/b', '/__proto__');
    const target = fc.constantFrom('https://1.example', 'https://2.example', 'https://3.example');
    const expected = fc.option(target, { nil: undefined });
    const step = fc.oneof(
      fc.record({ verb: fc.constant('create' as const), prefix, target }),
      fc.record({ verb: fc.constant('replace' as const), prefix, target, expected }),
      fc.record({ verb: fc.constant('remove' as const), prefix, expected }),
      fc.record({
        verb: fc.constant('import' as const),
        rows: fc.array(fc.tuple(prefix, target), { maxLength: 3 }),
      }),
    );
    const model = new Map<string, string>();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.boolean(), step), { maxLength: 12 }), async steps => {
        for (const [second, action] of steps) {
          const { mappings } = second ? two : one;
          if (action.verb === 'import') {
            await mappings.putAll(new Map(action.rows));
            for (const [at, to] of action.rows) model.set(at, to);
            continue;
          }
          const held = model.get(action.prefix);
          if (action.verb === 'create') {
            t.is(await mappings.create(action.prefix, action.target), held === undefined);
            if (held === undefined) model.set(action.prefix, action.target);
            continue;
          }
          const fits = action.expected === undefined || action.expected === held;
          if (action.verb === 'replace') {
            const outcome = held === undefined ? 'missing' : fits ? 'replaced' : 'changed';
            t.is(await mappings.replace(action.prefix, action.target, action.expected), outcome);
            if (outcome === 'replaced') model.set(action.prefix, action.target);
          } else {
            const outcome = held === undefined ? 'missing' : fits ? 'removed' : 'changed';
            t.is(await mappings.remove(action.prefix, action.expected), outcome);
            if (outcome === 'removed') model.delete(action.prefix);
          }
        }
        t.deepEqual(await rowsOf(one.mappings), [...model].sort());
      }),
      { numRuns: 40 },
    );
  });
}

function statisticsContract(name: string, prepare: PrepareStore): void {
  test(`${name}: a batch counts in its minute, its hour, its day and in total`, async t => {
    const { statistics } = await (await prepare(t))();
    const row = rowAt('p /openai', DAY + 3 * HOUR + 7 * MINUTE, { requests: 2, bytes: 300 });
    await statistics.add({ writer: 'w', sequence: 1, rows: [row] });
    await statistics.add({
      writer: 'w',
      sequence: 2,
      rows: [{ ...row, values: { requests: 1, errors: 1 } }],
    });
    const values = { requests: 3, bytes: 300, errors: 1 };
    const starts = { minute: row.minuteMs, hour: row.hourMs, day: row.dayMs, total: 0 };
    for (const [tier, startMs] of Object.entries(starts)) {
      t.deepEqual(
        await everything(statistics, tier as Tier),
        [{ series: 'p /openai', startMs, values }],
        tier,
      );
    }
  });

  test(`${name}: a row without times counts in total alone`, async t => {
    const { statistics } = await (await prepare(t))();
    const timeless = { minuteMs: -1, hourMs: -1, dayMs: -1 };
    const rows = [rowAt('k a', DAY, { requests: 1 }), { ...rowAt('k a', DAY, { requests: 2 }), ...timeless }];
    await statistics.add({ writer: 'w', sequence: 1, rows });
    await statistics.add({ writer: 'w', sequence: 2, rows: rows.slice(1) });
    t.is(await totalOf(statistics, 'k a', 'requests'), 5);
    for (const tier of ['minute', 'hour', 'day'] as const) {
      const buckets = await statistics.read({ tier, fromMs: -DAY, toMs: Number.MAX_SAFE_INTEGER });
      t.deepEqual(buckets, [{ series: 'k a', startMs: DAY, values: { requests: 1 } }], tier);
    }
  });

  test(`${name}: what was ever counted is told for the series asked for, and for no other`, async t => {
    const { statistics } = await (await prepare(t))();
    const named = ['k a', 'k ab', 'k __proto__', 'e /x GET /y z'];
    const rows = named.map((series, index) => rowAt(series, DAY, { requests: index + 1 }));
    await statistics.add({ writer: 'w', sequence: 1, rows });
    await statistics.add({ writer: 'w', sequence: 2, rows: [rowAt('k a', 2 * DAY, { errors: 7 })] });
    const totals = await statistics.totalsOf(['k a', 'k __proto__', 'k none', 'e /x GET /y z', 'p /none']);
    t.deepEqual(
      [...totals].sort(([a], [b]) => (a < b ? -1 : 1)),
      [
        ['e /x GET /y z', { requests: 4 }],
        ['k __proto__', { requests: 3 }],
        ['k a', { requests: 1, errors: 7 }],
      ],
    );
    t.is((await statistics.totalsOf([])).size, 0);
  });

  test(`${name}: rows of one batch add up, over several minutes and series`, async t => {
    const { statistics } = await (await prepare(t))();
    const rows = [0, 1, 2].flatMap(minute => [
      rowAt('p /a', DAY + minute * MINUTE, { requests: 1 }),
      rowAt('p /b', DAY + minute * MINUTE, { requests: 10 }),
      rowAt('p /b', DAY + minute * MINUTE, { requests: 100, errors: 1 }),
    ]);
    await statistics.add({ writer: 'w', sequence: 1, rows });
    t.is((await everything(statistics, 'minute')).length, 6);
    t.deepEqual(await everything(statistics, 'hour'), [
      { series: 'p /a', startMs: DAY, values: { requests: 3 } },
      { series: 'p /b', startMs: DAY, values: { requests: 330, errors: 3 } },
    ]);
  });

  test(`${name}: a batch that is sent again changes nothing, nor does an older one`, async t => {
    const { statistics } = await (await prepare(t))();
    const batch = (sequence: number) => ({
      writer: 'w',
      sequence,
      rows: [rowAt('p /a', DAY, { requests: 1 })],
    });
    for (const sequence of [1, 1, 2, 2, 1, 5, 3, 5]) await statistics.add(batch(sequence));
    t.is(await totalOf(statistics, 'p /a', 'requests'), 3);
  });

  test(`${name}: a batch without rows takes its sequence`, async t => {
    const { statistics } = await (await prepare(t))();
    await statistics.add({ writer: 'w', sequence: 1, rows: [] });
    await statistics.add({ writer: 'w', sequence: 1, rows: [rowAt('p /a', DAY, { requests: 1 })] });
    t.deepEqual(await everything(statistics, 'total'), []);
  });

  test(`${name}: writers in several processes at once lose nothing and double nothing`, async t => {
    const again = await prepare(t);
    const handles = await Promise.all([again(), again(), again()]);
    await Promise.all(
      handles.map(async ({ statistics }, number) => {
        for (let sequence = 1; sequence <= 30; sequence += 1) {
          const rows = [rowAt('p /a', DAY + sequence * MINUTE, { requests: 1, [`writer_${number}`]: 2 })];
          await statistics.add({ writer: `writer ${number}`, sequence, rows });
          if (sequence % 7 === 0) await statistics.add({ writer: `writer ${number}`, sequence, rows });
        }
      }),
    );
    t.deepEqual(await everything(handles[1]!.statistics, 'total'), [
      { series: 'p /a', startMs: 0, values: { requests: 90, writer_0: 60, writer_1: 60, writer_2: 60 } },
    ]);
  });

  test(`${name}: one batch handed in by two processes at once is applied once`, async t => {
    const again = await prepare(t);
    const handles = await Promise.all([again(), again()]);
    const batch = { writer: 'w', sequence: 1, rows: [rowAt('p /a', DAY, { requests: 1 })] };
    await Promise.all(handles.flatMap(({ statistics }) => [statistics.add(batch), statistics.add(batch)]));
    t.is(await totalOf(handles[0]!.statistics, 'p /a', 'requests'), 1);
  });

  test(`${name}: counts are exact up to the largest safe integer`, async t => {
    const { statistics } = await (await prepare(t))();
    const amounts = [Number.MAX_SAFE_INTEGER - 4_294_967_296 - 255, 4_294_967_296, 127, 128];
    for (const [index, bytes] of amounts.entries()) {
      await statistics.add({ writer: 'w', sequence: index + 1, rows: [rowAt('p /a', DAY, { bytes })] });
    }
    t.is(await totalOf(statistics, 'p /a', 'bytes'), Number.MAX_SAFE_INTEGER);
  });

  test(`${name}: the latest event of a series is the greatest time seen, in whatever order`, async t => {
    const { statistics } = await (await prepare(t))();
    const rows = [DAY + 5, DAY + 9, DAY + 7].map(ms => rowAt('p /a', ms, { requests: 1 }));
    await statistics.add({
      writer: 'w',
      sequence: 1,
      rows: [...rows, rowAt('e /a GET /', DAY + 1, { requests: 1 })],
    });
    await statistics.add({ writer: 'w', sequence: 2, rows: [rowAt('p /a', DAY + 2, { requests: 1 })] });
    t.deepEqual([...(await statistics.lastSeen())].sort(), [
      ['e /a GET /', DAY + 1],
      ['p /a', DAY + 9],
    ]);
  });

  test(`${name}: when a series was last seen is kept only where it is asked for`, async t => {
    const { statistics } = await (await prepare(t))();
    const quiet = { ...rowAt('k a', DAY, { requests: 1 }), keepsLastSeen: false };
    await statistics.add({ writer: 'w', sequence: 1, rows: [quiet] });
    await statistics.add({ writer: 'w', sequence: 2, rows: [quiet, rowAt('p /a', DAY, { requests: 1 })] });
    t.deepEqual([...(await statistics.lastSeen())], [['p /a', DAY]]);
    t.is(await totalOf(statistics, 'k a', 'requests'), 2);
    await statistics.prune({ minuteBeforeMs: 0, hourBeforeMs: 0, dayBeforeMs: 0, writerBeforeMs: DAY });
    await statistics.add({ writer: 'w', sequence: 2, rows: [quiet] });
    t.is(await totalOf(statistics, 'k a', 'requests'), 2, 'the writer was not forgotten');
  });

  test(`${name}: a read gives the buckets that start in its range, of the series asked for`, async t => {
    const { statistics } = await (await prepare(t))();
    const rows = [0, 1, 2, 3].flatMap(minute =>
      ['p /a', 'p /ab', 'e /a GET /x', 'e /b GET /x'].map(series =>
        rowAt(series, DAY + minute * MINUTE, { requests: 1 }),
      ),
    );
    await statistics.add({ writer: 'w', sequence: 1, rows });
    const read = async (seriesPrefixes?: string[]) =>
      (
        await statistics.read({
          tier: 'minute',
          fromMs: DAY + MINUTE,
          toMs: DAY + 3 * MINUTE,
          ...(seriesPrefixes === undefined ? {} : { seriesPrefixes }),
        })
      )
        .map(({ series, startMs }) => `${series} @${(startMs - DAY) / MINUTE}`)
        .sort();
    t.is((await read()).length, 8);
    t.deepEqual(await read(['p /ab']), ['p /ab @1', 'p /ab @2']);
    t.deepEqual(await read(['p /a', 'e /b ']), [
      'e /b GET /x @1',
      'e /b GET /x @2',
      'p /a @1',
      'p /a @2',
      'p /ab @1',
      'p /ab @2',
    ]);
    t.is((await read(['e'])).length, 4);
    t.deepEqual(await read([]), []);
    t.deepEqual(await read(['x ']), []);
  });

  test(`${name}: series may hold any text`, async t => {
    const { statistics } = await (await prepare(t))();
    const series = ['p /__proto__', 'p /中文', 'p /a"b\\c\n\t', 'e /{tag} GET /%2e%2e?', 'plain'];
    await statistics.add({
      writer: "w'1",
      sequence: 1,
      rows: series.map(name => rowAt(name, DAY, { requests: 1 })),
    });
    t.deepEqual(
      (await everything(statistics, 'day')).map(bucket => bucket.series),
      [...series].sort(),
    );
    t.deepEqual([...(await statistics.lastSeen()).keys()].sort(), [...series].sort());
  });

  test(`${name}: pruning drops what began before the limits and keeps totals`, async t => {
    const { statistics } = await (await prepare(t))();
    const days = [1, 2, 3, 4];
    const rows = days.flatMap(day =>
      ['p /a', 'e /a GET /'].map(series => rowAt(series, day * DAY, { requests: 1 })),
    );
    await statistics.add({ writer: 'w', sequence: 1, rows });
    await statistics.prune({
      minuteBeforeMs: 4 * DAY,
      hourBeforeMs: 3 * DAY,
      dayBeforeMs: 2 * DAY,
      writerBeforeMs: 0,
    });
    t.is((await everything(statistics, 'minute')).length, 2);
    t.is((await everything(statistics, 'hour')).length, 4);
    t.is((await everything(statistics, 'day')).length, 6);
    t.is(await totalOf(statistics, 'p /a', 'requests'), 4);
  });

  test(`${name}: pruning may leave other families alone`, async t => {
    const { statistics } = await (await prepare(t))();
    const rows = Array.from({ length: 300 }, (_, day) =>
      ['p /a', 'k 1', 'km 1 x'].map(series => rowAt(series, (day + 1) * DAY, { requests: 1 })),
    );
    await statistics.add({ writer: 'w', sequence: 1, rows: rows.flat() });
    const beforeMs = 299 * DAY;
    await statistics.prune({
      minuteBeforeMs: beforeMs,
      hourBeforeMs: beforeMs,
      dayBeforeMs: beforeMs,
      writerBeforeMs: 0,
      families: ['k', 'm'],
    });
    const left = Map.groupBy(await everything(statistics, 'day'), ({ series }) => series);
    t.deepEqual([...left].map(([series, buckets]) => [series, buckets.length]).sort(), [
      ['k 1', 2],
      ['km 1 x', 300],
      ['p /a', 300],
    ]);
    t.is(await totalOf(statistics, 'k 1', 'requests'), 300);
  });

  test(`${name}: pruning gets through thousands of buckets`, async t => {
    const { statistics } = await (await prepare(t))();
    const rows = Array.from({ length: 2_500 }, (_, minute) =>
      rowAt('p /a', DAY + minute * MINUTE, { requests: 1 }),
    );
    await statistics.add({ writer: 'w', sequence: 1, rows });
    const lastMinute = DAY + 2_499 * MINUTE;
    await statistics.prune({
      minuteBeforeMs: lastMinute,
      hourBeforeMs: 0,
      dayBeforeMs: 0,
      writerBeforeMs: 0,
    });
    t.deepEqual(
      (await everything(statistics, 'minute')).map(bucket => bucket.startMs),
      [lastMinute],
    );
    t.is((await everything(statistics, 'hour')).length, 42);
  });

  test(`${name}: a writer is remembered while it counts and forgotten once it was silent for long`, async t => {
    const { statistics } = await (await prepare(t))();
    const batch = (writer: string, ms: number) => ({
      writer,
      sequence: 1,
      rows: [rowAt(`p /${writer}`, ms, { requests: 1 })],
    });
    await statistics.add(batch('silent', 2 * DAY));
    await statistics.add(batch('busy', 3 * DAY));
    await statistics.prune({ minuteBeforeMs: 0, hourBeforeMs: 0, dayBeforeMs: 0, writerBeforeMs: 3 * DAY });
    await statistics.add(batch('silent', 2 * DAY));
    await statistics.add(batch('busy', 3 * DAY));
    t.is(await totalOf(statistics, 'p /silent', 'requests'), 2);
    t.is(await totalOf(statistics, 'p /busy', 'requests'), 1);
  });

  test(`${name}: any sequence of batches, sent once or more, adds up as in a plain model`, async t => {
    const again = await prepare(t);
    const handles = await Promise.all([again(), again()]);
    const row = fc.record({
      series: fc.constantFrom('p /a', 'p /b', 'e /a GET /x'),
      atMs: fc.integer({ min: DAY, max: DAY + 3 * HOUR }),
      values: fc.dictionary(
        fc.constantFrom('requests', 'errors', 'b_10'),
        fc.integer({ min: 1, max: 2 ** 40 }),
        {
          minKeys: 1,
          noNullPrototype: true,
        },
      ),
    });
    const batch = fc.record({
      writer: fc.constantFrom('one', 'two'),
      handle: fc.constantFrom(0, 1),
      resends: fc.integer({ min: 0, max: 2 }),
      rows: fc.array(row, { maxLength: 5 }),
    });
    const model = new Map<string, number>();
    const sequences = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { maxLength: 5 }), async batches => {
        for (const { writer, handle, resends, rows } of batches) {
          const sequence = (sequences.get(writer) ?? 0) + 1;
          sequences.set(writer, sequence);
          const counted = rows.map(({ series, atMs, values }) => rowAt(series, atMs, values));
          for (let send = 0; send <= resends; send += 1) {
            await handles[(handle + send) % 2]!.statistics.add({ writer, sequence, rows: counted });
          }
          for (const { series, minuteMs, hourMs, dayMs, values } of counted) {
            for (const [field, amount] of Object.entries(values)) {
              for (const bucket of [`minute ${minuteMs}`, `hour ${hourMs}`, `day ${dayMs}`, 'total 0']) {
                const key = `${bucket} ${series} ${field}`;
                model.set(key, (model.get(key) ?? 0) + amount);
              }
            }
          }
        }
        const stored: [string, number][] = [];
        for (const tier of ['minute', 'hour', 'day', 'total'] as const) {
          for (const { series, startMs, values } of await everything(handles[0]!.statistics, tier)) {
            for (const [field, amount] of Object.entries(values)) {
              stored.push([`${tier} ${startMs} ${series} ${field}`, amount]);
            }
          }
        }
        t.deepEqual(new Map(stored.sort()), new Map([...model].sort()));
      }),
      { numRuns: 25 },
    );
  });
}

/** A row of one minute, in days of UTC. */
export function rowAt(series: string, atMs: number, values: Readonly<Record<string, number>>): CounterRow {
  const beginning = (lengthMs: number) => Math.floor(atMs / lengthMs) * lengthMs;
  return {
    series,
    minuteMs: beginning(MINUTE),
    hourMs: beginning(HOUR),
    dayMs: beginning(DAY),
    values,
    lastSeenMs: atMs,
  };
}

/** All buckets of a tier, in order. */
export async function everything(statistics: StatisticsStore, tier: Tier): Promise<Bucket[]> {
  const buckets = await statistics.read({ tier, fromMs: 0, toMs: Number.MAX_SAFE_INTEGER });
  return buckets.sort((a, b) => a.startMs - b.startMs || (a.series < b.series ? -1 : 1));
}

/** One count of the total tier. */
export async function totalOf(statistics: StatisticsStore, series: string, field: string): Promise<number> {
  const buckets = await everything(statistics, 'total');
  return buckets.find(bucket => bucket.series === series)?.values[field] ?? 0;
}

async function rowsOf(mappings: MappingStore): Promise<[string, string][]> {
  return [...(await mappings.readAll())].sort();
}
