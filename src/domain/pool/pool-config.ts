import { AppError } from '../../base/errors.ts';

/** The settings of the pool, as `GET /admin/config` shows and `PUT /admin/config` takes them. */
export interface PoolConfig {
  readonly algorithm: AlgorithmName;
  readonly retry: { readonly enabled: boolean; readonly max: number; readonly delayMs: number };
  readonly autoBan: {
    /** Nothing is banned without it. */
    readonly enabled: boolean;
    /** Consecutive strikes that ban. */
    readonly threshold: number;
    readonly ban_401: boolean;
    readonly ban_402: boolean;
  };
  readonly multiTier: {
    /** Pool groups are asked in order of priority; else all keys of a source are one pool. */
    readonly enabled: boolean;
    /** On to the next group when none of this one's keys is usable; else only when all are banned or disabled. */
    readonly autoFallback: boolean;
    /** Never on to the next group. */
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

/** Other names under which algorithms are accepted. */
const ALGORITHM_ALIASES: ReadonlyMap<unknown, AlgorithmName> = new Map([
  ['weighted', 'weighted-score'],
  ['simple', 'round-robin'],
]);

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

/** What a value may be: takes one that fits, in the form that is used, or gives `undefined`. */
interface Rule {
  readonly expected: string;
  readonly accept: (value: unknown) => boolean | number | AlgorithmName | undefined;
}

const DAY_MS = 86_400_000;

const flag: Rule = {
  expected: '`true` or `false`',
  accept: value => (typeof value === 'boolean' ? value : undefined),
};

function integer(min: number, max: number): Rule {
  return {
    expected: `an integer from ${min} to ${max}`,
    accept: value =>
      Number.isInteger(value) && (value as number) >= min && (value as number) <= max
        ? (value as number)
        : undefined,
  };
}

const algorithm: Rule = {
  expected: `one of ${ALGORITHM_NAMES.map(name => `\`${name}\``).join(', ')}`,
  accept: value => ALGORITHM_ALIASES.get(value) ?? ALGORITHM_NAMES.find(name => name === value),
};

/** Every setting by its dotted name. The ranges are those of the environment's. */
const RULES: ReadonlyMap<string, Rule> = new Map([
  ['algorithm', algorithm],
  ['retry.enabled', flag],
  ['retry.max', integer(0, 20)],
  ['retry.delayMs', integer(0, 60_000)],
  ['autoBan.enabled', flag],
  ['autoBan.threshold', integer(1, 1000)],
  ['autoBan.ban_401', flag],
  ['autoBan.ban_402', flag],
  ['multiTier.enabled', flag],
  ['multiTier.autoFallback', flag],
  ['multiTier.strictMode', flag],
  ['concurrentLimit', integer(1, 100_000)],
  ['requestTimeoutMs', integer(100, 600_000)],
  ['recovery.enabled', flag],
  ['recovery.intervalMs', integer(1000, 30 * DAY_MS)],
  ['recovery.maxIntervalMs', integer(1000, 365 * DAY_MS)],
  ['circuit.threshold', integer(1, 1000)],
  ['circuit.openMs', integer(100, DAY_MS)],
  ['dryThreshold', integer(0, 1_000_000)],
]);

/** Dotted names of all settings. */
export const POOL_CONFIG_NAMES: readonly string[] = [...RULES.keys()];

/** Members that hold further ones. */
const GROUPS: ReadonlySet<string> = new Set(
  POOL_CONFIG_NAMES.filter(name => name.includes('.')).map(name => name.slice(0, name.indexOf('.'))),
);

/** Name of a setting in `SettingsStore`. */
function storedName(name: string): string {
  return `pool.${name}`;
}

/**
 * Puts the settings together: console over environment over default.
 *
 * @param environment dotted name → value, only those that are set
 * @param saved as `SettingsStore.readAll` gives them; names that are not the pool's are left alone, values that are not
 * valid (another version's) are passed over
 */
export function mergePoolConfig(
  environment: ReadonlyMap<string, unknown>,
  saved: ReadonlyMap<string, unknown>,
): MergedPoolConfig {
  const values = new Map<string, unknown>();
  const sources: Record<string, ConfigSource> = {};
  for (const [name, rule] of RULES) {
    const ofConsole = rule.accept(saved.get(storedName(name)));
    const ofEnvironment = rule.accept(environment.get(name));
    values.set(name, ofConsole ?? ofEnvironment ?? valueAt(DEFAULT_POOL_CONFIG, name));
    if (ofConsole !== undefined) sources[name] = 'console';
    else sources[name] = ofEnvironment === undefined ? 'default' : 'environment';
  }
  return { config: nested(values), sources };
}

/**
 * Checks the body of `PUT /admin/config`: any part of `PoolConfig`; `null` in place of a value, or of a whole group,
 * takes what the console said back. Gives what `SettingsStore.write` takes.
 *
 * @throws AppError `ERR_VALIDATION` with the dotted name as `field`
 */
export function parsePoolConfigChange(body: unknown): ReadonlyMap<string, unknown> {
  const changes = new Map<string, unknown>();
  for (const [member, value] of membersOf(body, undefined)) {
    if (RULES.has(member) && !member.includes('.')) changes.set(storedName(member), checked(member, value));
    else if (!GROUPS.has(member)) throw unknown(member);
    else if (value === null) {
      for (const name of POOL_CONFIG_NAMES) {
        if (name.startsWith(`${member}.`)) changes.set(storedName(name), null);
      }
    } else {
      for (const [inner, innerValue] of membersOf(value, member)) {
        const name = `${member}.${inner}`;
        if (!RULES.has(name)) throw unknown(name);
        changes.set(storedName(name), checked(name, innerValue));
      }
    }
  }
  if (changes.size === 0) {
    throw new AppError('ERR_VALIDATION', 'Expected at least one setting to change, got none');
  }
  return changes;
}

function membersOf(value: unknown, name: string | undefined): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const what = name === undefined ? 'the body' : `\`${name}\``;
    throw new AppError(
      'ERR_VALIDATION',
      `Expected ${what} to be an object, got ${shown(value)}`,
      name === undefined ? {} : { field: name },
    );
  }
  return Object.entries(value);
}

function checked(name: string, value: unknown): unknown {
  if (value === null) return null;
  const rule = RULES.get(name)!;
  const accepted = rule.accept(value);
  if (accepted === undefined) {
    throw new AppError('ERR_VALIDATION', `Expected \`${name}\` to be ${rule.expected}, got ${shown(value)}`, {
      field: name,
    });
  }
  return accepted;
}

function unknown(name: string): AppError {
  const field = name.slice(0, 80);
  return new AppError('ERR_VALIDATION', `Expected a setting of the pool, got \`${field}\``, { field });
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? typeof value;
  return `\`${text.length > 80 ? `${text.slice(0, 80)}…` : text}\``;
}

function valueAt(config: PoolConfig, name: string): unknown {
  let value: unknown = config;
  for (const part of name.split('.')) value = (value as Record<string, unknown>)[part];
  return value;
}

function nested(values: ReadonlyMap<string, unknown>): PoolConfig {
  const config: Record<string, unknown> = {};
  for (const [name, value] of values) {
    const [member, inner] = name.split('.') as [string, string?];
    if (inner === undefined) config[member] = value;
    else config[member] = { ...(config[member] as object | undefined), [inner]: value };
  }
  return config as unknown as PoolConfig;
}
