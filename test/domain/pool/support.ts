import { Secret } from '../../../src/base/secret.ts';
import { isLease, KeyPool, type KeyPoolOptions } from '../../../src/domain/pool/key-pool.ts';
import { DEFAULT_POOL_CONFIG, type PoolConfig } from '../../../src/domain/pool/pool-config.ts';
import type { Lease, LeaseRequest, LiveKey, Unavailable, Verdict } from '../../../src/domain/pool/types.ts';
import type { StoredKey } from '../../../src/stores/pool-types.ts';

export const NOW_MS = Date.UTC(2026, 0, 15, 12);

/** A key with defaults: stored, openai, pool `default`, active. */
export function liveKey(id: string, fields: Partial<LiveKey> = {}): LiveKey {
  return {
    id,
    source: 'stored',
    secret: new Secret(`sk-${id}`),
    hint: `sk-…${id}`,
    provider: 'openai',
    baseUrl: undefined,
    pool: 'default',
    quotaTokens: undefined,
    status: 'active',
    ...fields,
  };
}

export function storedKey(id: string, fields: Partial<StoredKey> = {}): StoredKey {
  return {
    id,
    sealed: `sealed:sk-${id}`,
    fingerprint: `fingerprint-${id}`,
    hint: `sk-…${id}`,
    provider: 'openai',
    pool: 'default',
    notes: '',
    status: 'active',
    statusReason: '',
    statusAtMs: NOW_MS,
    createdAtMs: NOW_MS,
    failedRecoveries: 0,
    ...fields,
  };
}

/** Part of the settings, on every level. */
export type ConfigPart = {
  readonly [Name in keyof PoolConfig]?: Partial<PoolConfig[Name]> | PoolConfig[Name];
};

export function configOf(part: ConfigPart = {}): PoolConfig {
  const config: Record<string, unknown> = { ...DEFAULT_POOL_CONFIG };
  for (const [name, value] of Object.entries(part)) {
    config[name] = typeof value === 'object' ? { ...(config[name] as object), ...value } : value;
  }
  return config as unknown as PoolConfig;
}

/** The same numbers in every run (mulberry32). */
export function seededRandom(seed = 1): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function poolOf(
  keys: readonly (string | LiveKey)[],
  part: ConfigPart = {},
  options: Partial<KeyPoolOptions> = {},
): KeyPool {
  const pool = new KeyPool({ random: seededRandom(), config: configOf(part), ...options });
  const changed = keys.map(key => (typeof key === 'string' ? liveKey(key) : key));
  pool.apply({ changed, removed: [] });
  return pool;
}

export function request(fields: Partial<LeaseRequest> = {}): LeaseRequest {
  return { providers: ['openai'], model: 'gpt-4o', tried: new Set(), ...fields };
}

/** Leases a key; fails where there is none. */
export function take(pool: KeyPool, nowMs = NOW_MS, fields: Partial<LeaseRequest> = {}): Lease {
  const lease = pool.lease(request(fields), nowMs);
  if (!isLease(lease)) throw new Error(`Expected a key, got ${JSON.stringify(lease)}`);
  return lease;
}

/** Why there is no key; fails where there is one. */
export function refusal(pool: KeyPool, nowMs = NOW_MS, fields: Partial<LeaseRequest> = {}): Unavailable {
  const result = pool.lease(request(fields), nowMs);
  if (isLease(result)) throw new Error(`Expected no key, got ${result.key.id}`);
  return result;
}

/** Uses a key once. @returns its id */
export function use(pool: KeyPool, verdict: Verdict = SUCCESS, nowMs = NOW_MS): string {
  const lease = take(pool, nowMs);
  pool.release(lease, verdict, nowMs);
  return lease.key.id;
}

/** Ids of all keys that may be used now, found by trying. */
export function usable(pool: KeyPool, nowMs = NOW_MS, fields: Partial<LeaseRequest> = {}): string[] {
  const tried = new Set<string>();
  for (;;) {
    const lease = pool.lease(request({ ...fields, tried }), nowMs);
    if (!isLease(lease)) return [...tried].sort();
    pool.abandon(lease);
    tried.add(lease.key.id);
  }
}

export const SUCCESS: Verdict = { key: { kind: 'success' }, upstream: 'success', then: 'relay' };
export const NOTHING: Verdict = { key: { kind: 'none' }, upstream: 'none', then: 'relay' };
export const STRIKE: Verdict = {
  key: { kind: 'strike', reason: '401 invalid_api_key' },
  upstream: 'none',
  then: 'another-key',
};
export const BAN: Verdict = {
  key: { kind: 'ban', reason: '402 payment required' },
  upstream: 'none',
  then: 'another-key',
};

export function rest(untilMs: number, model = 'gpt-4o'): Verdict {
  return {
    key: { kind: 'rest', untilMs, model, reason: '429 rate limit' },
    upstream: 'none',
    then: 'another-key',
  };
}
