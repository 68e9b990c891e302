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
} as const;

type Argument = string | number | Buffer;

/** A client that knows the scripts. */
export type ScriptedRedis = Redis & {
  [Name in keyof typeof SCRIPTS]: (...args: Argument[]) => Promise<unknown>;
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
