import type { DatabaseSync } from 'node:sqlite';
import { inTransaction } from './database.ts';

/** The verbs of `MappingStore` on an open database; they run in the database's thread. */
export function mappingVerbs(database: DatabaseSync) {
  const selectAll = database.prepare('SELECT prefix, target FROM mappings');
  const selectOne = database.prepare('SELECT target FROM mappings WHERE prefix = ?');
  const selectAny = database.prepare('SELECT 1 FROM mappings LIMIT 1');
  const selectMeta = database.prepare('SELECT value FROM meta WHERE name = ?');
  const insert = database.prepare(
    'INSERT INTO mappings (prefix, target) VALUES (?, ?) ON CONFLICT DO NOTHING',
  );
  const update = database.prepare('UPDATE mappings SET target = ? WHERE prefix = ?');
  const upsert = database.prepare(
    'INSERT INTO mappings (prefix, target) VALUES (?, ?) ON CONFLICT (prefix) DO UPDATE SET target = excluded.target',
  );
  const deleteOne = database.prepare('DELETE FROM mappings WHERE prefix = ?');

  /** How a row stands against what a writer expects of it. */
  function standing(
    prefix: string,
    expectedTarget: string | undefined,
  ): 'missing' | 'changed' | 'as expected' {
    const row = selectOne.get(prefix);
    if (row === undefined) return 'missing';
    return expectedTarget === undefined || row.target === expectedTarget ? 'as expected' : 'changed';
  }

  return {
    readMappings(): Map<string, string> {
      return new Map(selectAll.all().map(row => [String(row.prefix), String(row.target)]));
    },

    mappingRevision(): string {
      return String(selectMeta.get('mapping_revision')?.value);
    },

    createMapping(prefix: string, target: string): boolean {
      return insert.run(prefix, target).changes === 1;
    },

    replaceMapping(
      prefix: string,
      target: string,
      expectedTarget: string | undefined,
    ): 'replaced' | 'missing' | 'changed' {
      return inTransaction(database, () => {
        const found = standing(prefix, expectedTarget);
        if (found !== 'as expected') return found;
        update.run(target, prefix);
        return 'replaced';
      });
    },

    removeMapping(prefix: string, expectedTarget: string | undefined): 'removed' | 'missing' | 'changed' {
      return inTransaction(database, () => {
        const found = standing(prefix, expectedTarget);
        if (found !== 'as expected') return found;
        deleteOne.run(prefix);
        return 'removed';
      });
    },

    putMappings(rows: ReadonlyMap<string, string>): void {
      inTransaction(database, () => {
        for (const [prefix, target] of rows) upsert.run(prefix, target);
      });
    },

    seedMappings(rows: ReadonlyMap<string, string>, force: boolean): boolean {
      return inTransaction(database, () => {
        if (selectAny.get() !== undefined) return false;
        if (!force && selectMeta.get('mappings_seeded')?.value === 1) return false;
        for (const [prefix, target] of rows) insert.run(prefix, target);
        return true;
      });
    },
  };
}
