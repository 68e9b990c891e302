import { closeSync, openSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { collectBackup } from '../src/domain/transfer/backup-content.ts';
import { encryptBackup, parseNewPassphrase } from '../src/domain/transfer/backup-document.ts';
import {
  encryptionOf,
  OperatorError,
  PASSPHRASE_VARIABLE,
  readPassphrase,
  runCommand,
  withInstallation,
} from './operator.ts';

const USAGE = `Usage: npm run backup -- [file] [--passphrase-file <file>]

Writes everything but statistics (mappings, keys, pool groups, settings, OAuth tokens) into one file, encrypted by a
passphrase. The passphrase comes from --passphrase-file, from ${PASSPHRASE_VARIABLE}, or from the keyboard. Without a name
the file is switchyard-backup-<time>.json. A file that exists is not overwritten.`;

async function backUp(path: string, passphraseFile: string | undefined): Promise<void> {
  const passphrase = parseNewPassphrase(await readPassphrase({ file: passphraseFile, repeat: true }));
  await withInstallation(async installation => {
    const { sealer } = await encryptionOf(installation);
    const { mappings, pool } = installation.stores;
    const { content, leftOut } = await collectBackup({ ...pool, mappings }, sealer);
    const document = await encryptBackup(JSON.stringify(content), passphrase, { nowMs: Date.now() });
    // Opened only now, so that what failed leaves no empty file behind.
    const file = openSync(path, 'wx', 0o600);
    try {
      writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`);
    } finally {
      closeSync(file);
    }
    const counts = `${content.keys.length} keys, ${Object.keys(content.mappings).length} mappings`;
    console.log(`Wrote ${counts} and all around them to ${path}`);
    if (leftOut.length > 0) {
      throw new OperatorError(`left out, because they cannot be opened: ${leftOut.join(', ')}`);
    }
  });
}

await runCommand('backup', async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { 'passphrase-file': { type: 'string' }, help: { type: 'boolean', default: false } },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const time = new Date().toISOString().replace(/[:.]/g, '-');
  const [path = `switchyard-backup-${time}.json`, ...others] = positionals;
  if (others.length > 0) throw new OperatorError(`Expected one file\n\n${USAGE}`);
  await backUp(path, values['passphrase-file']);
});
