import { setImmediate as nextTurn } from 'node:timers/promises';
import { AppError } from '../../base/errors.ts';
import type {
  KeyStore,
  PoolGroup,
  PoolGroupStore,
  SealedStore,
  SettingsStore,
  StoredKey,
} from '../../stores/pool-types.ts';
import type { MappingStore } from '../../stores/types.ts';
import type { KeySealer } from './key-record.ts';

/** A key in a backup: its record in clear, without what the store makes itself. */
export interface BackupKey extends Omit<StoredKey, 'sealed' | 'fingerprint' | 'hint'> {
  readonly key: string;
}

/** What a backup holds, in clear: it must not lie anywhere unencrypted. */
export interface BackupContent {
  /** Rows as stored. */
  readonly mappings: Readonly<Record<string, string>>;
  readonly keys: readonly BackupKey[];
  readonly groups: readonly PoolGroup[];
  readonly settings: Readonly<Record<string, unknown>>;
  /** Small secrets by name (the OAuth tokens). */
  readonly secrets: Readonly<Record<string, string>>;
}

export interface BackupStores {
  readonly mappings: Pick<MappingStore, 'readAll' | 'putAll'>;
  readonly keys: Pick<KeyStore, 'changes' | 'add' | 'update'>;
  readonly groups: Pick<PoolGroupStore, 'readAll' | 'put'>;
  readonly settings: SettingsStore;
  readonly sealed: SealedStore;
}

const READ_AT_ONCE = 5000;
const OPENED_AT_ONCE = 500;

/** All records of a store, by id. */
export async function readAllKeys(store: Pick<KeyStore, 'changes'>): Promise<Map<string, StoredKey>> {
  const records = new Map<string, StoredKey>();
  let revision = 0;
  for (;;) {
    const answer = await store.changes(revision, READ_AT_ONCE);
    if (answer.startOver) records.clear();
    for (const key of answer.changed) records.set(key.id, key);
    for (const id of answer.removed) records.delete(id);
    if (!answer.startOver && answer.changed.length + answer.removed.length < READ_AT_ONCE) return records;
    revision = answer.startOver ? 0 : answer.revision;
  }
}

/**
 * Names of values about the encryption key itself (`stores/encryption.ts`, `stores/next-key.ts`). Every store has its own:
 * in another one they would be wrong, and a backup is no place for a key.
 */
const OWN_PREFIX = 'encryption-';

/**
 * Reads everything that a backup holds.
 *
 * @returns in `leftOut` the ids and names of what cannot be opened: one damaged record must not prevent all backups
 * @throws AppError `ERR_STORE_UNAVAILABLE`
 */
export async function collectBackup(
  stores: BackupStores,
  sealer: KeySealer,
): Promise<{ content: BackupContent; leftOut: readonly string[] }> {
  const leftOut: string[] = [];
  const opened = (id: string, sealed: string): string | undefined => {
    try {
      return sealer.open(id, sealed);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      leftOut.push(id);
      return undefined;
    }
  };
  const keys: BackupKey[] = [];
  for (const { sealed, fingerprint: _, hint: __, ...fields } of (await readAllKeys(stores.keys)).values()) {
    const key = opened(fields.id, sealed);
    if (key !== undefined) keys.push({ ...fields, key });
    if (keys.length % OPENED_AT_ONCE === 0) await nextTurn();
  }
  keys.sort((left, right) => left.createdAtMs - right.createdAtMs || (left.id < right.id ? -1 : 1));
  const secrets: [string, string][] = [];
  for (const name of await stores.sealed.names()) {
    const value = name.startsWith(OWN_PREFIX) ? undefined : await stores.sealed.read(name);
    const text = value && opened(name, value.sealed);
    if (text !== undefined) secrets.push([name, text]);
  }
  const content: BackupContent = {
    mappings: Object.fromEntries(await stores.mappings.readAll()),
    keys,
    groups: await stores.groups.readAll(),
    settings: Object.fromEntries(await stores.settings.readAll()),
    secrets: Object.fromEntries(secrets),
  };
  return { content, leftOut };
}

/**
 * Reads the decrypted text of a backup. It is as we wrote it, since it was authenticated; only its outline is checked.
 *
 * @throws AppError `ERR_VALIDATION` (field `backup`)
 */
export function parseBackupContent(text: string): BackupContent {
  const content = JSON.parse(text) as Partial<BackupContent>;
  const { mappings, keys, groups, settings, secrets } = content;
  if (![mappings, settings, secrets].every(isObject) || !Array.isArray(keys) || !Array.isArray(groups)) {
    throw new AppError('ERR_VALIDATION', 'Expected `backup` to hold mappings, keys, groups and settings', {
      field: 'backup',
    });
  }
  return content as BackupContent;
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
