import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import test from 'ava';
import { printedFiles } from '../scripts/docs.ts';
import { type Setting, settings } from '../src/config/settings.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

const documents = [
  'README.md',
  'README.zh-CN.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs'))
    .filter(name => name.endsWith('.md'))
    .map(name => `docs/${name}`),
];

/** Folders that exist only once the program ran. */
const RUNTIME_FOLDERS = new Set(['data', 'logs', 'node_modules', 'tmp']);

/** Variables of other programs that the documents speak of. */
const FOREIGN_VARIABLES = new Set(['OPENAI_API_KEY', 'OPENAI_BASE_URL', 'ANTHROPIC_BASE_URL']);

const sourceFolders = readdirSync(join(root, 'src'));

for (const [path, text] of printedFiles()) {
  test(`${path} is what \`npm run docs\` prints`, t => {
    t.is(read(path), text);
  });
}

/** Links to files of the repository, without their anchors. */
function linkedFiles(text: string): string[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(match => match[1]!.replace(/#.*$/, ''))
    .filter(link => link !== '' && !/^[a-z]+:/.test(link));
}

/** Words in code spans that name a file or folder: `server/listener.ts`, `src/config`, `biome.json`. */
function namedFiles(text: string): string[] {
  const spans = [...withoutBlocks(text).matchAll(/`([^`\n]+)`/g)].map(match => match[1]!);
  return spans.filter(span => {
    if (!/^\.?[A-Za-z0-9][\w.-]*(\/[\w.-]+)*\/?$/.test(span)) return false;
    const first = span.split('/')[0]!;
    if (RUNTIME_FOLDERS.has(first)) return false;
    return span.includes('/')
      ? /\.[a-z]{2,4}$/.test(span) || sourceFolders.includes(first) || existsSync(join(root, first))
      : /\.(ts|js|mjs|json|md|yml|yaml|png)$/.test(span);
  });
}

function withoutBlocks(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```$/gm, '');
}

function codeBlocks(text: string): string[] {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(match => `${match[1]}\n${match[2]}`);
}

for (const path of documents) {
  const text = read(path);

  test(`every link of ${path} leads to a file`, t => {
    const missing = linkedFiles(text).filter(link => !existsSync(join(root, dirname(path), link)));
    t.deepEqual(missing, []);
  });

  test(`every file that ${path} names exists`, t => {
    // A document may leave out `src/`, or name a file beside others of its folder, as tables of folders do.
    const places = ['', 'src', dirname(path), ...sourceFolders.map(folder => posix.join('src', folder))];
    const missing = namedFiles(text).filter(
      name => !places.some(place => existsSync(join(root, place, name))),
    );
    t.deepEqual(missing, []);
  });

  test(`every npm script that ${path} names exists`, t => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...text.matchAll(/npm run ([\w:-]+)/g)].map(match => match[1]!);
    t.deepEqual(
      named.filter(name => !(name in scripts)),
      [],
    );
  });

  test(`every setting that ${path} names exists`, t => {
    const known = new Set((Object.values(settings) as Setting<unknown>[]).flatMap(setting => setting.names));
    const named = [...text.matchAll(/\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b|`([A-Z]{2,})=/g)]
      .map(match => (match[1] ?? match[2])!)
      .filter(name => !name.startsWith('ERR_') && !/^\w*YYYY/.test(name));
    t.deepEqual(
      named.filter(name => !known.has(name) && !FOREIGN_VARIABLES.has(name)),
      [],
    );
  });
}

test('both READMEs have the same structure of headings, tables and lists', t => {
  const shape = (path: string) =>
    withoutBlocks(read(path))
      .split('\n')
      .map(line => /^(#+ |\||- |<!-- .* -->)/.exec(line)?.[1])
      .filter(mark => mark !== undefined);
  t.deepEqual(shape('README.zh-CN.md'), shape('README.md'));
});

test('both READMEs have the same code blocks', t => {
  t.deepEqual(codeBlocks(read('README.zh-CN.md')), codeBlocks(read('README.md')));
});

test('both READMEs link to the same files, each in its language where there are two', t => {
  const inEnglish = (link: string) => link.replace('.zh-CN', '');
  t.deepEqual(
    linkedFiles(read('README.zh-CN.md')).map(inEnglish),
    linkedFiles(read('README.md')).map(inEnglish),
  );
  for (const link of linkedFiles(read('README.zh-CN.md')).filter(name => name !== 'README.md')) {
    const chinese = link.replace(/\.md$/, '.zh-CN.md');
    t.false(link !== chinese && !link.includes('.zh-CN') && existsSync(join(root, chinese)), link);
  }
});

test('both READMEs name the same things in code', t => {
  const spans = (path: string) => [
    ...new Set([...withoutBlocks(read(path)).matchAll(/`([^`\n]+)`/g)].map(match => match[1]!)),
  ];
  t.deepEqual(spans('README.zh-CN.md').sort(), spans('README.md').sort());
});

test('the quick start has the two commands that .ci/run and a newcomer type', t => {
  t.is(codeBlocks(read('README.md'))[0], 'sh\nnpm ci && npm start\nnpm ci && npm test\n');
  t.regex(read('.ci/run'), /\nnpm ci\nnpm test\n$/);
});

test('the speed section stands between its markers', t => {
  for (const path of ['README.md', 'README.zh-CN.md']) {
    const section = /^<!-- bench:start -->\n([\s\S]+?)\n<!-- bench:end -->$/m.exec(read(path))?.[1] ?? '';
    t.true(section.includes('`npm run bench`'), path);
  }
});
