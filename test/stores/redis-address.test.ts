import { inspect } from 'node:util';
import test from 'ava';
import { readConfig } from '../../src/config/read.ts';
import { redisAddress } from '../../src/stores/redis/redis-address.ts';

const addressOf = (environment: Record<string, string>) => redisAddress(readConfig(environment));

test('no setting, no Redis', t => {
  t.is(addressOf({}), undefined);
  t.is(addressOf({ REDIS_PASSWORD: 'x', REDIS_PORT: '7000' }), undefined);
});

test('a URL gives host, port, credentials and database', t => {
  t.deepEqual(addressOf({ API_PROXY_REDIS_URL: 'redis://cache.example' }), {
    host: 'cache.example',
    port: 6379,
    db: 0,
  });
  t.deepEqual(addressOf({ API_PROXY_REDIS_URL: 'redis://me:p%40ss%2Fw@10.0.0.7:7000/3' }), {
    host: '10.0.0.7',
    port: 7000,
    db: 3,
    username: 'me',
    password: 'p@ss/w',
  });
  t.deepEqual(addressOf({ API_PROXY_REDIS_URL: 'redis://:50%off@[::1]:7000/' }), {
    host: '::1',
    port: 7000,
    db: 0,
    password: '50%off',
  });
});

test('rediss is TLS that checks the name', t => {
  t.deepEqual(addressOf({ API_PROXY_REDIS_URL: 'rediss://cache.example:6380/1' }), {
    host: 'cache.example',
    port: 6380,
    db: 1,
    tls: { servername: 'cache.example' },
  });
  t.deepEqual(addressOf({ API_PROXY_REDIS_URL: 'rediss://10.0.0.7' })?.tls, {});
});

test('the URL comes before the single settings', t => {
  const single = { REDIS_HOST: 'other.example', REDIS_PORT: '7001', REDIS_PASSWORD: 'pw', REDIS_DB: '2' };
  t.deepEqual(addressOf(single), { host: 'other.example', port: 7001, db: 2, password: 'pw' });
  t.is(addressOf({ ...single, API_PROXY_REDIS_URL: 'redis://cache.example' })?.host, 'cache.example');
});

test('a URL whose path is no database number is refused without showing it', t => {
  for (const url of ['redis://:hunter2@cache.example/zero', 'redis://:hunter2@cache.example/1/2']) {
    const error = t.throws(() => addressOf({ API_PROXY_REDIS_URL: url }), { name: 'ConfigError' });
    t.regex(error.message, /API_PROXY_REDIS_URL/);
    t.notRegex(inspect(error), /hunter2/);
  }
});
