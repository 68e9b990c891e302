import { readFileSync } from 'node:fs';
import type { Redis, RedisOptions } from 'ioredis';

/** Method of the client → its Lua file and, where it is fixed, its number of keys (else the first argument says it). */
const SCRIPTS = {
  mappingCreate: { file: 'mapping-create.lua', keys: 3 },
  mappingReplace: { file: 'mapping-replace.lua', keys: 2 },
  mappingRemove: { file: 'mapping-remove.lua', keys: 3 },
  mappingPutAll: { file: 'mapping-put-all.lua', keys: 3 },
  mappingSeed: { file: 'mapping-seed.lua', keys: 3 },
  mappingFingerprint: { file: 'mapping-fingerprint.lua', keys: 2 },
  statisticsAdd: { file: 'statistics-add.lua', keys: undefined },
  statisticsPruneWriters: { file: 'statistics-prune-writers.lua', keys: 1 },
  keyChanges: { file: 'key-changes.lua', keys: 3 },
  keyAdd: { file: 'key-add.lua', keys: 6 },
  keyReplace: { file: 'key-replace.lua', keys: 5 },
  keyRemove: { file: 'key-remove.lua', keys: 6 },
  groupPut: { file: 'group-put.lua', keys: 2 },
  groupReorder: { file: 'group-reorder.lua', keys: 2 },
  groupRemove: { file: 'group-remove.lua', keys: 5 },
  settingWrite: { file: 'setting-write.lua', keys: 1 },
  restAdd: { file: 'rest-add.lua', keys: 3 },
  restWake: { file: 'rest-wake.lua', keys: 3 },
  restRead: { file: 'rest-read.lua', keys: 2 },
  leaseTake: { file: 'lease-take.lua', keys: 1 },
  leaseRelease: { file: 'lease-release.lua', keys: 1 },
  sealedReplace: { file: 'sealed-replace.lua', keys: 1 },
  ownerRemember: { file: 'owner-remember.lua', keys: 3 },
} as const;

type Argument = string | number | Buffer;

/** A client that knows the scripts. It takes arrays among the arguments apart: so many may not fit on the stack. */
export type ScriptedRedis = Redis & {
  [Name in keyof typeof SCRIPTS]: (...args: (Argument | readonly Argument[])[]) => Promise<unknown>;
};

/** The scripts as the client's constructor takes them. A script that Redis lost is sent again by the client. */
export function loadScripts(): NonNullable<RedisOptions['scripts']> {
  return Object.fromEntries(
    Object.entries(SCRIPTS).map(([name, { file, keys }]) => [
      name,
      { lua: readFileSync(new URL(`./lua/${file}`, import.meta.url), 'utf8'), numberOfKeys: keys },
    ]),
  );
}
