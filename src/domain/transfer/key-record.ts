import type { EarlierUse, KeyTest, NewKey, ProviderName, StoredStatus } from '../../stores/pool-types.ts';
import { hintOf, newKeyId } from '../pool/key-text.ts';

/** Turns keys into what a store may see, and back. `stores/sealing.ts` has it. */
export interface KeySealer {
  /** @param id additional data: a sealed text opens under its own id alone */
  seal(id: string, text: string): string;
  /** @throws AppError where it cannot be opened */
  open(id: string, sealed: string): string;
  /** Equal texts have equal fingerprints. */
  fingerprint(text: string): string;
  /** Fingerprints under other encryption keys, while keys are rotated. */
  otherFingerprints(text: string): readonly string[];
}

/** A key that somebody wants to have in the pool, in clear and checked. */
export interface KeyDraft {
  readonly text: string;
  readonly provider: ProviderName;
  readonly baseUrl?: string;
  readonly pool: string;
  readonly notes: string;
  readonly quotaTokens?: number;
  readonly status: StoredStatus;
  readonly statusReason: string;
  readonly statusAtMs: number;
  readonly createdAtMs: number;
  readonly lastTest?: KeyTest;
  readonly earlier?: EarlierUse;
  readonly failedRecoveries?: number;
}

/** Every fingerprint under which a record of this key may lie in the store. */
export function fingerprintsOf(text: string, sealer: KeySealer): readonly string[] {
  return [sealer.fingerprint(text), ...sealer.otherFingerprints(text)];
}

/**
 * The record of a key.
 *
 * @param id a new one when left out, which sorts as the time of creation does
 */
export function recordOf(
  draft: KeyDraft,
  sealer: KeySealer,
  id: string = newKeyId(draft.createdAtMs),
): NewKey {
  const { text, ...fields } = draft;
  return {
    ...fields,
    id,
    sealed: sealer.seal(id, text),
    fingerprint: sealer.fingerprint(text),
    otherFingerprints: sealer.otherFingerprints(text),
    hint: hintOf(text),
    failedRecoveries: draft.failedRecoveries ?? 0,
  };
}
