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

/** Keys sealed without a pause: some ms of work, so that requests go on in between. */
const SEALED_AT_ONCE = 500;
/** Keys stored in one step. A larger one costs a store less for each key, and other calls wait longer for it. */
const STORED_AT_ONCE = 2_000;

/** Keys that are ready to be stored together. */
interface Step {
  readonly records: NewKey[];
  /** Of each record. */
  readonly lines: number[];
  /** Keys of the list that this step leads up to. */
  readonly upTo: number;
}

/**
 * Adds many keys in steps; while the store takes one, the next is sealed. Each step is stored whole or not at all, and a
 * key that is there already is left as it is: what was cut off in the middle is finished by doing it again.
 *
 * @throws AppError `ERR_STORE_UNAVAILABLE`
 */
export async function addKeys(drafts: readonly LineDraft[], options: AddOptions): Promise<AddReport> {
  const { store, sealer, isStored } = options;
  const firstLine = new Map<string, number>();
  const duplicates: LineProblem[] = [];
  let taken = 0;

  async function seal(from: number): Promise<Step> {
    const upTo = Math.min(drafts.length, from + STORED_AT_ONCE);
    const step: Step = { records: [], lines: [], upTo };
    for (let index = from; index < upTo; index += 1) {
      if ((index - from) % SEALED_AT_ONCE === SEALED_AT_ONCE - 1) await nextTurn();
      const { line, draft } = drafts[index]!;
      const record = recordOf(draft, sealer);
      const earlier = firstLine.get(record.fingerprint);
      if (earlier !== undefined) {
        duplicates.push(duplicate(line, `The same key stands in ${earlier} already`));
        continue;
      }
      firstLine.set(record.fingerprint, line);
      step.records.push(record);
      step.lines.push(line);
    }
    return step;
  }

  async function put({ records, lines, upTo }: Step): Promise<void> {
    const added = new Set(
      isStored === undefined
        ? await store.add(records)
        : records.filter(record => !isKnown(record, isStored)).map(({ id }) => id),
    );
    taken += added.size;
    for (const [index, record] of records.entries()) {
      if (!added.has(record.id)) duplicates.push(duplicate(lines[index]!, 'The pool has this key already'));
    }
    options.onProgress?.(upTo);
  }

  let putting = Promise.resolve();
  for (let from = 0; from < drafts.length; from += STORED_AT_ONCE) {
    // A failure of the step before is met here, or when the next is to be stored.
    const [step] = await Promise.all([seal(from), putting]);
    putting = put(step);
  }
  await putting;
  duplicates.sort((left, right) => left.line - right.line);
  return { taken, duplicates };
}

function isKnown(record: NewKey, isStored: (fingerprint: string) => boolean): boolean {
  return [record.fingerprint, ...(record.otherFingerprints ?? [])].some(isStored);
}

function duplicate(line: number, message: string): LineProblem {
  return { line, code: 'ERR_DUPLICATE', message };
}
