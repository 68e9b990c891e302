import type { DatabaseSync } from 'node:sqlite';
import { REMOVALS_KEPT } from '../stored-key.ts';
import { inTransaction } from './database.ts';
import { poolMeta } from './pool-meta.ts';

/** The counter behind `KeyStore.changes`: every change of a record takes the next revision. */
export type KeyRevisions = ReturnType<typeof keyRevisions>;

export function keyRevisions(database: DatabaseSync) {
  const meta = poolMeta(database);
  const countKeys = database.prepare('SELECT count(*) AS count FROM pool_keys');
  const countRemoved = database.prepare('SELECT count(*) AS count FROM pool_removed_keys');
  const clearRemoved = database.prepare('DELETE FROM pool_removed_keys');
  const renumberAll = database.prepare(
    `UPDATE pool_keys SET revision = ? + ranked.number
     FROM (SELECT id, row_number() OVER (ORDER BY revision) AS number FROM pool_keys) AS ranked
     WHERE pool_keys.id = ranked.id`,
  );

  return {
    latest: () => meta.get('key_revision'),
    floor: () => meta.get('key_floor'),

    /** Runs a transaction. `next` gives the revision of each change. */
    write<T>(work: (next: () => number) => T): T {
      return inTransaction(database, () => {
        const before = meta.get('key_revision');
        let latest = before;
        const result = work(() => {
          latest += 1;
          return latest;
        });
        if (latest !== before) {
          meta.set('key_revision', latest);
          meta.wrote();
        }
        return result;
      });
    },

    /**
     * Forgets the removals when they have become many. Records that stay move above the forgotten revisions, so a reader
     * whose revision is under the floor may have missed something, and one that is above it cannot have.
     *
     * Belongs at the end of a transaction that removed something, before `next` is called again.
     */
    forgetRemovals(next: () => number): void {
      const removed = Number(countRemoved.get()?.count);
      if (removed <= REMOVALS_KEPT) return;
      const kept = Number(countKeys.get()?.count);
      if (removed <= kept) return;
      clearRemoved.run();
      const floor = next();
      meta.set('key_floor', floor);
      renumberAll.run(floor);
      for (let number = 0; number < kept; number += 1) next();
    },
  };
}
