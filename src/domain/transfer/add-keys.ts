import { setImmediate as nextTurn } from 'node:timers/promises';
import type { KeyStore, NewKey } from '../../stores/pool-types.ts';
import { type KeyDraft, type KeySealer, recordOf } from './key-record.ts';

/** Why one key of a list was not taken. Never holds the key. */
export interface LineProblem {
  /** As in `KeyLine`. */
  readonly line: number;
  readonly code: 'ERR_VALIDATION' | 'ERR_DUPLICATE';
  readonly message: string;
}

export interface AddOptions {
  readonly store: Pick<KeyStore, 'add'>;
  readonly sealer: KeySealer;
  /** Called after each step with how many keys have been looked at. */
  readonly onProgress?: (done: number) => void;
  /** For a dry run: whether the store has a key with this fingerprint. Nothing is written then. */
  readonly isStored?: (fingerprint: string) => boolean;
}

export interface AddReport {
  readonly taken: number;
  readonly duplicates: readonly LineProblem[];
}

export interface LineDraft {
  readonly line: number;
  readonly draft: KeyDraft;
}

/** Keys sealed and stored in one step: some ms of work, so that requests go on in between. */
const STEP = 500;

/**
 * Adds many keys in steps. Each step is stored whole or not at all, and a key that is there already is left as it is:
 * what was cut off in the middle is finished by doing it again.
 *
 * @throws AppError `ERR_STORE_UNAVAILABLE`
 */
export async function addKeys(drafts: readonly LineDraft[], options: AddOptions): Promise<AddReport> {
  const { store, sealer } = options;
  const firstLine = new Map<string, number>();
  const duplicates: LineProblem[] = [];
  let taken = 0;
  for (let from = 0; from < drafts.length; from += STEP) {
    const records: NewKey[] = [];
    const lines: number[] = [];
    const step = drafts.slice(from, from + STEP);
    for (const { line, draft } of step) {
      const record = recordOf(draft, sealer);
      const earlier = firstLine.get(record.fingerprint);
      if (earlier !== undefined) {
        duplicates.push(duplicate(line, `The same key stands in ${earlier} already`));
        continue;
      }
      firstLine.set(record.fingerprint, line);
      records.push(record);
      lines.push(line);
    }
    const added = new Set(
      options.isStored === undefined
        ? await store.add(records)
        : records.filter(record => !isKnown(record, options.isStored!)).map(({ id }) => id),
    );
    taken += added.size;
    for (const [index, record] of records.entries()) {
      if (!added.has(record.id)) duplicates.push(duplicate(lines[index]!, 'The pool has this key already'));
    }
    options.onProgress?.(from + step.length);
    await nextTurn();
  }
  duplicates.sort((left, right) => left.line - right.line);
  return { taken, duplicates };
}

function isKnown(record: NewKey, isStored: (fingerprint: string) => boolean): boolean {
  return [record.fingerprint, ...(record.otherFingerprints ?? [])].some(isStored);
}

function duplicate(line: number, message: string): LineProblem {
  return { line, code: 'ERR_DUPLICATE', message };
}
