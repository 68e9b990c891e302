import type { DatabaseSync } from 'node:sqlite';
import type { Rest } from '../pool-types.ts';
import { inTransaction } from './database.ts';
import { groupVerbs } from './group-verbs.ts';
import { keyRevisions } from './key-revisions.ts';
import { keyVerbs } from './key-verbs.ts';
import { poolMeta } from './pool-meta.ts';

/** The verbs of the pool's stores on an open database; they run in the database's thread. */
export function poolVerbs(database: DatabaseSync) {
  const revisions = keyRevisions(database);
  const meta = poolMeta(database);
  return {
    ...keyVerbs(database, revisions),
    ...groupVerbs(database, revisions),
    ...settingVerbs(database),
    ...restVerbs(database),
    ...leaseVerbs(database),
    ...sealedVerbs(database),
    ...ownerVerbs(database),
    ...noteVerbs(database),
    /** Differs after every write that watchers are told of, by whichever process. */
    poolWrites: (): number => meta.get('pool_writes'),
  };
}

function settingVerbs(database: DatabaseSync) {
  const meta = poolMeta(database);
  const selectAll = database.prepare('SELECT name, value FROM pool_settings');
  const upsert = database.prepare(
    'INSERT INTO pool_settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
  );
  const deleteOne = database.prepare('DELETE FROM pool_settings WHERE name = ?');
  return {
    readSettings(): Map<string, unknown> {
      return new Map(selectAll.all().map(row => [String(row.name), JSON.parse(String(row.value))]));
    },

    writeSettings(changes: ReadonlyMap<string, unknown>): void {
      inTransaction(database, () => {
        for (const [name, value] of changes) {
          if (value == null) deleteOne.run(name);
          else upsert.run(name, JSON.stringify(value));
        }
        meta.wrote();
      });
    },
  };
}

function restVerbs(database: DatabaseSync) {
  const meta = poolMeta(database);
  const selectAll = database.prepare('SELECT key_id, model, until_ms FROM pool_rests');
  selectAll.setReturnArrays(true);
  const upsert = database.prepare(
    `INSERT INTO pool_rests (key_id, model, until_ms) VALUES (?, ?, ?)
     ON CONFLICT (key_id, model) DO UPDATE SET until_ms = excluded.until_ms WHERE excluded.until_ms > until_ms`,
  );
  const deleteEnded = database.prepare('DELETE FROM pool_rests WHERE until_ms <= ?');
  const deleteOfKey = database.prepare('DELETE FROM pool_rests WHERE key_id = ?');

  function changed(): void {
    meta.grow('rest_revision');
    meta.wrote();
  }

  return {
    /** JSON of `[keyId, model, untilMs][]`, or nothing when the rests still are those of `knownRevision`. */
    readRests(knownRevision: number): { revision: number; text: string | undefined } {
      const revision = meta.get('rest_revision');
      if (revision === knownRevision) return { revision, text: undefined };
      return { revision, text: JSON.stringify(selectAll.all()) };
    },

    addRest({ keyId, model, untilMs }: Rest, nowMs: number): boolean {
      return inTransaction(database, () => {
        deleteEnded.run(nowMs);
        if (untilMs <= nowMs || upsert.run(keyId, model, untilMs).changes === 0) return false;
        changed();
        return true;
      });
    },

    removeRests(keyId: string): boolean {
      return inTransaction(database, () => {
        if (deleteOfKey.run(keyId).changes === 0) return false;
        changed();
        return true;
      });
    },
  };
}

function leaseVerbs(database: DatabaseSync) {
  const take = database.prepare(
    `INSERT INTO pool_leases (name, holder, until_ms) VALUES (?1, ?2, ?3)
     ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms
     WHERE holder = excluded.holder OR until_ms <= ?4`,
  );
  const release = database.prepare('DELETE FROM pool_leases WHERE name = ? AND holder = ?');
  return {
    takeLease(name: string, holder: string, { nowMs, forMs }: { nowMs: number; forMs: number }): boolean {
      return take.run(name, holder, nowMs + forMs, nowMs).changes === 1;
    },

    releaseLease(name: string, holder: string): void {
      release.run(name, holder);
    },
  };
}

function sealedVerbs(database: DatabaseSync) {
  const selectOne = database.prepare('SELECT sealed, version FROM sealed_values WHERE name = ?');
  const selectNames = database.prepare('SELECT name FROM sealed_values');
  const insert = database.prepare(
    'INSERT INTO sealed_values (name, sealed, version) VALUES (?, ?, 1) ON CONFLICT DO NOTHING',
  );
  const update = database.prepare(
    'UPDATE sealed_values SET sealed = ?, version = version + 1 WHERE name = ? AND version = ?',
  );
  return {
    readSealed(name: string): { sealed: string; version: number } | undefined {
      const row = selectOne.get(name);
      return row === undefined ? undefined : { sealed: String(row.sealed), version: Number(row.version) };
    },

    replaceSealed(name: string, sealed: string, expectedVersion: number): boolean {
      const { changes } =
        expectedVersion === 0 ? insert.run(name, sealed) : update.run(sealed, name, expectedVersion);
      return changes === 1;
    },

    sealedNames(): string[] {
      return selectNames.all().map(row => String(row.name));
    },
  };
}

function ownerVerbs(database: DatabaseSync) {
  const selectOne = database.prepare('SELECT key_id FROM object_owners WHERE object_id = ? AND until_ms > ?');
  const update = database.prepare('UPDATE object_owners SET key_id = ?, until_ms = ? WHERE object_id = ?');
  /** Ids stand in the order in which objects were first remembered. */
  const insert = database.prepare('INSERT INTO object_owners (object_id, key_id, until_ms) VALUES (?, ?, ?)');
  const deleteFirst = database.prepare('DELETE FROM object_owners WHERE id <= ?');
  return {
    /** @param kept so many are kept at most */
    rememberOwner(
      { objectId, keyId, untilMs }: { objectId: string; keyId: string; untilMs: number },
      kept: number,
    ): void {
      inTransaction(database, () => {
        if (update.run(keyId, untilMs, objectId).changes > 0) return;
        const { lastInsertRowid } = insert.run(objectId, keyId, untilMs);
        deleteFirst.run(Number(lastInsertRowid) - kept);
      });
    },

    findOwner(objectId: string, nowMs: number): string | undefined {
      const row = selectOne.get(objectId, nowMs);
      return row === undefined ? undefined : String(row.key_id);
    },
  };
}

function noteVerbs(database: DatabaseSync) {
  const deleteOver = database.prepare('DELETE FROM pool_notes WHERE until_ms <= ?');
  const upsert = database.prepare(
    `INSERT INTO pool_notes (name, text, until_ms) VALUES (?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET text = excluded.text, until_ms = excluded.until_ms`,
  );
  const selectOne = database.prepare('SELECT text FROM pool_notes WHERE name = ? AND until_ms > ?');
  return {
    putNote(
      { name, text }: { name: string; text: string },
      { nowMs, untilMs }: { nowMs: number; untilMs: number },
    ): void {
      inTransaction(database, () => {
        deleteOver.run(nowMs);
        upsert.run(name, text, untilMs);
      });
    },

    readNote(name: string, nowMs: number): string | undefined {
      const row = selectOne.get(name, nowMs);
      return row === undefined ? undefined : String(row.text);
    },
  };
}
