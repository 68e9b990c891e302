import type { Logger } from 'pino';

/** The one logger; every part gets a child of it, named by `part`. */
export type Log = Logger;

/** Fields that never reach a log, whatever object carries them: the second net behind not logging them at all. */
export const REDACTED_PATHS = [
  'authorization',
  'cookie',
  'password',
  'token',
  'secret',
  'key',
  'apiKey',
  'headers',
  'rawHeaders',
].flatMap(name => [name, `*.${name}`]);

/**
 * A path as a log may show it: without its query, where vendors let clients put keys (`?key=`).
 *
 * @param target request target in origin form
 */
export function loggablePath(target: string): string {
  const query = target.indexOf('?');
  return query === -1 ? target : `${target.slice(0, query)}?…`;
}
