import { createHints, type Hints } from '../hints.ts';
import {
  type KeyChanges,
  type KeyStore,
  OWNERS_KEPT,
  type OwnerStore,
  type PoolGroupStore,
  type PoolStores,
  type RestStore,
} from '../pool-types.ts';
import { RestCopy } from '../rest-copy.ts';
import type { DatabaseThread } from './database-thread.ts';

/** How often the counter of writes is read, for those of other processes. */
const WRITES_INTERVAL_MS = 250;

/** The stores of the key pool in the embedded database. `close` ends the watch of other processes' writes. */
export function sqlitePool(thread: DatabaseThread): PoolStores & { close(): void } {
  const hints = createHints();
  let timer: NodeJS.Timeout | undefined;
  return {
    keys: {
      ...keyStore(thread, hints),
      watch: onHint => {
        timer ??= watchOtherProcesses(thread, hints);
        return hints.watch(onHint);
      },
    },
    groups: groupStore(thread, hints),
    settings: {
      readAll: () => thread.call('readSettings'),
      write: changes => hints.after(thread.call('writeSettings', changes)),
    },
    rests: restStore(thread, hints),
    leases: {
      take: (name, holder, times) => thread.call('takeLease', name, holder, times),
      release: (name, holder) => thread.call('releaseLease', name, holder),
    },
    sealed: {
      read: name => thread.call('readSealed', name),
      replace: (name, sealed, expectedVersion) => thread.call('replaceSealed', name, sealed, expectedVersion),
      names: () => thread.call('sealedNames'),
    },
    owners: sqliteOwners(thread, OWNERS_KEPT),
    notes: {
      put: (name, text, times) => thread.call('putNote', { name, text }, times),
      read: (name, nowMs) => thread.call('readNote', name, nowMs),
    },
    close: () => clearInterval(timer),
  };
}

/** @param kept of more objects than that, those remembered first go */
export function sqliteOwners(thread: DatabaseThread, kept: number): OwnerStore {
  return {
    remember: (objectId, keyId, untilMs) => thread.call('rememberOwner', { objectId, keyId, untilMs }, kept),
    find: (objectId, nowMs) => thread.call('findOwner', objectId, nowMs),
  };
}

function keyStore(thread: DatabaseThread, hints: Hints): Omit<KeyStore, 'watch'> {
  return {
    changes: async (sinceRevision, limit) =>
      JSON.parse(await thread.call('readKeyChanges', sinceRevision, limit)) as KeyChanges,
    add: keys => hints.after(thread.call('addKeys', keys)),
    update: (id, patch, onlyIf) => hints.after(thread.call('updateKey', id, patch, onlyIf)),
    remove: ids => hints.after(thread.call('removeKeys', ids)),
    removeByStatus: async status => {
      let removed = 0;
      let more = true;
      while (more) {
        const step = await hints.after(thread.call('removeKeysByStatusStep', status));
        removed += step.removed;
        more = step.more;
      }
      return removed;
    },
  };
}

function groupStore(thread: DatabaseThread, hints: Hints): PoolGroupStore {
  return {
    readAll: () => thread.call('readGroups'),
    put: group => hints.after(thread.call('putGroup', group)),
    reorder: priorities => hints.after(thread.call('reorderGroups', priorities)),
    remove: id => hints.after(thread.call('removeGroup', id)),
  };
}

function restStore(thread: DatabaseThread, hints: Hints): RestStore {
  const copy = new RestCopy<number>();
  return {
    rest: async (rest, nowMs) => {
      if (await thread.call('addRest', rest, nowMs)) hints.tell();
    },
    wake: async keyId => {
      if (await thread.call('removeRests', keyId)) hints.tell();
    },
    readAll: async nowMs => {
      const { revision, text } = await thread.call('readRests', copy.revision ?? -1);
      if (text !== undefined) copy.replace(revision, JSON.parse(text));
      return copy.at(nowMs);
    },
  };
}

/**
 * Tells of writes by other processes, and once more of our own. The first look always tells: what was written just before
 * is not missed. Does not keep the process alive.
 */
function watchOtherProcesses(thread: DatabaseThread, hints: Hints): NodeJS.Timeout {
  let known: number | undefined;
  let isAsking = false;
  async function compare(): Promise<void> {
    const writes = await thread.call('poolWrites');
    if (writes !== known) hints.tell();
    known = writes;
  }
  const timer = setInterval(() => {
    if (isAsking || !hints.isWatched) return;
    isAsking = true;
    // A database that does not answer is told by the calls that need it; here the next look comes soon anyway.
    void compare()
      .catch(() => undefined)
      .finally(() => {
        isAsking = false;
      });
  }, WRITES_INTERVAL_MS);
  return timer.unref();
}
