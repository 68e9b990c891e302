/**
 * Steps from an empty file to the schema of today; `PRAGMA user_version` counts the steps that a file has taken. A step
 * that was released is never changed, a new one is added.
 *
 * - `meta.mapping_revision` grows with every change of a row, by triggers, so that an edit by another process or by the
 *   `sqlite3` shell counts too.
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
];
