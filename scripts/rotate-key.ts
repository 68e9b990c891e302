import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import type { EncryptionKeys } from '../src/config/encryption-key.ts';
import { ENCRYPTION_KEY_FILE, loadEncryptionKey, saveEncryptionKeys } from '../src/stores/encryption.ts';
import { rotateKeys } from '../src/stores/rotate.ts';
import { createSealer } from '../src/stores/sealing.ts';
import { type Installation, OperatorError, runCommand, withInstallation } from './operator.ts';

const USAGE = `Usage: npm run rotate

Changes the encryption key of the stored keys, while the server goes on serving. In two steps, because every process must know
both keys before anything is sealed under the new one:

1. Make the new key known. Where the key is in DATA_DIR/${ENCRYPTION_KEY_FILE}, \`npm run rotate\` does it; where it is in
   ENCRYPTION_KEY, put the new one before the old one yourself, at every instance: ENCRYPTION_KEY=<new>,<old>
   (\`openssl rand -base64 32\` makes one). Then restart every instance, one after the other.
2. \`npm run rotate\`, with both keys set, seals everything under the new key. Then the old one is needed no more.

Interrupted at any point it is simply run again. A backup does not depend on the key.`;

async function rotate(installation: Installation): Promise<void> {
  const { config, stores, log } = installation;
  const fromFile = config.encryptionKey === undefined;
  const keys = await loadEncryptionKey({
    configured: config.encryptionKey,
    kind: stores.kind,
    folder: config.dataDir,
    log,
    isUsed: true,
  });
  if (keys === undefined) {
    throw new OperatorError('Expected ENCRYPTION_KEY to be set, as it is at the instances');
  }
  if (keys.previous.length > 0) await reseal(installation, keys, fromFile);
  else if (fromFile) await prepare(config.dataDir, keys);
  else throw new OperatorError(`Expected the new and the old key in ENCRYPTION_KEY, got one key\n\n${USAGE}`);
}

async function prepare(folder: string, keys: EncryptionKeys): Promise<void> {
  await saveEncryptionKeys(folder, { current: randomBytes(32), previous: [keys.current] });
  console.log(`A new key stands first in ${folder}/${ENCRYPTION_KEY_FILE}, the old one behind it.`);
  console.log('Restart Switchyard, so that it knows both; then run `npm run rotate` once more.');
}

async function reseal(installation: Installation, keys: EncryptionKeys, fromFile: boolean): Promise<void> {
  const { config, stores } = installation;
  const report = await rotateKeys(stores.pool, createSealer(keys), ({ examined, rewritten }) => {
    console.error(`${examined} looked at, ${rewritten} sealed anew`);
  });
  const { rewritten, unreadable, duplicates } = report;
  console.log(`Sealed ${rewritten} secrets in ${installation.where} under the new key`);
  if (duplicates.length > 0) console.log(`The same key stands in several records: ${duplicates.join(', ')}`);
  if (unreadable.length > 0) {
    throw new OperatorError(
      `no given key opens these, so the old ones are kept: ${unreadable.join(', ')}; delete them, or add their key`,
    );
  }
  if (fromFile) await saveEncryptionKeys(config.dataDir, { current: keys.current, previous: [] });
  console.log(
    fromFile
      ? `The old key is gone from ${config.dataDir}/${ENCRYPTION_KEY_FILE}`
      : 'The old key may be taken out of ENCRYPTION_KEY',
  );
}

await runCommand('rotate', async () => {
  const { values } = parseArgs({ options: { help: { type: 'boolean', default: false } } });
  if (values.help) console.log(USAGE);
  else await withInstallation(rotate);
});
