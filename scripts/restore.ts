import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parseBackupContent } from '../src/domain/transfer/backup-content.ts';
import { decryptBackup } from '../src/domain/transfer/backup-document.ts';
import { type RestoreReport, restoreBackup } from '../src/domain/transfer/restore.ts';
import {
  encryptionOf,
  OperatorError,
  PASSPHRASE_VARIABLE,
  readPassphrase,
  runCommand,
  withInstallation,
} from './operator.ts';

const USAGE = `Usage: npm run restore -- <file> [--dry-run] [--passphrase-file <file>]

Makes everything that a backup holds as the backup says; what it does not hold stays. OAuth tokens are only restored where
there are none. A server may run meanwhile. The passphrase comes from --passphrase-file, from ${PASSPHRASE_VARIABLE}, or from
the keyboard. Restoring once more is harmless.

  --dry-run   only say what would change`;

const PARTS = [
  ['mappings', 'Mappings'],
  ['poolGroups', 'Pool groups'],
  ['settings', 'Settings'],
  ['secrets', 'OAuth tokens'],
  ['keys', 'Keys'],
] as const;

async function restore(
  path: string,
  options: { dryRun: boolean; passphraseFile: string | undefined },
): Promise<void> {
  const document = parsed(readFileSync(path, 'utf8'));
  const passphrase = await readPassphrase({ file: options.passphraseFile, repeat: false });
  const content = parseBackupContent(await decryptBackup(document, passphrase));
  await withInstallation(async installation => {
    const { sealer } = await encryptionOf(installation);
    const { mappings, pool } = installation.stores;
    const stores = { ...pool, mappings };
    const report = await restoreBackup(content, { stores, sealer, dryRun: options.dryRun });
    for (const line of lines(report)) console.log(line);
    console.log(options.dryRun ? 'Nothing was changed' : `Restored into ${installation.where}`);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new OperatorError('Expected a backup, got a file that is not JSON');
  }
}

function lines(report: RestoreReport): string[] {
  const [added, changed] = report.dryRun ? ['would be added', 'would change'] : ['added', 'changed'];
  return PARTS.map(([part, name]) => {
    const counts = report[part];
    return `${name}: ${counts.added} ${added}, ${counts.changed} ${changed}, ${counts.unchanged} are as in the backup`;
  });
}

await runCommand('restore', async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      'dry-run': { type: 'boolean', default: false },
      'passphrase-file': { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const [path, ...others] = positionals;
  if (path === undefined || others.length > 0) throw new OperatorError(`Expected one file\n\n${USAGE}`);
  await restore(path, { dryRun: values['dry-run'], passphraseFile: values['passphrase-file'] });
});
