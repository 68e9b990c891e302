import type { KeyCondition, KeyPatch, NewKey, StoredKey, StoredStatus } from './pool-types.ts';

/** A key record as both stores keep it: what they look at themselves, and all else as one JSON text. */
export interface KeyRow {
  readonly id: string;
  readonly fingerprint: string;
  readonly status: StoredStatus;
  readonly pool: string;
  /** JSON object of the other fields, never empty. */
  readonly details: string;
}

export function rowOfKey(key: NewKey): KeyRow {
  const { id, fingerprint, status, pool, otherFingerprints, ...details } = key;
  return { id, fingerprint, status, pool, details: JSON.stringify(details) };
}

/** JSON of the record. Its details are copied as they are: for 100,000 keys that is far cheaper than taking them apart. */
export function keyText({ id, fingerprint, status, pool, details }: KeyRow): string {
  return `{"id":${JSON.stringify(id)},"fingerprint":${JSON.stringify(fingerprint)},"status":"${status}","pool":${JSON.stringify(pool)},${details.slice(1)}`;
}

export function keyOfRow(row: KeyRow): StoredKey {
  return JSON.parse(keyText(row)) as StoredKey;
}

/** The record after a change. */
export function patchedKey(key: StoredKey, patch: KeyPatch): StoredKey {
  const next: Record<string, unknown> = { ...key };
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete next[field];
    else if (value !== undefined) next[field] = value;
  }
  return next as unknown as StoredKey;
}

/** Whether a record still says what a writer expects of it. */
export function meets(key: StoredKey, onlyIf: StoredStatus | KeyCondition | undefined): boolean {
  if (onlyIf === undefined) return true;
  const { status, sealed } = typeof onlyIf === 'string' ? { status: onlyIf } : onlyIf;
  return (status === undefined || key.status === status) && (sealed === undefined || key.sealed === sealed);
}

/** How many removals a store remembers before it may forget them; more stay while there are more records than that. */
export const REMOVALS_KEPT = 10_000;
