import type { DatabaseSync } from 'node:sqlite';

type Name = 'key_revision' | 'key_floor' | 'pool_writes' | 'rest_revision';

/** The counters of the pool. */
export function poolMeta(database: DatabaseSync) {
  const select = database.prepare('SELECT value FROM meta WHERE name = ?');
  const update = database.prepare('UPDATE meta SET value = ? WHERE name = ?');
  const grow = database.prepare('UPDATE meta SET value = value + 1 WHERE name = ?');
  return {
    get: (name: Name): number => Number(select.get(name)?.value),
    set: (name: Name, value: number): void => void update.run(value, name),
    grow: (name: Name): void => void grow.run(name),
    /** Notes a change that watchers in other processes are told of. */
    wrote: (): void => void grow.run('pool_writes'),
  };
}
