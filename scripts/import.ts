import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parsePoolConfigChange } from '../src/domain/pool/pool-config.ts';
import { addKeys, type LineDraft, type LineProblem } from '../src/domain/transfer/add-keys.ts';
import { readAllKeys } from '../src/domain/transfer/backup-content.ts';
import { readForeignFile } from '../src/domain/transfer/foreign-file.ts';
import type { ForeignPool } from '../src/domain/transfer/foreign-pool.ts';
import { detectProvider } from '../src/openai/providers.ts';
import type { PoolStores } from '../src/stores/pool-types.ts';
import { encryptionOf, OperatorError, runCommand, withInstallation } from './operator.ts';

const USAGE = `Usage: npm run import -- <file> [--dry-run] [--keys-only]

Takes keys into the pool: from a pool file of droid2api (key_pool.json), with its groups and settings, or from a text with
one key a line. Requests and errors that the file counted of a key come with it and are shown with what is counted here.
The pool is the one that the settings (environment, .env) name; a server may run on it. A key that is there already is
left as it is, its counts too, so an import that was cut off is finished by running it again.

  --dry-run     only say what would be taken
  --keys-only   leave out the groups and settings of a pool file: all keys go to the group \`default\``;

/** Problems that are listed one by one; of 100,000 lines nobody reads more. */
const MOST_SHOWN = 20;
const PROGRESS_EVERY = 10_000;

async function importFile(path: string, options: { dryRun: boolean; keysOnly: boolean }): Promise<void> {
  const { dryRun, keysOnly } = options;
  const text = readFileSync(path, 'utf8');
  const pool = readForeignFile(text, { nowMs: Date.now(), detectProvider });
  if (pool.drafts.length + pool.refused.length === 0) throw new OperatorError('There is no key in the file');
  const drafts = keysOnly
    ? pool.drafts.map(({ line, draft }) => ({ line, draft: { ...draft, pool: 'default' } }))
    : pool.drafts;
  await withInstallation(async installation => {
    const { sealer } = await encryptionOf(installation);
    const { pool: stores } = installation.stores;
    if (!keysOnly) await importSurroundings(pool, stores, dryRun);
    const stored = dryRun ? await fingerprintsIn(stores) : undefined;
    const { taken, duplicates } = await addKeys(drafts, {
      store: stores.keys,
      sealer,
      ...(stored && { isStored: fingerprint => stored.has(fingerprint) }),
      onProgress: done => {
        if (done % PROGRESS_EVERY === 0) console.error(`${done} of ${drafts.length} keys`);
      },
    });
    for (const remark of pool.remarks) console.log(`Note: ${remark}`);
    report('refused', pool.refused);
    report('there already', duplicates);
    reportEarlierUse(drafts, { duplicates, dryRun });
    console.log(
      `${dryRun ? 'Would take' : 'Took'} ${taken} of ${total(pool)} keys into ${installation.where}`,
    );
  });
}

/** Groups that exist keep their words and priority; settings are the console's from then on. */
async function importSurroundings(pool: ForeignPool, stores: PoolStores, dryRun: boolean): Promise<void> {
  const present = new Set((await stores.groups.readAll()).map(group => group.id));
  const groups = pool.groups.filter(group => !present.has(group.id));
  const settings = new Map(pool.settings.flatMap(setting => [...parsePoolConfigChange(setting)]));
  if (!dryRun) {
    for (const group of groups) await stores.groups.put(group);
    if (settings.size > 0) await stores.settings.write(settings);
  }
  if (pool.groups.length > 0) {
    const left = pool.groups.length - groups.length;
    const known = left === 0 ? '' : `; ${left} of the file exist and stay as they are`;
    console.log(`Pool groups ${dryRun ? 'that would be added' : 'added'}: ${groups.length}${known}`);
  }
  if (settings.size > 0) {
    console.log(`Settings ${dryRun ? 'that would be set' : 'set'}: ${[...settings.keys()].join(', ')}`);
  }
}

async function fingerprintsIn(stores: PoolStores): Promise<ReadonlySet<string>> {
  return new Set([...(await readAllKeys(stores.keys)).values()].map(({ fingerprint }) => fingerprint));
}

/** What is taken over of the counts of the program that the keys come from. */
function reportEarlierUse(
  drafts: readonly LineDraft[],
  { duplicates, dryRun }: { duplicates: readonly LineProblem[]; dryRun: boolean },
): void {
  const left = new Set(duplicates.map(({ line }) => line));
  const taken = drafts.flatMap(({ line, draft }) => (left.has(line) ? [] : (draft.earlier ?? [])));
  if (taken.length === 0) return;
  const requests = taken.reduce((sum, earlier) => sum + earlier.requests, 0);
  const errors = taken.reduce((sum, earlier) => sum + earlier.failures, 0);
  console.log(
    `Counts ${dryRun ? 'that would come' : 'that came'} with ${taken.length} of them: ${requests} requests, ${errors} errors`,
  );
}

function total(pool: ForeignPool): number {
  return pool.drafts.length + pool.refused.length;
}

/** By their numbers: neither a key nor a part of one is ever printed. */
function report(what: string, problems: readonly LineProblem[]): void {
  if (problems.length === 0) return;
  console.log(`Keys that are ${what}: ${problems.length}`);
  for (const { line, message } of problems.slice(0, MOST_SHOWN)) console.log(`  ${line}: ${message}`);
  if (problems.length > MOST_SHOWN) console.log(`  … and ${problems.length - MOST_SHOWN} more`);
}

await runCommand('import', async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      'dry-run': { type: 'boolean', default: false },
      'keys-only': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const [path, ...others] = positionals;
  if (path === undefined || others.length > 0) throw new OperatorError(`Expected one file\n\n${USAGE}`);
  await importFile(path, { dryRun: values['dry-run'], keysOnly: values['keys-only'] });
});
