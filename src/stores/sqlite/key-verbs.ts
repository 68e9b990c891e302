import type { DatabaseSync } from 'node:sqlite';
import type { KeyCondition, KeyPatch, NewKey, StoredStatus } from '../pool-types.ts';
import { type KeyRow, keyOfRow, keyText, meets, patchedKey, rowOfKey } from '../stored-key.ts';
import { inSnapshot } from './database.ts';
import type { KeyRevisions } from './key-revisions.ts';

/** Records deleted in one transaction, so that a deletion of very many never holds up other calls for long. */
const REMOVE_STEP = 5_000;

type Row = [id: string, fingerprint: string, status: StoredStatus, pool: string, details: string];

/** The verbs of `KeyStore` on an open database; they run in the database's thread. */
export function keyVerbs(database: DatabaseSync, revisions: KeyRevisions) {
  const lastOf = (table: 'pool_keys' | 'pool_removed_keys') =>
    database.prepare(
      `SELECT revision FROM ${table} WHERE revision > ? AND revision <= ? ORDER BY revision LIMIT 1 OFFSET ?`,
    );
  const selectLastChanged = lastOf('pool_keys');
  const selectLastRemoved = lastOf('pool_removed_keys');
  const selectChanged = database.prepare(
    `SELECT id, fingerprint, status, pool, details FROM pool_keys
     WHERE revision > ? AND revision <= ? ORDER BY revision`,
  );
  selectChanged.setReturnArrays(true);
  const selectRemoved = database.prepare(
    'SELECT id FROM pool_removed_keys WHERE revision > ? AND revision <= ? ORDER BY revision',
  );
  const selectOne = database.prepare(
    'SELECT id, fingerprint, status, pool, details FROM pool_keys WHERE id = ?',
  );
  const selectId = database.prepare('SELECT 1 FROM pool_keys WHERE id = ?');
  const selectOwner = database.prepare('SELECT id FROM pool_keys WHERE fingerprint = ?');
  const selectByStatus = database.prepare(`SELECT id FROM pool_keys WHERE status = ? LIMIT ${REMOVE_STEP}`);
  const insert = database.prepare(
    'INSERT INTO pool_keys (revision, id, fingerprint, status, pool, details) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const update = database.prepare(
    'UPDATE pool_keys SET revision = ?, fingerprint = ?, status = ?, pool = ?, details = ? WHERE id = ?',
  );
  const deleteOne = database.prepare('DELETE FROM pool_keys WHERE id = ?');
  const insertRemoved = database.prepare('INSERT INTO pool_removed_keys (revision, id) VALUES (?, ?)');
  const deleteRemoved = database.prepare('DELETE FROM pool_removed_keys WHERE id = ?');

  function hasOwner(fingerprint: string): boolean {
    return selectOwner.get(fingerprint) !== undefined;
  }

  function removeAll(ids: readonly string[], next: () => number): string[] {
    const removed = ids.filter(id => {
      if (deleteOne.run(id).changes === 0) return false;
      insertRemoved.run(next(), id);
      return true;
    });
    if (removed.length > 0) revisions.forgetRemovals(next);
    return removed;
  }

  return {
    /** JSON of `KeyChanges`: one text crosses to the main thread far cheaper than thousands of objects. */
    readKeyChanges(sinceRevision: number, limit: number): string {
      return inSnapshot(database, () => {
        const latest = revisions.latest();
        if (sinceRevision > latest || (sinceRevision > 0 && sinceRevision < revisions.floor())) {
          return '{"revision":0,"changed":[],"removed":[],"startOver":true}';
        }
        // Whoever reads from the beginning knows no record that could be gone.
        const isFirst = sinceRevision === 0;
        // The answer leads up to where one of the lists reaches the limit.
        const upTo = (isFirst ? [selectLastChanged] : [selectLastChanged, selectLastRemoved]).reduce(
          (end, select) => Number(select.get(sinceRevision, end, limit - 1)?.revision ?? end),
          latest,
        );
        const rows = selectChanged.all(sinceRevision, upTo) as unknown as Row[];
        const changed = rows.map(([id, fingerprint, status, pool, details]) =>
          keyText({ id, fingerprint, status, pool, details }),
        );
        const removed = isFirst ? [] : selectRemoved.all(sinceRevision, upTo).map(row => row.id);
        return `{"revision":${upTo},"changed":[${changed.join(',')}],"removed":${JSON.stringify(removed)},"startOver":false}`;
      });
    },

    addKeys(keys: readonly NewKey[]): string[] {
      return revisions.write(next => {
        const added: string[] = [];
        for (const key of keys) {
          const { id, fingerprint, status, pool, details } = rowOfKey(key);
          if (selectId.get(id) !== undefined) continue;
          if ([fingerprint, ...(key.otherFingerprints ?? [])].some(hasOwner)) continue;
          insert.run(next(), id, fingerprint, status, pool, details);
          deleteRemoved.run(id);
          added.push(id);
        }
        return added;
      });
    },

    updateKey(
      id: string,
      patch: KeyPatch,
      onlyIf: StoredStatus | KeyCondition | undefined,
    ): 'updated' | 'missing' | 'changed' | 'duplicate' {
      return revisions.write(next => {
        const row = selectOne.get(id) as KeyRow | undefined;
        if (row === undefined) return 'missing';
        const key = keyOfRow(row);
        if (!meets(key, onlyIf)) return 'changed';
        const { fingerprint, status, pool, details } = rowOfKey(patchedKey(key, patch));
        if (fingerprint !== row.fingerprint && hasOwner(fingerprint)) return 'duplicate';
        update.run(next(), fingerprint, status, pool, details, id);
        return 'updated';
      });
    },

    removeKeys(ids: readonly string[]): string[] {
      return revisions.write(next => removeAll(ids, next));
    },

    /** One bounded step. @returns how many went, and whether more may be left */
    removeKeysByStatusStep(status: StoredStatus): { removed: number; more: boolean } {
      return revisions.write(next => {
        const ids = selectByStatus.all(status).map(row => String(row.id));
        return { removed: removeAll(ids, next).length, more: ids.length === REMOVE_STEP };
      });
    },
  };
}
