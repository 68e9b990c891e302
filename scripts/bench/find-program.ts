import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Servers live where only an administrator's PATH leads. */
const MORE_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/sbin'];

/** Path of an installed program, or `undefined`. */
export function findProgram(name: string): string | undefined {
  return [...(process.env.PATH ?? '').split(delimiter), ...MORE_FOLDERS]
    .map(folder => join(folder, name))
    .find(path => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT' || code === 'EACCES' || code === 'ENOTDIR') return false;
        throw error;
      }
    });
}
