import { posix } from 'node:path';

/** A static `import … from './x.js'`, `import './x.js'` or `export … from './x.js'`. */
const STATIC_IMPORT = /^\s*(?:import|export)\b[^'"();]*?['"](\.{1,2}\/[^'"]+)['"]/gm;

/**
 * The modules that an entry module needs before it can run, itself not included, in the order they are met. Told to the
 * browser up front, they load side by side and not one level of imports after the other.
 *
 * @param entry path under `assets/`
 * @param source text of an asset; `undefined` where there is none
 */
export function neededModules(entry: string, source: (path: string) => string | undefined): string[] {
  const met = new Set([entry]);
  for (const path of met) {
    for (const match of (source(path) ?? '').matchAll(STATIC_IMPORT)) {
      const needed = posix.join(posix.dirname(path), match[1]!);
      if (source(needed) !== undefined) met.add(needed);
    }
  }
  met.delete(entry);
  return [...met];
}
