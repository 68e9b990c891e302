import type { DatabaseSync } from 'node:sqlite';
import { DEFAULT_POOL, type PoolGroup } from '../pool-types.ts';
import { inTransaction } from './database.ts';
import type { KeyRevisions } from './key-revisions.ts';
import { poolMeta } from './pool-meta.ts';

/** The verbs of `PoolGroupStore` on an open database; they run in the database's thread. */
export function groupVerbs(database: DatabaseSync, revisions: KeyRevisions) {
  const meta = poolMeta(database);
  const selectAll = database.prepare('SELECT id, name, priority, description FROM pool_groups');
  const upsert = database.prepare(
    `INSERT INTO pool_groups (id, name, priority, description) VALUES (?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET
       name = excluded.name, priority = excluded.priority, description = excluded.description`,
  );
  const setPriority = database.prepare('UPDATE pool_groups SET priority = ? WHERE id = ?');
  const deleteOne = database.prepare('DELETE FROM pool_groups WHERE id = ?');
  /** Keeps the order in which the keys were changed; their revisions rise above all others. */
  const moveKeys = database.prepare(
    `UPDATE pool_keys SET pool = '${DEFAULT_POOL}', revision = ?1 + ranked.number
     FROM (SELECT id, row_number() OVER (ORDER BY revision) AS number FROM pool_keys WHERE pool = ?2) AS ranked
     WHERE pool_keys.id = ranked.id`,
  );

  return {
    readGroups(): PoolGroup[] {
      return selectAll.all().map(row => ({
        id: String(row.id),
        name: String(row.name),
        priority: Number(row.priority),
        description: String(row.description),
      }));
    },

    putGroup({ id, name, priority, description }: PoolGroup): void {
      inTransaction(database, () => {
        upsert.run(id, name, priority, description);
        meta.wrote();
      });
    },

    reorderGroups(priorities: ReadonlyMap<string, number>): void {
      inTransaction(database, () => {
        for (const [id, priority] of priorities) setPriority.run(priority, id);
        meta.wrote();
      });
    },

    removeGroup(id: string): number | undefined {
      if (id === DEFAULT_POOL) return undefined;
      return revisions.write(next => {
        if (deleteOne.run(id).changes === 0) return undefined;
        meta.wrote();
        const moved = Number(moveKeys.run(revisions.latest(), id).changes);
        for (let number = 0; number < moved; number += 1) next();
        return moved;
      });
    },
  };
}
