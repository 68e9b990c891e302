import { join } from 'node:path';
import { createHints } from '../hints.ts';
import type { Bucket, MappingStore, StatisticsStore, Stores } from '../types.ts';
import { DatabaseThread } from './database-thread.ts';
import { sqlitePool } from './sqlite-pool.ts';

/** The database's file below `DATA_DIR`. */
export const DATABASE_FILE = 'switchyard.sqlite';

/**
 * Opens the embedded store. Several processes may open the same folder.
 *
 * @throws AppError `ERR_STORE_UNAVAILABLE` whose message is one line for the operator: the folder is not writable, the
 * file is damaged or of a newer version
 */
export async function openSqlite(dataDir: string): Promise<Stores> {
  const thread = await DatabaseThread.open(join(dataDir, DATABASE_FILE));
  const pool = sqlitePool(thread);
  return {
    kind: 'sqlite',
    mappings: mappingStore(thread),
    statistics: statisticsStore(thread),
    pool,
    ping: () =>
      thread.call('ping').then(
        () => 'ok',
        () => 'degraded',
      ),
    close: () => {
      pool.close();
      return thread.close();
    },
  };
}

function mappingStore(thread: DatabaseThread): MappingStore {
  /** Tells the watchers of this process after one of its own writes; other processes compare the revision. */
  const hints = createHints();
  return {
    readAll: () => thread.call('readMappings'),
    fingerprint: () => thread.call('mappingRevision'),
    create: (prefix, target) => hints.after(thread.call('createMapping', prefix, target)),
    replace: (prefix, target, expectedTarget) =>
      hints.after(thread.call('replaceMapping', prefix, target, expectedTarget)),
    remove: (prefix, expectedTarget) => hints.after(thread.call('removeMapping', prefix, expectedTarget)),
    putAll: rows => hints.after(thread.call('putMappings', rows)),
    seed: (rows, { force }) => hints.after(thread.call('seedMappings', rows, force)),
    watch: onHint => hints.watch(onHint),
  };
}

function statisticsStore(thread: DatabaseThread): StatisticsStore {
  return {
    add: batch => thread.call('addBatch', batch),
    read: async query => JSON.parse(await thread.call('readBuckets', query)) as Bucket[],
    totalsOf: series => thread.call('readTotals', series),
    lastSeen: () => thread.call('readLastSeen'),
    prune: async limits => {
      let more = true;
      while (more) more = await thread.call('pruneStep', limits);
    },
  };
}
