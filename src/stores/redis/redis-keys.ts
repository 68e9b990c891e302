import { AppError } from '../../base/errors.ts';
import type { KeyCondition, KeyPatch, KeyStore, StoredKey, StoredStatus } from '../pool-types.ts';
import { type KeyRow, keyOfRow, keyText, meets, patchedKey, REMOVALS_KEPT, rowOfKey } from '../stored-key.ts';
import {
  KEY_DETAILS,
  KEY_FACTS,
  KEY_FINGERPRINTS,
  KEY_REVISIONS,
  KEYS_REMOVED,
  POOL_CHANGED,
  POOL_META,
} from './keys.ts';
import { allOf, portions } from './pipeline.ts';
import type { RedisLink } from './redis-link.ts';

/** Records deleted by one script, which holds up all of Redis while it runs. */
const REMOVE_STEP = 2_000;
/** Records looked at in one round trip when all of a status are searched. */
const SCAN_STEP = 2_000;
/** A change is tried anew when somebody else changed the record meanwhile; so often means that something is wrong. */
const CHANGE_ATTEMPTS = 100;

const WRITTEN_KEYS = [POOL_META, KEY_REVISIONS, KEYS_REMOVED, KEY_FACTS, KEY_DETAILS, KEY_FINGERPRINTS];

/** Key records in Redis: hashes of what scripts look at and of all else, sorted sets of revisions. */
export function redisKeys(link: RedisLink): Omit<KeyStore, 'watch'> {
  async function remove(ids: readonly string[], onlyStatus: StoredStatus | ''): Promise<string[]> {
    const removed: string[] = [];
    for (const some of portions(ids, REMOVE_STEP)) {
      const gone = await link.run(client =>
        client.keyRemove(...WRITTEN_KEYS, POOL_CHANGED, onlyStatus, REMOVALS_KEPT, some),
      );
      removed.push(...(gone as string[]));
    }
    return removed;
  }

  /** The record with the revision that it has, which is read first: a change in between is noticed by it. */
  async function read(id: string): Promise<{ revision: string; key: StoredKey } | undefined> {
    const [revision, facts, details] = (await link.run(client =>
      allOf(client.pipeline().zscore(KEY_REVISIONS, id).hget(KEY_FACTS, id).hget(KEY_DETAILS, id)),
    )) as (string | null)[];
    if (revision == null || facts == null || details == null) return undefined;
    return { revision, key: keyOfRow(rowOf(id, facts, details)) };
  }

  /**
   * Records as they are now; those that are gone are left out. Plain commands read them eight times as cheaply as a script
   * does. One that was changed since its id was listed comes again with its new revision.
   */
  async function recordsOf(ids: readonly string[]): Promise<StoredKey[]> {
    if (ids.length === 0) return [];
    const [facts, details] = (await link.run(client =>
      allOf(
        client
          .multi()
          .hmget(KEY_FACTS, ...ids)
          .hmget(KEY_DETAILS, ...ids),
      ),
    )) as (string | null)[][];
    const texts = ids.flatMap((id, index) => {
      const [fact, detail] = [facts?.[index], details?.[index]];
      return fact == null || detail == null ? [] : [keyText(rowOf(id, fact, detail))];
    });
    // One text is parsed far quicker than each by itself.
    return JSON.parse(`[${texts.join(',')}]`) as StoredKey[];
  }

  async function updateOnce(
    id: string,
    patch: KeyPatch,
    onlyIf: StoredStatus | KeyCondition | undefined,
  ): Promise<'updated' | 'missing' | 'changed' | 'duplicate' | 'again'> {
    const found = await read(id);
    if (found === undefined) return 'missing';
    if (!meets(found.key, onlyIf)) return 'changed';
    const row = rowOfKey(patchedKey(found.key, patch));
    const outcome = await link.run(client =>
      client.keyReplace(
        [POOL_META, KEY_REVISIONS, KEY_FACTS, KEY_DETAILS, KEY_FINGERPRINTS],
        POOL_CHANGED,
        id,
        found.revision,
        row.fingerprint,
        factsOf(row),
        row.details,
      ),
    );
    return outcome as 'updated' | 'missing' | 'duplicate' | 'again';
  }

  return {
    changes: async (sinceRevision, limit) => {
      const changed = new Map<string, StoredKey>();
      const removed = new Set<string>();
      let revision = sinceRevision;
      for (;;) {
        const wanted = limit - changed.size;
        const page = (await link.run(client =>
          client.keyChanges([POOL_META, KEY_REVISIONS, KEYS_REMOVED], revision, wanted),
        )) as Page | null;
        if (page === null) return { revision: 0, changed: [], removed: [], startOver: true };
        const [upTo, ids, gone] = page;
        revision = Number(upTo);
        // What a later page says of a record holds.
        for (const key of await recordsOf(ids)) {
          changed.set(key.id, key);
          removed.delete(key.id);
        }
        for (const id of gone) {
          removed.add(id);
          changed.delete(id);
        }
        // Of a full page some may have gone meanwhile; it is filled up, for a page that is not full says that it is the last.
        const isLast = ids.length < wanted && gone.length < wanted;
        if (isLast || changed.size >= limit || removed.size >= limit) {
          return { revision, changed: [...changed.values()], removed: [...removed], startOver: false };
        }
      }
    },

    add: async keys => {
      const values = keys.flatMap(key => {
        const row = rowOfKey(key);
        return [row.id, row.fingerprint, factsOf(row), row.details, (key.otherFingerprints ?? []).join('\n')];
      });
      return (await link.run(client => client.keyAdd(...WRITTEN_KEYS, POOL_CHANGED, values))) as string[];
    },

    update: async (id, patch, onlyIf) => {
      for (let attempt = 1; attempt <= CHANGE_ATTEMPTS; attempt += 1) {
        const outcome = await updateOnce(id, patch, onlyIf);
        if (outcome !== 'again') return outcome;
      }
      throw new AppError('ERR_STORE_UNAVAILABLE', 'The shared store (Redis) is busy');
    },

    remove: ids => remove(ids, ''),

    removeByStatus: async status => {
      let cursor = '0';
      let removed = 0;
      do {
        const [next, entries] = await link.run(client => client.hscan(KEY_FACTS, cursor, 'COUNT', SCAN_STEP));
        const ids = entries.filter((_, index) => {
          const facts = index % 2 === 0 ? entries[index + 1] : undefined;
          return facts?.startsWith(`${status}\n`);
        });
        removed += (await remove(ids, status)).length;
        cursor = next;
      } while (cursor !== '0');
      return removed;
    },
  };
}

/** Reply of `key-changes.lua`. */
type Page = [revision: string, changed: string[], removed: string[]];

function factsOf({ status, fingerprint, pool }: KeyRow): string {
  return `${status}\n${fingerprint}\n${pool}`;
}

function rowOf(id: string, facts: string, details: string): KeyRow {
  const first = facts.indexOf('\n');
  const second = facts.indexOf('\n', first + 1);
  return {
    id,
    status: facts.slice(0, first) as StoredStatus,
    fingerprint: facts.slice(first + 1, second),
    pool: facts.slice(second + 1),
    details,
  };
}
