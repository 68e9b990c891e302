import {
  DEFAULT_POOL,
  type LeaseStore,
  type NoteStore,
  OWNERS_KEPT,
  type OwnerStore,
  type PoolGroup,
  type PoolGroupStore,
  type PoolStores,
  type RestStore,
  type SealedStore,
  type SettingsStore,
} from '../pool-types.ts';
import { RestCopy } from '../rest-copy.ts';
import type { ChangeListener } from './change-listener.ts';
import {
  GROUP_PRIORITIES,
  KEY_FACTS,
  KEY_REVISIONS,
  LEASES,
  noteKey,
  OBJECT_OWNERS,
  OWNERS_ORDER,
  POOL_CHANGED,
  POOL_GROUPS,
  POOL_META,
  POOL_SETTINGS,
  RESTS,
  RESTS_BY_KEY,
  SEALED_VALUES,
} from './keys.ts';
import { allOf } from './pipeline.ts';
import { redisKeys } from './redis-keys.ts';
import type { RedisLink } from './redis-link.ts';

/** The stores of the key pool in Redis. */
export function redisPool(link: RedisLink, listener: ChangeListener): PoolStores {
  return {
    keys: { ...redisKeys(link), watch: onHint => listener.watch([POOL_CHANGED], onHint) },
    groups: redisGroups(link),
    settings: redisSettings(link),
    rests: redisRests(link),
    leases: redisLeases(link),
    sealed: redisSealed(link),
    owners: redisOwners(link, OWNERS_KEPT),
    notes: redisNotes(link),
  };
}

function redisGroups(link: RedisLink): PoolGroupStore {
  return {
    readAll: async () => {
      const [groups, priorities] = (await link.run(client =>
        allOf(client.multi().hgetall(POOL_GROUPS).hgetall(GROUP_PRIORITIES)),
      )) as [Record<string, string>, Record<string, string>];
      const priorityOf = new Map(Object.entries(priorities));
      // `default` exists before anybody wrote it.
      const texts = new Map([
        [DEFAULT_POOL, '{"name":"default","description":""}'],
        ...Object.entries(groups),
      ]);
      return [...texts].map(([id, text]) => {
        const { name, description } = JSON.parse(text) as Pick<PoolGroup, 'name' | 'description'>;
        return { id, name, priority: Number(priorityOf.get(id) ?? 1), description };
      });
    },

    put: async ({ id, name, priority, description }) => {
      const text = JSON.stringify({ name, description });
      await link.run(client =>
        client.groupPut(POOL_GROUPS, GROUP_PRIORITIES, POOL_CHANGED, id, text, priority),
      );
    },

    reorder: async priorities => {
      await link.run(client =>
        client.groupReorder(
          POOL_GROUPS,
          GROUP_PRIORITIES,
          POOL_CHANGED,
          DEFAULT_POOL,
          [...priorities].flat(),
        ),
      );
    },

    remove: async id => {
      if (id === DEFAULT_POOL) return undefined;
      const keys = [POOL_GROUPS, GROUP_PRIORITIES, POOL_META, KEY_REVISIONS, KEY_FACTS];
      const moved = await link.run(client => client.groupRemove(keys, POOL_CHANGED, id, DEFAULT_POOL));
      return moved === null ? undefined : Number(moved);
    },
  };
}

function redisSettings(link: RedisLink): SettingsStore {
  return {
    readAll: async () => {
      const settings = await link.run(client => client.hgetall(POOL_SETTINGS));
      return new Map(Object.entries(settings).map(([name, text]) => [name, JSON.parse(text)]));
    },

    write: async changes => {
      const texts = [...changes].map(([name, value]) => [name, value == null ? '' : JSON.stringify(value)]);
      await link.run(client => client.settingWrite(POOL_SETTINGS, POOL_CHANGED, texts.flat()));
    },
  };
}

function redisRests(link: RedisLink): RestStore {
  const keys = [POOL_META, RESTS, RESTS_BY_KEY];
  const copy = new RestCopy<string>();
  return {
    rest: async ({ keyId, model, untilMs }, nowMs) => {
      const member = JSON.stringify([keyId, model]);
      await link.run(client => client.restAdd(keys, POOL_CHANGED, member, untilMs, nowMs));
    },

    wake: async keyId => {
      await link.run(client => client.restWake(keys, POOL_CHANGED, `[${JSON.stringify(keyId)},`));
    },

    readAll: async nowMs => {
      const known = copy.revision ?? '';
      const [revision, text] = (await link.run(client => client.restRead(POOL_META, RESTS, known))) as [
        revision: string,
        text?: string,
      ];
      if (text !== undefined) copy.replace(revision, restRows(text));
      return copy.at(nowMs);
    },
  };
}

/** Rows of `[["<key id>","<model>"], end in epoch ms, …]`. */
function restRows(text: string): [keyId: string, model: string, untilMs: number][] {
  const flat = JSON.parse(text) as ([string, string] | number)[];
  const rows: [keyId: string, model: string, untilMs: number][] = [];
  for (let index = 0; index < flat.length; index += 2) {
    const [keyId, model] = flat[index] as [string, string];
    rows.push([keyId, model, flat[index + 1] as number]);
  }
  return rows;
}

function redisLeases(link: RedisLink): LeaseStore {
  return {
    take: async (name, holder, { nowMs, forMs }) =>
      (await link.run(client => client.leaseTake(LEASES, name, holder, nowMs, nowMs + forMs))) === 1,
    release: async (name, holder) => {
      await link.run(client => client.leaseRelease(LEASES, name, holder));
    },
  };
}

function redisSealed(link: RedisLink): SealedStore {
  return {
    read: async name => {
      const text = await link.run(client => client.hget(SEALED_VALUES, name));
      if (text === null) return undefined;
      const space = text.indexOf(' ');
      return { version: Number(text.slice(0, space)), sealed: text.slice(space + 1) };
    },
    replace: async (name, sealed, expectedVersion) =>
      (await link.run(client => client.sealedReplace(SEALED_VALUES, name, sealed, expectedVersion))) === 1,
    names: () => link.run(client => client.hkeys(SEALED_VALUES)),
  };
}

function redisNotes(link: RedisLink): NoteStore {
  return {
    put: async (name, text, { nowMs, untilMs }) => {
      const forMs = Math.max(1, untilMs - nowMs);
      await link.run(client => client.set(noteKey(name), `${untilMs} ${text}`, 'PX', forMs));
    },

    read: async (name, nowMs) => {
      const text = await link.run(client => client.get(noteKey(name)));
      if (text === null) return undefined;
      const space = text.indexOf(' ');
      return Number(text.slice(0, space)) > nowMs ? text.slice(space + 1) : undefined;
    },
  };
}

/** @param kept of more objects than that, those remembered first go */
export function redisOwners(link: RedisLink, kept: number): OwnerStore {
  return {
    remember: async (objectId, keyId, untilMs) => {
      await link.run(client =>
        client.ownerRemember(OBJECT_OWNERS, OWNERS_ORDER, POOL_META, objectId, `${untilMs} ${keyId}`, kept),
      );
    },

    find: async (objectId, nowMs) => {
      const text = await link.run(client => client.hget(OBJECT_OWNERS, objectId));
      if (text === null) return undefined;
      const space = text.indexOf(' ');
      return Number(text.slice(0, space)) > nowMs ? text.slice(space + 1) : undefined;
    },
  };
}
