import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';

/**
 * Calls `onHint` soon after something may have happened to a file. Hints may be spurious or missing (network volumes, a
 * single file mounted into a container), so the caller looks from time to time, too.
 *
 * @returns ends the watch; nothing is watched where the folder is not there
 */
export function watchPath(path: string, onHint: () => void): () => void {
  const absolute = resolve(path);
  const name = basename(absolute);
  let watcher: FSWatcher;
  try {
    // The folder: editors and renames put another file in the place of the one that was watched.
    watcher = watch(dirname(absolute), { persistent: false }, (_event, changed) => {
      if (changed === null || changed === name) onHint();
    });
  } catch (error) {
    if (error instanceof Error && 'code' in error) return () => {};
    throw error;
  }
  // The folder went away, or the system has no more watches: looking from time to time remains.
  watcher.on('error', () => watcher.close());
  return () => watcher.close();
}
