import type { MappingStore, RawMappings } from '../types.ts';
import type { ChangeListener } from './change-listener.ts';
import {
  MAPPINGS,
  MAPPINGS_CHANGED,
  MAPPINGS_FINGERPRINT,
  MAPPINGS_WRITTEN,
  mappingsKeyspaceChannel,
} from './keys.ts';
import type { RedisAddress } from './redis-address.ts';
import type { RedisLink } from './redis-link.ts';

/** Hashes of more rows than this share one fingerprint among all processes that ask within `SHARED_MS`. */
const LARGE_ROWS = 500;
const SHARED_MS = 250;

/** The hash `apiproxy:mappings` as a store. */
export function redisMappings(
  link: RedisLink,
  { address, listener }: { address: RedisAddress; listener: ChangeListener },
): MappingStore {
  const keys = [MAPPINGS, MAPPINGS_WRITTEN, MAPPINGS_FINGERPRINT];

  return {
    readAll: async () => new Map(Object.entries(await link.run(client => client.hgetall(MAPPINGS)))),

    fingerprint: async ({ fresh = false } = {}) => {
      const text = await link.run(client =>
        client.mappingFingerprint(MAPPINGS, MAPPINGS_FINGERPRINT, fresh ? '1' : '0', LARGE_ROWS, SHARED_MS),
      );
      return String(text);
    },

    create: async (prefix, target) =>
      (await link.run(client => client.mappingCreate(...keys, prefix, target, MAPPINGS_CHANGED))) === 1,

    replace: async (prefix, target, expectedTarget) => {
      const expectation = expectedTarget === undefined ? [] : [expectedTarget];
      const outcome = await link.run(client =>
        client.mappingReplace(
          MAPPINGS,
          MAPPINGS_FINGERPRINT,
          prefix,
          target,
          MAPPINGS_CHANGED,
          ...expectation,
        ),
      );
      return outcome as 'replaced' | 'missing' | 'changed';
    },

    remove: async (prefix, expectedTarget) => {
      const expectation = expectedTarget === undefined ? [] : [expectedTarget];
      const outcome = await link.run(client =>
        client.mappingRemove(...keys, prefix, MAPPINGS_CHANGED, ...expectation),
      );
      return outcome as 'removed' | 'missing' | 'changed';
    },

    putAll: async rows => {
      await link.run(client => client.mappingPutAll(...keys, MAPPINGS_CHANGED, ...flat(rows)));
    },

    seed: async (rows, { force }) =>
      (await link.run(client =>
        client.mappingSeed(...keys, MAPPINGS_CHANGED, force ? '1' : '0', ...flat(rows)),
      )) === 1,

    watch: onHint => listener.watch([MAPPINGS_CHANGED, mappingsKeyspaceChannel(address.db)], onHint),
  };
}

function flat(rows: RawMappings): string[] {
  return [...rows].flat();
}
