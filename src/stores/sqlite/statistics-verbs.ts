import type { DatabaseSync } from 'node:sqlite';
import { bucketGains, familyOf, latestEvent, latestPerSeries, wantedFamily } from '../bucket-gains.ts';
import type { BucketQuery, CounterBatch, StatisticsStore, Tier } from '../types.ts';
import { inTransaction } from './database.ts';

type Row = [seriesId: number, startMs: number, counts: string];

/** Comes after every other in the order of the database. */
const LAST_CHARACTER = '\u{10ffff}';

/** Buckets deleted in one transaction, so that pruning never holds up other writes for long. */
const PRUNE_STEP = 2_000;

/** `CROSS JOIN` keeps the order: from the few names asked for to their series to their buckets, by an index each. */
export const SELECT_TOTALS = `SELECT series.name, buckets.counts FROM json_each(?) AS asked
  CROSS JOIN series ON series.name = asked.value
  CROSS JOIN buckets ON tier = 'total' AND family = ? AND start_ms = 0 AND series_id = series.id`;

/** The verbs of `StatisticsStore` on an open database; they run in the database's thread. */
export function statisticsVerbs(database: DatabaseSync) {
  const selectSequence = database.prepare('SELECT sequence FROM writers WHERE writer = ?');
  const putSequence = database.prepare(
    `INSERT INTO writers (writer, sequence, seen_ms) VALUES (?, ?, ?)
     ON CONFLICT (writer) DO UPDATE SET sequence = excluded.sequence, seen_ms = max(seen_ms, excluded.seen_ms)`,
  );
  const putSeries = database.prepare(
    `INSERT INTO series (name, last_seen_ms) VALUES (?, ?)
     ON CONFLICT (name) DO UPDATE SET last_seen_ms = max(last_seen_ms, excluded.last_seen_ms) RETURNING id`,
  );
  const selectLastSeen = database.prepare('SELECT name, last_seen_ms FROM series WHERE last_seen_ms > 0');
  const selectSeries = database.prepare('SELECT id, name FROM series WHERE name >= ? AND name < ?');
  selectSeries.setReturnArrays(true);
  const selectBucket = database.prepare(
    'SELECT id, counts FROM buckets WHERE tier = ? AND family = ? AND start_ms = ? AND series_id = ?',
  );
  const insertBucket = database.prepare(
    'INSERT INTO buckets (tier, family, start_ms, series_id, counts) VALUES (?, ?, ?, ?, ?)',
  );
  const updateBucket = database.prepare('UPDATE buckets SET counts = ? WHERE id = ?');
  /** A skip scan: one index probe for each family, not a walk over all buckets. */
  const selectFamilies = database.prepare(
    `WITH RECURSIVE found (family) AS (
       SELECT min(family) FROM buckets WHERE tier = ?1
       UNION ALL
       SELECT (SELECT min(family) FROM buckets WHERE tier = ?1 AND family > found.family) FROM found
       WHERE found.family IS NOT NULL
     ) SELECT family FROM found WHERE family IS NOT NULL`,
  );
  const selectBuckets = database.prepare(
    'SELECT series_id, start_ms, counts FROM buckets WHERE tier = ? AND family = ? AND start_ms >= ? AND start_ms < ?',
  );
  selectBuckets.setReturnArrays(true);
  /** The index alone tells which buckets are wanted, so the others are never fetched. */
  const selectBucketsOf = database.prepare(
    `SELECT series_id, start_ms, counts FROM buckets WHERE tier = ? AND family = ? AND start_ms >= ? AND start_ms < ?
       AND series_id IN (SELECT value FROM json_each(?))`,
  );
  selectBucketsOf.setReturnArrays(true);
  const selectTotals = database.prepare(SELECT_TOTALS);
  const deleteBuckets = database.prepare(
    `DELETE FROM buckets WHERE id IN
       (SELECT id FROM buckets WHERE tier = ? AND family = ? AND start_ms < ? LIMIT ${PRUNE_STEP})`,
  );
  const deleteWriters = database.prepare('DELETE FROM writers WHERE seen_ms < ?');

  function families(tier: Tier): string[] {
    return selectFamilies.all(tier).map(row => String(row.family));
  }

  /** Id → JSON of the name, of the series that begin with one of the prefixes. */
  function seriesNames(seriesPrefixes: readonly string[] = ['']): Map<number, string> {
    const names = new Map<number, string>();
    for (const prefix of seriesPrefixes) {
      const found: Iterable<unknown> = selectSeries.iterate(prefix, prefix + LAST_CHARACTER);
      for (const [id, name] of found as Iterable<[number, string]>) names.set(id, JSON.stringify(name));
    }
    return names;
  }

  function apply({ writer, sequence, rows }: CounterBatch): void {
    const applied = selectSequence.get(writer)?.sequence;
    if (applied !== undefined && sequence <= Number(applied)) return;
    const latest = latestPerSeries(rows);
    putSequence.run(writer, sequence, latestEvent(rows));
    const ids = new Map<string, number>();
    for (const [series, lastSeenMs] of latest) {
      ids.set(series, Number(putSeries.get(series, lastSeenMs)?.id));
    }
    for (const { tier, family, startMs, bySeries } of bucketGains(rows)) {
      for (const [series, gained] of bySeries) {
        const id = ids.get(series)!;
        const bucket = selectBucket.get(tier, family, startMs, id);
        if (bucket === undefined) {
          insertBucket.run(tier, family, startMs, id, JSON.stringify(Object.fromEntries(gained)));
        } else {
          updateBucket.run(sum(String(bucket.counts), gained), Number(bucket.id));
        }
      }
    }
  }

  return {
    addBatch(batch: CounterBatch): void {
      inTransaction(database, () => apply(batch));
    },

    /** JSON of `Bucket[]`: one text crosses to the main thread far cheaper than thousands of objects. */
    readBuckets({ tier, fromMs, toMs, seriesPrefixes }: BucketQuery): string {
      const names = seriesNames(seriesPrefixes);
      const parts: string[] = [];
      for (const family of families(tier).filter(name => wantedFamily(name, seriesPrefixes))) {
        const found = isWhole(family, seriesPrefixes)
          ? selectBuckets.iterate(tier, family, fromMs, toMs)
          : selectBucketsOf.iterate(tier, family, fromMs, toMs, JSON.stringify([...names.keys()]));
        for (const [seriesId, startMs, counts] of found as Iterable<unknown> as Iterable<Row>) {
          const name = names.get(seriesId);
          if (name !== undefined) parts.push(`{"series":${name},"startMs":${startMs},"values":${counts}}`);
        }
      }
      return `[${parts.join(',')}]`;
    },

    readTotals(series: readonly string[]): Map<string, Record<string, number>> {
      const totals = new Map<string, Record<string, number>>();
      for (const [family, names] of Map.groupBy(series, familyOf)) {
        for (const { name, counts } of selectTotals.iterate(JSON.stringify(names), family)) {
          totals.set(String(name), JSON.parse(String(counts)));
        }
      }
      return totals;
    },

    readLastSeen(): Map<string, number> {
      return new Map(selectLastSeen.all().map(row => [String(row.name), Number(row.last_seen_ms)]));
    },

    /** One bounded step; true when more is left. Between two steps other calls get their turn. */
    pruneStep(limits: Parameters<StatisticsStore['prune']>[0]): boolean {
      const tiers = [
        ['minute', limits.minuteBeforeMs],
        ['hour', limits.hourBeforeMs],
        ['day', limits.dayBeforeMs],
      ] as const;
      for (const [tier, beforeMs] of tiers) {
        for (const family of families(tier)) {
          if (limits.families?.includes(family) === false) continue;
          if (Number(deleteBuckets.run(tier, family, beforeMs).changes) === PRUNE_STEP) return true;
        }
      }
      deleteWriters.run(limits.writerBeforeMs);
      return false;
    },
  };
}

/** Whether all series of a family are asked for. */
function isWhole(family: string, seriesPrefixes: readonly string[] | undefined): boolean {
  return seriesPrefixes?.some(prefix => family.startsWith(prefix) || prefix === `${family} `) ?? true;
}

/** Adds to counts that lie in the database as JSON. */
function sum(counts: string, gained: ReadonlyMap<string, number>): string {
  const values = JSON.parse(counts) as Record<string, number>;
  for (const [field, amount] of gained) values[field] = (values[field] ?? 0) + amount;
  return JSON.stringify(values);
}
