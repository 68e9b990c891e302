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
