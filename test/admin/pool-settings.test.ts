import test from 'ava';
import { DEFAULT_POOL_CONFIG, type PoolConfig } from '../../src/domain/pool/pool-config.ts';
import { openPool } from './pool-harness.ts';

type Settings = PoolConfig & {
  readonly sources: Readonly<Record<string, string>>;
  readonly fallback: PoolConfig;
};

const environment = new Map<string, unknown>([
  ['retry.max', 7],
  ['autoBan.ban_401', true],
]);

test('settings say where each value comes from, and what would hold without the console', async t => {
  const { ask } = await openPool(t, { environment });
  const { sources, fallback, ...config } = (await ask('GET', '/admin/config')).json as unknown as Settings;
  const expected = {
    ...DEFAULT_POOL_CONFIG,
    retry: { ...DEFAULT_POOL_CONFIG.retry, max: 7 },
    autoBan: { ...DEFAULT_POOL_CONFIG.autoBan, ban_401: true },
  };
  t.deepEqual(config, expected);
  t.deepEqual(fallback, expected);
  t.is(sources['retry.max'], 'environment');
  t.is(sources['autoBan.ban_401'], 'environment');
  t.is(sources['retry.delayMs'], 'default');
  t.is(sources.algorithm, 'default');
});

test('a part of the settings is changed live, and taken back by null', async t => {
  const { ask, pool } = await openPool(t, { environment });
  const changed = await ask('PUT', '/admin/config', {
    algorithm: 'weighted',
    retry: { max: 2 },
    concurrentLimit: 5,
  });
  t.is(changed.status, 200);
  const settings = changed.json as unknown as Settings;
  t.is(settings.algorithm, 'weighted-score');
  t.is(settings.sources.algorithm, 'console');
  t.deepEqual(settings.retry, { enabled: true, max: 2, delayMs: 1000 });
  t.is(settings.fallback.retry.max, 7);
  t.like(pool.config, { algorithm: 'weighted-score', retry: { max: 2 }, concurrentLimit: 5 });

  const back = (await ask('PUT', '/admin/config', { algorithm: null, retry: { max: null } }))
    .json as unknown as Settings;
  t.is(back.algorithm, 'round-robin');
  t.is(back.retry.max, 7);
  t.is(back.sources['retry.max'], 'environment');
  t.is(back.sources.concurrentLimit, 'console');
  t.is(pool.config.retry.max, 7);
});

test('one wrong value among others changes nothing', async t => {
  const { ask, pool } = await openPool(t);
  for (const [body, field] of [
    [{ algorithm: 'random', retry: { max: 21 } }, 'retry.max'],
    [{ algorithm: 'fastest' }, 'algorithm'],
    [{ retry: 3 }, 'retry'],
    [{ retry: { maxRetries: 3 } }, 'retry.maxRetries'],
    [{ autoBan: { ban_401: 'yes' } }, 'autoBan.ban_401'],
    [{ surprise: 1 }, 'surprise'],
    [{}, undefined],
  ] as const) {
    const reply = await ask('PUT', '/admin/config', body);
    t.is(reply.status, 400, JSON.stringify(body));
    t.is(reply.error.code, 'ERR_VALIDATION');
    t.is(reply.error.field, field);
  }
  t.deepEqual(pool.config, DEFAULT_POOL_CONFIG);
});
