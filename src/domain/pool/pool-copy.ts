import type { PoolGroup, StoredKey } from '../../stores/pool-types.ts';

/** What lies in the local copy of the pool. Secrets in it are sealed. */
export interface PoolCopy {
  readonly records: readonly StoredKey[];
  readonly groups: readonly PoolGroup[];
  readonly settings: readonly (readonly [name: string, value: unknown])[];
}

/** Records in one piece: a ms of work. */
const PIECE = 500;

/** The JSON of a copy in pieces: that of 100,000 keys at once would hold up requests for half a second. */
export function* poolCopyText({ records, groups, settings }: PoolCopy): Generator<string> {
  yield `{"groups":${JSON.stringify(groups)},"settings":${JSON.stringify(settings)},"records":[`;
  for (let from = 0; from < records.length; from += PIECE) {
    const piece = JSON.stringify(records.slice(from, from + PIECE)).slice(1, -1);
    yield from === 0 ? piece : `,${piece}`;
  }
  yield ']}';
}

export function isPoolCopy(value: unknown): value is PoolCopy {
  if (typeof value !== 'object' || value === null) return false;
  const { records, groups, settings } = value as Record<string, unknown>;
  return (
    Array.isArray(groups) &&
    Array.isArray(settings) &&
    settings.every(pair => Array.isArray(pair) && typeof pair[0] === 'string') &&
    Array.isArray(records) &&
    records.every(record => typeof record?.id === 'string' && typeof record?.sealed === 'string')
  );
}
