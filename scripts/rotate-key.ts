import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { EncryptionKeys } from '../src/config/encryption-key.ts';
import {
  CHECK_NAME,
  ENCRYPTION_KEY_FILE,
  loadEncryptionKey,
  saveEncryptionKeys,
} from '../src/stores/encryption.ts';
import { announceKey, announcementFor, withdrawKey } from '../src/stores/next-key.ts';
import { rotateKeys } from '../src/stores/rotate.ts';
import { createSealer, type Sealer } from '../src/stores/sealing.ts';
import { encryptionOf, type Installation, OperatorError, runCommand, withInstallation } from './operator.ts';

const USAGE = `Usage: npm run rotate

Changes the encryption key of the stored keys. Servers go on serving, and none has to be restarted: they learn the new key
within a second.

Where the key is in DATA_DIR/${ENCRYPTION_KEY_FILE}, \`npm run rotate\` makes a new one, and that is all.

Where the key is in ENCRYPTION_KEY:
1. ENCRYPTION_KEY=<new>,<old> npm run rotate   (\`openssl rand -base64 32\` makes a new one)
   seals everything under the new key. The servers keep the old one in their environment meanwhile.
2. Put the new key into the environment of every server; it counts from its next restart on.
3. ENCRYPTION_KEY=<new> npm run rotate
   ends it: from then on the old key opens nothing.

Interrupted at any point it is simply run again. A backup does not depend on the key.`;

/** Every process looks for a new key once a second; a slow one has some more time. */
const LEARNING_MS = 3000;
const LATE_MS = 1000;

async function rotate(installation: Installation): Promise<void> {
  const { config, stores, log } = installation;
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
  // A key that opens nothing must not be changed for another one.
  await encryptionOf(installation);
  if (config.encryptionKey === undefined) await rotateFile(installation, keys);
  else if (keys.previous.length > 0) await rotateEnvironment(installation, keys);
  else await endRotation(installation, keys);
}

/** The servers read the file as this command writes it. */
async function rotateFile(installation: Installation, found: EncryptionKeys): Promise<void> {
  const { dataDir } = installation.config;
  let keys = found;
  if (keys.previous.length === 0) {
    keys = { current: randomBytes(32), previous: [found.current] };
    await saveEncryptionKeys(dataDir, keys);
    console.error(`A new key stands first in ${dataDir}/${ENCRYPTION_KEY_FILE}, the old one behind it`);
  }
  await setTimeout(LEARNING_MS);
  await reseal(installation, createSealer(keys));
  await saveEncryptionKeys(dataDir, { current: keys.current, previous: [] });
  console.log(`The old key is gone from ${dataDir}/${ENCRYPTION_KEY_FILE}`);
}

/** The servers learn the new key from the store, where it lies sealed under the old one. */
async function rotateEnvironment(installation: Installation, keys: EncryptionKeys): Promise<void> {
  const { sealed } = installation.stores.pool;
  const sealer = createSealer(keys);
  if ((await announcementFor(sealed, sealer)) === 'foreign') {
    throw new OperatorError(
      'an earlier rotation is not ended: put its new key into the environment of every server, and run this with that key alone',
    );
  }
  const check = await sealed.read(CHECK_NAME);
  const inForce = keys.previous
    .map(current => createSealer({ current }))
    .find(each => check !== undefined && each.isCurrent(check.sealed));
  if (inForce !== undefined) {
    await announceKey(sealed, { under: inForce, next: keys.current });
    console.error('The servers are told the new key');
    await setTimeout(LEARNING_MS);
  }
  await reseal(installation, sealer);
  console.log('Now put the new key alone into ENCRYPTION_KEY of every server, for its next restart.');
  console.log('After that, `npm run rotate` with the new key alone takes the old one out of use.');
}

/** With the new key alone: takes back what the old one opens still. */
async function endRotation(installation: Installation, keys: EncryptionKeys): Promise<void> {
  const { sealed } = installation.stores.pool;
  const sealer = createSealer(keys);
  const announcement = await announcementFor(sealed, sealer);
  if (announcement === 'none') {
    throw new OperatorError(`Expected the new and the old key in ENCRYPTION_KEY, got one key\n\n${USAGE}`);
  }
  if (announcement === 'own') {
    throw new OperatorError(
      'a rotation away from this key is under way: go on with ENCRYPTION_KEY=<new>,<old>, or end it with the new key alone',
    );
  }
  await reseal(installation, sealer);
  await withdrawKey(sealed, sealer);
  console.log('The old key opens nothing any more.');
}

/** @throws OperatorError where something does not open: the old keys are needed for it */
async function reseal(installation: Installation, sealer: Sealer): Promise<void> {
  const duplicates = new Set<string>();
  let { rewritten, unreadable, ...first } = await resealOnce(installation, sealer);
  for (const id of first.duplicates) duplicates.add(id);
  if (rewritten > 0) {
    // What a process was about to write under the old key when it learned the new one.
    await setTimeout(LATE_MS);
    const late = await resealOnce(installation, sealer);
    rewritten += late.rewritten;
    unreadable = late.unreadable;
    for (const id of late.duplicates) duplicates.add(id);
  }
  console.log(`Sealed ${rewritten} secrets in ${installation.where} under the new key`);
  if (duplicates.size > 0)
    console.log(`The same key stands in several records: ${[...duplicates].join(', ')}`);
  if (unreadable.length > 0) {
    throw new OperatorError(
      `no given key opens these, so the old ones are kept: ${unreadable.join(', ')}; delete them, or add their key`,
    );
  }
}

function resealOnce({ stores }: Installation, sealer: Sealer): ReturnType<typeof rotateKeys> {
  return rotateKeys(stores.pool, sealer, ({ examined, rewritten }) => {
    console.error(`${examined} looked at, ${rewritten} sealed anew`);
  });
}

await runCommand('rotate', async () => {
  const { values } = parseArgs({ options: { help: { type: 'boolean', default: false } } });
  if (values.help) console.log(USAGE);
  else await withInstallation(rotate);
});
