import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Copies the libraries that the pages use from their npm packages into `static/assets/vendor`, where the server hands
 * them out from our own origin. Run it after changing one of their versions; a test compares the copies.
 */

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const vendorFolder = join(root, 'static', 'assets', 'vendor');
const require = createRequire(import.meta.url);

interface Part {
  readonly name: string;
  readonly source: string;
  readonly turn?: (text: string) => string;
}

const packages: readonly { readonly name: string; readonly parts: readonly Part[] }[] = [
  {
    name: 'preact',
    parts: [
      { name: 'preact.js', source: 'dist/preact.mjs' },
      {
        name: 'hooks.js',
        source: 'hooks/dist/hooks.mjs',
        // A browser cannot resolve a bare name without an import map, and a strict policy allows no inline one.
        turn: text => replaceOnce(text, 'from"preact"', 'from"./preact.js"'),
      },
    ],
  },
  { name: 'htm', parts: [{ name: 'htm.js', source: 'dist/htm.mjs' }] },
  {
    name: 'uplot',
    parts: [
      {
        name: 'uplot.js',
        // The package ships its ES module unminified, at three times the size of this one.
        source: 'dist/uPlot.iife.min.js',
        turn: text => `${text.trimEnd()}\nexport default uPlot;\n`,
      },
      { name: 'uplot.css', source: 'dist/uPlot.min.css' },
    ],
  },
];

/** What `static/assets/vendor` has to hold: file name → text. */
export async function vendoredFiles(): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  const licenses: string[] = [];
  for (const { name, parts } of packages) {
    const folder = packageFolder(name);
    const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
      version: string;
    };
    const license = await readFile(join(folder, 'LICENSE'), 'utf8');
    licenses.push(`${name} ${version}\n\n${license.trim()}\n`);
    for (const part of parts) {
      const text = (await readFile(join(folder, part.source), 'utf8')).replace(
        /\n?\/\/# sourceMappingURL=.*\n?$/,
        '\n',
      );
      const note = `/* ${name} ${version}, ${part.source}. License: LICENSES.txt */\n`;
      files.set(part.name, note + (part.turn?.(text) ?? text));
    }
  }
  files.set('LICENSES.txt', licenses.join('\n----\n\n'));
  return files;
}

function packageFolder(name: string): string {
  for (const folder of require.resolve.paths(name) ?? []) {
    const candidate = join(folder, name);
    try {
      require.resolve(join(candidate, 'package.json'));
      return candidate;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  throw new Error(`Expected the package \`${name}\` to be installed: run \`npm ci\``);
}

function replaceOnce(text: string, from: string, to: string): string {
  if (text.split(from).length !== 2) throw new Error(`Expected \`${from}\` exactly once`);
  return text.replace(from, to);
}

if (import.meta.main) {
  await mkdir(vendorFolder, { recursive: true });
  for (const [name, text] of await vendoredFiles()) await writeFile(join(vendorFolder, name), text);
}
