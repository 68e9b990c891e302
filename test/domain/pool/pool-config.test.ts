import test from 'ava';
import { AppError } from '../../../src/base/errors.ts';
import { POOL_CONFIG_NAMES as ENVIRONMENT_NAMES, poolSettings } from '../../../src/config/pool-settings.ts';
import {
  DEFAULT_POOL_CONFIG,
  mergePoolConfig,
  POOL_CONFIG_NAMES,
  parsePoolConfigChange,
} from '../../../src/domain/pool/pool-config.ts';

const none = new Map<string, unknown>();

test('without anything set the defaults hold', t => {
  const { config, sources } = mergePoolConfig(none, none);
  t.deepEqual(config, DEFAULT_POOL_CONFIG);
  t.deepEqual(Object.keys(sources), [...POOL_CONFIG_NAMES]);
  t.true(Object.values(sources).every(source => source === 'default'));
});

test('the console comes before the environment, the environment before the default, each told', t => {
  const environment = new Map<string, unknown>([
    ['retry.max', 7],
    ['retry.delayMs', 50],
    ['algorithm', 'weighted'],
    ['autoBan.ban_401', true],
  ]);
  const saved = new Map<string, unknown>([
    ['pool.retry.max', 1],
    ['pool.autoBan.ban_401', false],
    ['pool.dryThreshold', 0],
    ['other.thing', 'x'],
  ]);
  const { config, sources } = mergePoolConfig(environment, saved);
  t.deepEqual(config.retry, { enabled: true, max: 1, delayMs: 50 });
  t.is(config.algorithm, 'weighted-score');
  t.is(config.autoBan.ban_401, false);
  t.is(config.dryThreshold, 0);
  t.is(sources['retry.max'], 'console');
  t.is(sources['retry.delayMs'], 'environment');
  t.is(sources['retry.enabled'], 'default');
  t.is(sources['autoBan.ban_401'], 'console');
  t.false('other.thing' in sources);
});

test('saved values of another version that do not fit are passed over', t => {
  const saved = new Map<string, unknown>([
    ['pool.retry.max', 'many'],
    ['pool.algorithm', 'newest'],
    ['pool.concurrentLimit', 0],
  ]);
  const { config, sources } = mergePoolConfig(new Map([['retry.max', 2]]), saved);
  t.is(config.retry.max, 2);
  t.is(config.algorithm, 'round-robin');
  t.is(config.concurrentLimit, 100);
  t.is(sources['retry.max'], 'environment');
});

test('a change names only what it changes, on every level', t => {
  const change = parsePoolConfigChange({
    algorithm: 'simple',
    retry: { max: 5, delayMs: null },
    dryThreshold: 0,
  });
  t.deepEqual(
    [...change],
    [
      ['pool.algorithm', 'round-robin'],
      ['pool.retry.max', 5],
      ['pool.retry.delayMs', null],
      ['pool.dryThreshold', 0],
    ],
  );
});

test('null in place of a group takes all of it back', t => {
  t.deepEqual(
    [...parsePoolConfigChange({ multiTier: null })],
    [
      ['pool.multiTier.enabled', null],
      ['pool.multiTier.autoFallback', null],
      ['pool.multiTier.strictMode', null],
    ],
  );
});

test('what is saved is read back, for every setting', t => {
  const body = {
    algorithm: 'max-remaining',
    retry: { enabled: false, max: 0, delayMs: 0 },
    autoBan: { enabled: false, threshold: 1, ban_401: true, ban_402: false },
    multiTier: { enabled: false, autoFallback: false, strictMode: true },
    concurrentLimit: 1,
    requestTimeoutMs: 100,
    recovery: { enabled: true, intervalMs: 1000, maxIntervalMs: 1000 },
    circuit: { threshold: 1, openMs: 100 },
    dryThreshold: 9,
  };
  const { config, sources } = mergePoolConfig(none, parsePoolConfigChange(body));
  t.deepEqual(config as unknown, body);
  t.true(Object.values(sources).every(source => source === 'console'));
});

const refusals: readonly [body: unknown, field: string | undefined, message: RegExp][] = [
  [undefined, undefined, /Expected the body to be an object, got nothing/],
  [null, undefined, /Expected the body to be an object, got `null`/],
  [[], undefined, /Expected the body to be an object, got `\[\]`/],
  ['x', undefined, /Expected the body to be an object/],
  [{}, undefined, /Expected at least one setting/],
  [{ retry: {} }, undefined, /Expected at least one setting/],
  [{ retry: 3 }, 'retry', /Expected `retry` to be an object, got `3`/],
  [{ retry: [] }, 'retry', /Expected `retry` to be an object/],
  [{ retry: { max: -1 } }, 'retry.max', /Expected `retry.max` to be an integer from 0 to 20, got `-1`/],
  [{ retry: { max: 1.5 } }, 'retry.max', /got `1.5`/],
  [{ retry: { max: '3' } }, 'retry.max', /got `"3"`/],
  [{ retry: { tries: 3 } }, 'retry.tries', /Expected a setting of the pool, got `retry.tries`/],
  [{ 'retry.max': 3 }, 'retry.max', /Expected a setting of the pool/],
  [
    { autoBan: { ban_401: 1 } },
    'autoBan.ban_401',
    /Expected `autoBan.ban_401` to be `true` or `false`, got `1`/,
  ],
  [{ algorithm: 'best' }, 'algorithm', /Expected `algorithm` to be one of `round-robin`, .*, got `"best"`/],
  [{ algorithm: { name: 'random' } }, 'algorithm', /Expected `algorithm`/],
  [{ concurrentLimit: 0 }, 'concurrentLimit', /from 1 to 100000, got `0`/],
  [{ performance: { x: 1 } }, 'performance', /Expected a setting of the pool/],
  [JSON.parse('{"__proto__":{"enabled":true}}'), '__proto__', /Expected a setting of the pool/],
  [{ retry: JSON.parse('{"constructor":1}') }, 'retry.constructor', /Expected a setting of the pool/],
  [{ ['x'.repeat(500)]: 1 }, 'x'.repeat(80), /Expected a setting of the pool/],
];

test('a change that is not valid is refused with the name of the setting', t => {
  for (const [body, field, message] of refusals) {
    const error = t.throws(() => parsePoolConfigChange(body), { instanceOf: AppError, message });
    t.is(error?.code, 'ERR_VALIDATION');
    t.is(error?.field, field);
  }
});

test('one value that is not valid refuses the whole change', t => {
  t.throws(() => parsePoolConfigChange({ algorithm: 'random', retry: { max: 5, delayMs: -1 } }), {
    instanceOf: AppError,
  });
});

test('environment and console know the same settings, with the same defaults and ranges', t => {
  t.deepEqual(Object.values(ENVIRONMENT_NAMES).sort(), [...POOL_CONFIG_NAMES].sort());
  for (const [setting, name] of Object.entries(ENVIRONMENT_NAMES)) {
    const { shownDefault, parse, expected } = poolSettings[setting as keyof typeof poolSettings];
    const fallback = name
      .split('.')
      .reduce<unknown>((value, part) => (value as Record<string, unknown>)[part], DEFAULT_POOL_CONFIG);
    t.is(shownDefault, String(fallback), name);
    const range = /from (\d+) to (\d+)/.exec(expected);
    for (const value of range === null ? [] : [Number(range[1]), Number(range[2])]) {
      t.is(parse(String(value)), value as never);
      t.true(
        mergePoolConfig(new Map([[name, value]]), none).sources[name] === 'environment',
        `${name} ${value}`,
      );
      const beyond = value === Number(range![1]) ? value - 1 : value + 1;
      t.is(mergePoolConfig(new Map([[name, beyond]]), none).sources[name], 'default', `${name} ${beyond}`);
    }
  }
});
