import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';
import test from 'ava';

const root = join(import.meta.dirname, '..');

/** Folder or entry file of `src` → what it may import: folders, single files, or `all`. */
type Rules = ReadonlyMap<string, readonly string[]>;

/** Path under `src`, with `/` → text. */
type Sources = ReadonlyMap<string, string>;

/** Reads the table under "Folders and imports". */
function readRules(document: string): Rules {
  const section = document.split(/^## /m).find(part => part.startsWith('Folders and imports')) ?? '';
  const rules = new Map<string, readonly string[]>();
  for (const line of section.split('\n').filter(row => row.startsWith('| `'))) {
    const [names = '', , imports = ''] = line
      .split('|')
      .slice(1, -1)
      .map(cell => cell.trim());
    const allowed =
      imports === 'nothing of ours' ? [] : imports.split(',').map(part => part.trim().replaceAll('`', ''));
    for (const name of names.matchAll(/`([^`]+)`/g)) rules.set(name[1]!, allowed);
  }
  return rules;
}

function readSources(): Sources {
  const folder = join(root, 'src');
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
  return new Map(
    files
      .map(entry => join(entry.parentPath, entry.name))
      .filter(path => path.endsWith('.ts'))
      .map(path => [relative(folder, path).split(sep).join('/'), readFileSync(path, 'utf8')]),
  );
}

/** Module names in `import … from`, `export … from`, `import '…'` and `import('…')`, types too. */
function importsOf(text: string): string[] {
  const withoutComments = text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const pattern = /(?:\bfrom\s*|\bimport\s*\(?\s*)(['"])([^'"\n]+)\1/g;
  return [...withoutComments.matchAll(pattern)].map(match => match[2]!);
}

/** One line for each import that the rules do not allow, and for each folder on one side only. */
function violations(rules: Rules, sources: Sources): string[] {
  const found: string[] = [];
  const folders = new Set([...sources.keys()].map(path => path.split('/')[0]!));
  for (const folder of folders) if (!rules.has(folder)) found.push(`src/${folder} is not in the table`);
  for (const folder of rules.keys()) if (!folders.has(folder)) found.push(`${folder} is not in src`);
  for (const [path, text] of sources) {
    const folder = path.split('/')[0]!;
    const allowed = rules.get(folder) ?? [];
    if (allowed.includes('all')) continue;
    for (const specifier of importsOf(text).filter(name => name.startsWith('.'))) {
      const target = posix.normalize(posix.join(posix.dirname(path), specifier));
      const targetFolder = target.split('/')[0]!;
      if (targetFolder === folder || allowed.includes(targetFolder) || allowed.includes(target)) continue;
      found.push(`src/${path} imports ${target}, ${folder} may import ${allowed.join(', ') || 'nothing'}`);
    }
  }
  return found;
}

test('src keeps to the table of imports in the architecture document', t => {
  const rules = readRules(readFileSync(join(root, 'docs/architecture.md'), 'utf8'));
  t.true(rules.size >= 9, 'the table was not found');
  t.deepEqual(violations(rules, readSources()), []);
});

test('every import inside src carries its file ending and nothing outside src is imported', t => {
  const wrong = [...readSources()].flatMap(([path, text]) =>
    importsOf(text)
      .filter(name => name.startsWith('.'))
      .filter(name => !name.endsWith('.ts') || posix.join(posix.dirname(path), name).startsWith('..'))
      .map(name => `src/${path} imports ${name}`),
  );
  t.deepEqual(wrong, []);
});

test('rules know neither HTTP nor a store driver', t => {
  const forbidden = /^(node:(http|https|http2|tls|sqlite)|koa|@koa\/.*|ioredis|undici)$/;
  const wrong = [...readSources()]
    .filter(([path]) => path.startsWith('domain/') || path.startsWith('base/'))
    .flatMap(([path, text]) =>
      importsOf(text)
        .filter(name => forbidden.test(name))
        .map(name => `src/${path} imports ${name}`),
    );
  t.deepEqual(wrong, []);
});

test('the environment is read at the entry and in config alone', t => {
  const readers = [...readSources()]
    .filter(([path, text]) => text.includes('process.env') && !/^(config\/|main\.ts$|app\.ts$)/.test(path))
    // A comment may speak of it.
    .filter(([, text]) => /process\.env/.test(text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')))
    .map(([path]) => `src/${path}`);
  t.deepEqual(readers, []);
});

const TABLE = `
## Folders and imports

| folder | holds | may import |
|---|---|---|
| \`base\` | errors | nothing of ours |
| \`stores\` | ports | base |
| \`domain\` | rules, \`words\` | base, \`stores/types.ts\` |
| \`app.ts\`, \`main.ts\` | wiring | all |

## State
| \`other\` | table | base |
`;

const ALLOWED: [string, string][] = [
  ['base/errors.ts', ''],
  ['stores/types.ts', ''],
  ['domain/rule.ts', "import { a } from '../base/errors.ts';\nimport type { B } from '../stores/types.ts';"],
  ['app.ts', "import { open } from './domain/rule.ts';"],
  ['main.ts', "import('./app.ts');"],
];

test('the check reads names and rights out of the table', t => {
  const rules = readRules(TABLE);
  t.deepEqual(
    [...rules],
    [
      ['base', []],
      ['stores', ['base']],
      ['domain', ['base', 'stores/types.ts']],
      ['app.ts', ['all']],
      ['main.ts', ['all']],
    ],
  );
  t.deepEqual(violations(rules, new Map(ALLOWED)), []);
});

for (const [path, text] of [
  ['base/log.ts', "import { x } from '../domain/rule.ts';"],
  ['domain/deep/rule.ts', "export * from '../../stores/open.ts';"],
  ['domain/late.ts', "const open = await import('../stores/open.ts');"],
  ['domain/types.ts', "import type {\n  Open,\n} from '../stores/open.ts';"],
  ['stores/side.ts', "import '../domain/rule.ts';"],
] as const) {
  test(`the check finds a forbidden import in ${path}`, t => {
    t.regex(
      violations(readRules(TABLE), new Map([...ALLOWED, [path, text]])).join('\n'),
      /^src\/\S+ imports \S+/,
    );
  });
}

test('the check finds a folder that the table lacks, and one that src lacks', t => {
  t.deepEqual(violations(readRules(TABLE), new Map([...ALLOWED, ['extra/file.ts', '']])), [
    'src/extra is not in the table',
  ]);
  t.deepEqual(violations(readRules(TABLE), new Map(ALLOWED.filter(([path]) => path !== 'main.ts'))), [
    'main.ts is not in src',
  ]);
});
