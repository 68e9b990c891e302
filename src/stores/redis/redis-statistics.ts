import {
  type BucketGain,
  bucketGains,
  familyOf,
  latestEvent,
  latestPerSeries,
  wanted,
  wantedFamily,
} from '../bucket-gains.ts';
import type { Bucket, StatisticsStore, Tier } from '../types.ts';
import { bucketKey, indexKey, LAST_SEEN, WRITERS } from './keys.ts';
import { type Packable, pack, unpackCounts } from './message-pack.ts';
import { allOf, portions } from './pipeline.ts';
import type { RedisLink } from './redis-link.ts';

const TIERS = ['minute', 'hour', 'day', 'total'] as const satisfies readonly Tier[];
/** Buckets read, or dropped, in one round trip. */
const ROUND_TRIP = 256;

/** Statistics in Redis: a hash for each bucket of a family, a sorted set of the buckets of each tier. */
export function redisStatistics(link: RedisLink): StatisticsStore {
  return {
    add: async ({ writer, sequence, rows }) => {
      const gains = bucketGains(rows);
      const latest = [...latestPerSeries(rows)].filter(([, lastSeenMs]) => lastSeenMs > 0);
      const keys = [
        WRITERS,
        LAST_SEEN,
        ...TIERS.map(indexKey),
        ...gains.map(gain => bucketKey(gain.tier, memberOf(gain))),
      ];
      await link.run(client =>
        client.statisticsAdd(
          keys.length,
          ...keys,
          writer,
          sequence,
          latestEvent(rows),
          pack(gains.map(packableGain)),
          pack(latest.flat()),
        ),
      );
    },

    read: async ({ tier, fromMs, toMs, seriesPrefixes }) => {
      const members = await link.run(client => client.zrangebyscore(indexKey(tier), fromMs, `(${toMs}`));
      const wantedMembers = members.filter(member => wantedFamily(familyOfMember(member), seriesPrefixes));
      const buckets: Bucket[] = [];
      for (const some of portions(wantedMembers, ROUND_TRIP)) {
        const replies = await link.run(client => {
          const pipeline = client.pipeline();
          for (const member of some) pipeline.hgetallBuffer(bucketKey(tier, member));
          return allOf(pipeline);
        });
        for (const [index, reply] of replies.entries()) {
          const startMs = Number.parseInt(some[index]!, 10);
          for (const [series, counts] of Object.entries(reply as Record<string, Buffer>)) {
            if (wanted(series, seriesPrefixes))
              buckets.push({ series, startMs, values: unpackCounts(counts) });
          }
        }
      }
      return buckets;
    },

    totalsOf: async series => {
      const totals = new Map<string, Record<string, number>>();
      for (const [family, names] of Map.groupBy(series, familyOf)) {
        const bucket = bucketKey('total', memberOf({ startMs: 0, family }));
        for (const some of portions(names, ROUND_TRIP)) {
          const replies = await link.run(client => client.hmgetBuffer(bucket, ...some));
          for (const [index, counts] of replies.entries()) {
            if (counts !== null) totals.set(some[index]!, unpackCounts(counts));
          }
        }
      }
      return totals;
    },

    lastSeen: async () => {
      const seen = await link.run(client => client.hgetall(LAST_SEEN));
      return new Map(Object.entries(seen).map(([series, ms]) => [series, Number(ms)]));
    },

    prune: async ({ minuteBeforeMs, hourBeforeMs, dayBeforeMs, writerBeforeMs, families }) => {
      await pruneTier(link, { tier: 'minute', beforeMs: minuteBeforeMs, families });
      await pruneTier(link, { tier: 'hour', beforeMs: hourBeforeMs, families });
      await pruneTier(link, { tier: 'day', beforeMs: dayBeforeMs, families });
      await link.run(client => client.statisticsPruneWriters(WRITERS, writerBeforeMs));
    },
  };
}

async function pruneTier(
  link: RedisLink,
  what: { tier: Tier; beforeMs: number; families: readonly string[] | undefined },
): Promise<void> {
  const { tier, beforeMs, families } = what;
  const index = indexKey(tier);
  let members: string[];
  let kept = 0;
  do {
    members = await link.run(client =>
      client.zrangebyscore(index, '-inf', `(${beforeMs}`, 'LIMIT', kept, ROUND_TRIP),
    );
    const doomed = members.filter(member => families?.includes(familyOfMember(member)) ?? true);
    kept += members.length - doomed.length;
    if (doomed.length === 0) continue;
    const keys = doomed.map(member => bucketKey(tier, member));
    await link.run(client =>
      allOf(
        client
          .multi()
          .zrem(index, ...doomed)
          .unlink(...keys),
      ),
    );
  } while (members.length === ROUND_TRIP);
}

function memberOf({ startMs, family }: Pick<BucketGain, 'startMs' | 'family'>): string {
  return `${startMs} ${family}`;
}

function familyOfMember(member: string): string {
  return member.slice(member.indexOf(' ') + 1);
}

function packableGain(gain: BucketGain): Packable {
  return [TIERS.indexOf(gain.tier) + 1, memberOf(gain), [...gain.bySeries].flat()];
}
