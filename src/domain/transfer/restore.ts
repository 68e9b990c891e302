import { setImmediate as nextTurn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { KeyPatch, NewKey, StoredKey } from '../../stores/pool-types.ts';
import { newKeyId } from '../pool/key-text.ts';
import { type BackupContent, type BackupKey, type BackupStores, readAllKeys } from './backup-content.ts';
import { fingerprintsOf, type KeySealer, recordOf } from './key-record.ts';

/** How many rows of one kind a restore wrote, or would write. */
export interface RestoreCounts {
  readonly added: number;
  readonly changed: number;
  readonly unchanged: number;
}

export interface RestoreReport {
  readonly dryRun: boolean;
  readonly mappings: RestoreCounts;
  readonly keys: RestoreCounts;
  readonly poolGroups: RestoreCounts;
  readonly settings: RestoreCounts;
  readonly secrets: RestoreCounts;
}

export interface RestoreOptions {
  readonly stores: BackupStores;
  readonly sealer: KeySealer;
  /** Only say what would change. */
  readonly dryRun: boolean;
}

/** Records written in one step. */
const STEP = 500;
/** Changes that are under way at once. */
const SIDE_BY_SIDE = 25;

/**
 * Makes everything that a backup holds as the backup says; what it does not hold stays. Small secrets are only written
 * where there are none: a refresh token that was used since is worthless, and the newer one would be lost. Doing it again
 * is harmless, so one that was cut off is finished that way.
 *
 * @throws AppError `ERR_STORE_UNAVAILABLE`
 */
export async function restoreBackup(content: BackupContent, options: RestoreOptions): Promise<RestoreReport> {
  const { dryRun } = options;
  return {
    dryRun,
    poolGroups: await restoreGroups(content, options),
    settings: await restoreSettings(content, options),
    mappings: await restoreMappings(content, options),
    secrets: await restoreSecrets(content, options),
    keys: await restoreKeys(content, options),
  };
}

async function restoreGroups({ groups }: BackupContent, { stores, dryRun }: RestoreOptions) {
  const present = new Map((await stores.groups.readAll()).map(group => [group.id, group]));
  const plan = compare(
    groups.map(group => [group.id, group]),
    present,
  );
  if (!dryRun) for (const group of plan.written.values()) await stores.groups.put(group);
  return plan.counts;
}

async function restoreSettings({ settings }: BackupContent, { stores, dryRun }: RestoreOptions) {
  const plan = compare(Object.entries(settings), await stores.settings.readAll());
  if (!dryRun && plan.written.size > 0) await stores.settings.write(plan.written);
  return plan.counts;
}

async function restoreMappings({ mappings }: BackupContent, { stores, dryRun }: RestoreOptions) {
  const plan = compare(Object.entries(mappings), await stores.mappings.readAll());
  if (!dryRun && plan.written.size > 0) await stores.mappings.putAll(plan.written);
  return plan.counts;
}

async function restoreSecrets({ secrets }: BackupContent, { stores, sealer, dryRun }: RestoreOptions) {
  const present = new Set(await stores.sealed.names());
  const missing = Object.entries(secrets).filter(([name]) => !present.has(name));
  if (!dryRun)
    for (const [name, text] of missing) await stores.sealed.replace(name, sealer.seal(name, text), 0);
  return { added: missing.length, changed: 0, unchanged: Object.keys(secrets).length - missing.length };
}

async function restoreKeys({ keys }: BackupContent, { stores, sealer, dryRun }: RestoreOptions) {
  const present = await readAllKeys(stores.keys);
  const byFingerprint = new Map([...present.values()].map(key => [key.fingerprint, key]));
  let added = 0;
  let changed = 0;
  for (let from = 0; from < keys.length; from += STEP) {
    const records: NewKey[] = [];
    const patches: [id: string, patch: KeyPatch][] = [];
    for (const key of keys.slice(from, from + STEP)) {
      const stored = fingerprintsOf(key.key, sealer)
        .map(fingerprint => byFingerprint.get(fingerprint))
        .find(record => record !== undefined);
      if (stored === undefined) {
        added += 1;
        if (!dryRun) records.push(restoredRecord(key, present, sealer));
        continue;
      }
      const patch = patchTowards(stored, key);
      if (patch === undefined) continue;
      changed += 1;
      if (!dryRun) patches.push([stored.id, patch]);
    }
    if (records.length > 0) await stores.keys.add(records);
    for (let at = 0; at < patches.length; at += SIDE_BY_SIDE) {
      const some = patches.slice(at, at + SIDE_BY_SIDE);
      await Promise.all(some.map(([id, patch]) => stores.keys.update(id, patch)));
    }
    await nextTurn();
  }
  return { added, changed, unchanged: keys.length - added - changed };
}

/** With the id that it had, because statistics know it by that, unless another key has got it. */
function restoredRecord(key: BackupKey, present: ReadonlyMap<string, unknown>, sealer: KeySealer): NewKey {
  const { key: text, id, ...fields } = key;
  const freeId = present.has(id) ? newKeyId(key.createdAtMs) : id;
  return recordOf({ ...fields, text }, sealer, freeId);
}

/** What to change of a record; `undefined` where it is as the backup says. */
function patchTowards(stored: StoredKey, key: BackupKey): KeyPatch | undefined {
  const same =
    stored.provider === key.provider &&
    stored.baseUrl === key.baseUrl &&
    stored.pool === key.pool &&
    stored.notes === key.notes &&
    stored.quotaTokens === key.quotaTokens &&
    stored.status === key.status;
  if (same) return undefined;
  return {
    provider: key.provider,
    baseUrl: key.baseUrl ?? null,
    pool: key.pool,
    notes: key.notes,
    quotaTokens: key.quotaTokens ?? null,
    status: key.status,
    statusReason: key.statusReason,
    statusAtMs: key.statusAtMs,
    failedRecoveries: key.failedRecoveries,
  };
}

function compare<T>(
  rows: readonly (readonly [string, T])[],
  present: ReadonlyMap<string, T>,
): { written: Map<string, T>; counts: RestoreCounts } {
  const written = new Map<string, T>();
  let added = 0;
  for (const [name, value] of rows) {
    if (!present.has(name)) added += 1;
    else if (isDeepStrictEqual(present.get(name), value)) continue;
    written.set(name, value);
  }
  return {
    written,
    counts: { added, changed: written.size - added, unchanged: rows.length - written.size },
  };
}
