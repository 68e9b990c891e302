import { join } from 'node:path';
import type { Bucket, MappingStore, StatisticsStore, Stores } from '../types.ts';
import { DatabaseThread } from './database-thread.ts';

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
  return {
    kind: 'sqlite',
    mappings: mappingStore(thread),
    statistics: statisticsStore(thread),
    ping: () =>
      thread.call('ping').then(
        () => 'ok',
        () => 'degraded',
      ),
    close: () => thread.close(),
  };
}

function mappingStore(thread: DatabaseThread): MappingStore {
  const hints = new Set<() => void>();
  /** Tells the watchers of this process after one of its own writes; other processes compare the revision. */
  async function hinting<T>(write: Promise<T>): Promise<T> {
    const result = await write;
    for (const onHint of hints) onHint();
    return result;
  }
  return {
    readAll: () => thread.call('readMappings'),
    fingerprint: () => thread.call('mappingRevision'),
    create: (prefix, target) => hinting(thread.call('createMapping', prefix, target)),
    replace: (prefix, target, expectedTarget) =>
      hinting(thread.call('replaceMapping', prefix, target, expectedTarget)),
    remove: (prefix, expectedTarget) => hinting(thread.call('removeMapping', prefix, expectedTarget)),
    putAll: rows => hinting(thread.call('putMappings', rows)),
    seed: (rows, { force }) => hinting(thread.call('seedMappings', rows, force)),
    watch: onHint => {
      const hint = () => onHint();
      hints.add(hint);
      return () => hints.delete(hint);
    },
  };
}

function statisticsStore(thread: DatabaseThread): StatisticsStore {
  return {
    add: batch => thread.call('addBatch', batch),
    read: async query => JSON.parse(await thread.call('readBuckets', query)) as Bucket[],
    lastSeen: () => thread.call('readLastSeen'),
    prune: async limits => {
      let more = true;
      while (more) more = await thread.call('pruneStep', limits);
    },
  };
}
