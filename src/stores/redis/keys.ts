import type { Tier } from '../types.ts';

/** Hash prefix → target URL. Its name and shape are a promise to operators, who edit it by hand. */
export const MAPPINGS = 'apiproxy:mappings';
/** In the slot of `apiproxy:mappings` on a Redis Cluster, because its hash tag is that name. */
export const MAPPINGS_WRITTEN = '{apiproxy:mappings}:written';
export const MAPPINGS_FINGERPRINT = '{apiproxy:mappings}:fingerprint';
/** Pub/Sub channel that our own writes publish to. */
export const MAPPINGS_CHANGED = 'apiproxy:mappings:changed';

/** Pub/Sub channel of Redis' keyspace notifications about the mappings; silent where they are not switched on. */
export function mappingsKeyspaceChannel(database: number): string {
  return `__keyspace@${database}__:${MAPPINGS}`;
}

/** All counters carry one hash tag, so that a script may touch them together on a Redis Cluster. */
export const WRITERS = 'apiproxy:{stats}:writers';
export const LAST_SEEN = 'apiproxy:{stats}:seen';

/** Sorted set of the buckets that a tier has: member `<start ms> <family>`, score start ms. */
export function indexKey(tier: Tier): string {
  return `apiproxy:{stats}:index:${tier}`;
}

/** Hash of one bucket, series → counts. */
export function bucketKey(tier: Tier, member: string): string {
  return `apiproxy:{stats}:${tier}:${member.replace(' ', ':')}`;
}

/** All of the key pool carries one hash tag too. */
const POOL = 'apiproxy:{pool}';
/** Hash of counters: `revision` and `floor` of keys, `rests` (grows with every change of them), `owners`. */
export const POOL_META = `${POOL}:meta`;
/** Hash key id → status, fingerprint and pool, one on each line. */
export const KEY_FACTS = `${POOL}:keys:facts`;
/** Hash key id → JSON of all else. */
export const KEY_DETAILS = `${POOL}:keys:details`;
/** Hash fingerprint → key id. */
export const KEY_FINGERPRINTS = `${POOL}:keys:fingerprints`;
/** Sorted set of key ids by the revision of their last change. */
export const KEY_REVISIONS = `${POOL}:keys:revisions`;
/** Sorted set of removed key ids by the revision of the removal. */
export const KEYS_REMOVED = `${POOL}:keys:removed`;
/** Hash group id → JSON of name and description. */
export const POOL_GROUPS = `${POOL}:groups`;
/** Hash group id → priority. */
export const GROUP_PRIORITIES = `${POOL}:group-priorities`;
/** Hash name → JSON. */
export const POOL_SETTINGS = `${POOL}:settings`;
/** Sorted set of `["<key id>","<model>"]` by the epoch ms at which the cool-down ends. */
export const RESTS = `${POOL}:rests`;
/** The same members with equal scores, so that those of one key are a range. */
export const RESTS_BY_KEY = `${POOL}:rests-by-key`;
/** Hash name → `<until epoch ms> <holder>`. */
export const LEASES = `${POOL}:leases`;
/** Hash name → `<version> <sealed>`. */
export const SEALED_VALUES = `${POOL}:sealed`;
/** `<until epoch ms> <text>`; Redis lets it expire. */
export function noteKey(name: string): string {
  return `${POOL}:note:${name}`;
}
/** Hash object id → `<until epoch ms> <key id>`. */
export const OBJECT_OWNERS = `${POOL}:owners`;
/** Sorted set of object ids in the order in which they were first remembered. */
export const OWNERS_ORDER = `${POOL}:owners-order`;
/** Pub/Sub channel that writes of keys, groups, settings and cool-downs publish to. */
export const POOL_CHANGED = 'apiproxy:pool:changed';
