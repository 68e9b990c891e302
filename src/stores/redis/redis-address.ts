import { isIP } from 'node:net';
import type { RedisOptions } from 'ioredis';
import { ConfigError } from '../../config/read.ts';
import type { Config } from '../../config/settings.ts';

export type RedisSettings = Pick<
  Config,
  'redisUrl' | 'redisHost' | 'redisPort' | 'redisPassword' | 'redisDb'
>;

/** Where Redis is and how to log in. Holds the password in clear: never logged, never in an error. */
export type RedisAddress = Pick<RedisOptions, 'host' | 'port' | 'username' | 'password' | 'tls'> & {
  db: number;
};

/**
 * The address that the settings give: the URL where there is one, else host, port, password and database.
 *
 * @returns `undefined` where the settings name no Redis
 * @throws ConfigError when the URL's path is no database number
 */
export function redisAddress(settings: RedisSettings): RedisAddress | undefined {
  if (settings.redisUrl !== undefined) return parseRedisUrl(settings.redisUrl.reveal());
  if (settings.redisHost === '') return undefined;
  return {
    host: settings.redisHost,
    port: settings.redisPort,
    db: settings.redisDb,
    ...(settings.redisPassword === undefined ? {} : { password: settings.redisPassword.reveal() }),
  };
}

function parseRedisUrl(text: string): RedisAddress {
  const url = new URL(text);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const path = /^\/?(\d{0,4})$/.exec(url.pathname);
  if (path === null || host === '') {
    throw new ConfigError([
      'Expected `API_PROXY_REDIS_URL` to be `redis://user:password@host:port/database-number`, got another form (not shown)',
    ]);
  }
  return {
    host,
    port: url.port === '' ? 6379 : Number(url.port),
    db: Number(path[1]),
    ...(url.username === '' ? {} : { username: decoded(url.username) }),
    ...(url.password === '' ? {} : { password: decoded(url.password) }),
    ...(url.protocol === 'rediss:' ? { tls: isIP(host) === 0 ? { servername: host } : {} } : {}),
  };
}

/** A password with a bare `%` is taken as it stands. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}
