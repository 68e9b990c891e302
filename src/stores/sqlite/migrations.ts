/**
 * Steps from an empty file to the schema of today; `PRAGMA user_version` counts the steps that a file has taken. A step
 * that was released is never changed, a new one is added.
 *
 * - `meta.mapping_revision` grows with every change of a row, by triggers, so that an edit by another process or by the
 *   `sqlite3` shell counts too.
 * - `pool_keys` lies in order of its changes: what changed since a revision is the end of the table. `meta.key_revision` is
 *   the latest revision; removals up to `meta.key_floor` are forgotten, and no record has a revision that low.
 * - `meta.pool_writes` grows with every change that watchers of the pool are told of.
 * - `buckets` is a plain table in order of arrival beside an index: the second's counters touch few pages, which keeps
 *   the write-ahead log small. `counts` is JSON, field → amount.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO meta (name, value) VALUES ('mapping_revision', 0), ('mappings_seeded', 0);

  CREATE TABLE mappings (prefix TEXT PRIMARY KEY, target TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TRIGGER mappings_inserted AFTER INSERT ON mappings BEGIN
    UPDATE meta SET value = value + 1 WHERE name = 'mapping_revision';
    UPDATE meta SET value = 1 WHERE name = 'mappings_seeded';
  END;
  CREATE TRIGGER mappings_updated AFTER UPDATE ON mappings BEGIN
    UPDATE meta SET value = value + 1 WHERE name = 'mapping_revision';
  END;
  CREATE TRIGGER mappings_deleted AFTER DELETE ON mappings BEGIN
    UPDATE meta SET value = value + 1 WHERE name = 'mapping_revision';
  END;

  CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    last_seen_ms INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE buckets (
    id INTEGER PRIMARY KEY,
    tier TEXT NOT NULL,
    family TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    series_id INTEGER NOT NULL,
    counts TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX buckets_by_time ON buckets (tier, family, start_ms, series_id);
  CREATE TABLE writers (
    writer TEXT PRIMARY KEY,
    sequence INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  INSERT INTO meta (name, value) VALUES ('key_revision', 0), ('key_floor', 0), ('pool_writes', 0), ('rest_revision', 0);

  CREATE TABLE pool_keys (
    revision INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    fingerprint TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    pool TEXT NOT NULL,
    details TEXT NOT NULL
  ) STRICT;
  CREATE INDEX pool_keys_by_status ON pool_keys (status);
  CREATE INDEX pool_keys_by_pool ON pool_keys (pool);
  CREATE TABLE pool_removed_keys (revision INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT;

  CREATE TABLE pool_groups (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    priority INTEGER NOT NULL,
    description TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  INSERT INTO pool_groups (id, name, priority, description) VALUES ('default', 'default', 1, '');

  CREATE TABLE pool_settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE pool_rests (
    key_id TEXT NOT NULL,
    model TEXT NOT NULL,
    until_ms INTEGER NOT NULL,
    PRIMARY KEY (key_id, model)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX pool_rests_by_end ON pool_rests (until_ms);

  CREATE TABLE pool_leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE sealed_values (
    name TEXT PRIMARY KEY,
    sealed TEXT NOT NULL,
    version INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE object_owners (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    object_id TEXT NOT NULL UNIQUE,
    key_id TEXT NOT NULL,
    until_ms INTEGER NOT NULL
  ) STRICT;
  `,
  `
  CREATE TABLE pool_notes (
    name TEXT PRIMARY KEY,
    text TEXT NOT NULL,
    until_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
];
