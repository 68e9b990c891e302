/** The settings of the pool, as `GET /admin/config` shows and `PUT /admin/config` takes them. */
export interface PoolConfig {
  readonly algorithm: AlgorithmName;
  readonly retry: { readonly enabled: boolean; readonly max: number; readonly delayMs: number };
  readonly autoBan: {
    readonly enabled: boolean;
    /** Consecutive strikes that ban. */
    readonly threshold: number;
    readonly ban_401: boolean;
    readonly ban_402: boolean;
  };
  readonly multiTier: {
    readonly enabled: boolean;
    readonly autoFallback: boolean;
    readonly strictMode: boolean;
  };
  /** Requests in flight per key. */
  readonly concurrentLimit: number;
  /** How long the test of a key may take. */
  readonly requestTimeoutMs: number;
  readonly recovery: {
    readonly enabled: boolean;
    /** From a ban to the first re-test; doubles with every test that fails. */
    readonly intervalMs: number;
    readonly maxIntervalMs: number;
  };
  readonly circuit: {
    /** Consecutive strikes that open an upstream's circuit. */
    readonly threshold: number;
    readonly openMs: number;
  };
  /** Fewer usable keys than this is a warning; 0 is never. */
  readonly dryThreshold: number;
}

export const ALGORITHM_NAMES = [
  'round-robin',
  'random',
  'least-used',
  'weighted-score',
  'least-token-used',
  'max-remaining',
] as const;
export type AlgorithmName = (typeof ALGORITHM_NAMES)[number];

export const DEFAULT_POOL_CONFIG: PoolConfig = {
  algorithm: 'round-robin',
  retry: { enabled: true, max: 3, delayMs: 1000 },
  autoBan: { enabled: true, threshold: 5, ban_401: false, ban_402: true },
  multiTier: { enabled: true, autoFallback: true, strictMode: false },
  concurrentLimit: 100,
  requestTimeoutMs: 10_000,
  recovery: { enabled: false, intervalMs: 600_000, maxIntervalMs: 86_400_000 },
  circuit: { threshold: 5, openMs: 30_000 },
  dryThreshold: 1,
};

/** Where a value comes from. */
export type ConfigSource = 'default' | 'environment' | 'console';

export interface MergedPoolConfig {
  readonly config: PoolConfig;
  /** Dotted name (`retry.max`) → where its value comes from. */
  readonly sources: Readonly<Record<string, ConfigSource>>;
}

/**
 * Puts the settings together: console over environment over default.
 *
 * @param environment dotted name → value, only those that are set
 * @param saved as `SettingsStore.readAll` gives them; names that are not the pool's are left alone, values that are not
 * valid are ignored
 */
export function mergePoolConfig(
  environment: ReadonlyMap<string, unknown>,
  saved: ReadonlyMap<string, unknown>,
): MergedPoolConfig {
  throw new Error(`not built yet: ${environment.size} ${saved.size}`);
}

/**
 * Checks the body of `PUT /admin/config`: any part of `PoolConfig`; `null` in place of a value takes the console's value
 * back. Gives what `SettingsStore.write` takes.
 *
 * @throws AppError `ERR_VALIDATION` with the dotted name as `field`
 */
export function parsePoolConfigChange(body: unknown): ReadonlyMap<string, unknown> {
  throw new Error(`not built yet: ${typeof body}`);
}
