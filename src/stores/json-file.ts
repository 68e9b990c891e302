import { readFile, rm } from 'node:fs/promises';
import type { Log } from '../base/log.ts';
import { replaceFile } from '../base/replace-file.ts';
import type { LocalFile } from './types.ts';

/**
 * A JSON file at `path`. Saves go one after the other; of several that wait, only the last is written. After a crash the
 * file holds the old value or the new one, never a part.
 *
 * @param path its folder is made (mode 0700) where there is none
 * @param textOf the value's JSON, in pieces where it is large: other work goes on between them
 */
export function jsonFile<T>(
  path: string,
  log: Log,
  textOf: (value: T) => string | Iterable<string> = value => JSON.stringify(value),
): LocalFile<T> {
  let tail: Promise<void> = Promise.resolve();
  let waiting: { value: T; saved: Promise<void> } | undefined;

  /** Runs after all that was asked for before, whether that went well or not. */
  function next(work: () => Promise<void>): Promise<void> {
    const done = tail.then(work);
    tail = done.catch(() => undefined);
    return done;
  }

  return {
    async load() {
      let text: string;
      try {
        text = await readFile(path, 'utf8');
      } catch (error) {
        if (!hasCode(error, 'ENOENT')) log.warn({ err: error }, `Cannot read ${path}; going on without it`);
        return undefined;
      }
      try {
        return JSON.parse(text) as T;
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        log.warn(`${path} is damaged (no JSON); going on without it`);
        return undefined;
      }
    },

    save(value) {
      if (waiting !== undefined) {
        waiting.value = value;
        return waiting.saved;
      }
      const entry = { value, saved: Promise.resolve() };
      waiting = entry;
      entry.saved = next(() => {
        if (waiting === entry) waiting = undefined;
        return replaceFile(path, textOf(entry.value));
      });
      return entry.saved;
    },

    clear() {
      waiting = undefined;
      return next(() => rm(path, { force: true }));
    },
  };
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
