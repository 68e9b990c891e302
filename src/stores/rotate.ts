import { AppError } from '../base/errors.ts';
import { CHECK_NAME } from './encryption.ts';
import { NEXT_KEY_NAME } from './next-key.ts';
import type { PoolStores, StoredKey } from './pool-types.ts';
import type { Sealer } from './sealing.ts';

/** Records read at a time, and written side by side. */
const PAGE = 500;
const SIDE_BY_SIDE = 25;
/** A sealed value that somebody else writes at the same time is tried anew. */
const VALUE_ATTEMPTS = 10;

export interface RotationProgress {
  /** Key records and sealed values looked at so far; those changed meanwhile count again. */
  readonly examined: number;
  /** Written under the current key so far. */
  readonly rewritten: number;
}

export interface RotationReport extends RotationProgress {
  /** Ids and names of what could not be opened, with any key given. It is left as it was. */
  readonly unreadable: readonly string[];
  /** Ids of records that hold a key which another record holds too; sealed anew, their fingerprint left as it was. */
  readonly duplicates: readonly string[];
}

/**
 * Seals all that is stored under the sealer's current key, while everything goes on. Each record is one atomic step that
 * gives way to whoever changed it meanwhile. Ended at any point it is simply run again: what is done is told by the key id
 * in the sealed text. When it resolves, the previous keys are needed for nothing but what it reports as unreadable.
 *
 * Every process must have learned the new key before it begins (`Encryption.learn`): what one adds that has not would stay
 * under the old key.
 *
 * @throws AppError `ERR_STORE_UNAVAILABLE`
 */
export async function rotateKeys(
  stores: Pick<PoolStores, 'keys' | 'sealed'>,
  sealer: Sealer,
  onProgress: (progress: RotationProgress) => void = () => {},
): Promise<RotationReport> {
  const unreadable = new Set<string>();
  const duplicates = new Set<string>();
  let examined = 0;
  let rewritten = 0;

  /** The text of a record in clear, or `undefined` when no key opens it. */
  function opened(id: string, sealed: string): string | undefined {
    try {
      return sealer.open(id, sealed);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      unreadable.add(id);
      return undefined;
    }
  }

  /** A record that was changed meanwhile comes again with a later revision. */
  async function rotateKey({ id, sealed }: StoredKey): Promise<void> {
    examined += 1;
    if (sealer.isCurrent(sealed)) return;
    const text = opened(id, sealed);
    if (text === undefined) return;
    const next = { sealed: sealer.seal(id, text) };
    let outcome = await stores.keys.update(
      id,
      { ...next, fingerprint: sealer.fingerprint(text) },
      { sealed },
    );
    if (outcome === 'duplicate') {
      duplicates.add(id);
      outcome = await stores.keys.update(id, next, { sealed });
    }
    if (outcome === 'updated') rewritten += 1;
  }

  async function rotateAllKeys(): Promise<void> {
    let since = 0;
    for (;;) {
      const { revision, changed, removed, startOver } = await stores.keys.changes(since, PAGE);
      since = revision;
      for (let from = 0; from < changed.length; from += SIDE_BY_SIDE) {
        await Promise.all(changed.slice(from, from + SIDE_BY_SIDE).map(rotateKey));
      }
      onProgress({ examined, rewritten });
      if (!startOver && changed.length === 0 && removed.length === 0) return;
    }
  }

  async function rotateValue(name: string): Promise<void> {
    for (let attempt = 1; attempt <= VALUE_ATTEMPTS; attempt += 1) {
      const value = await stores.sealed.read(name);
      if (value === undefined || sealer.isCurrent(value.sealed)) return;
      const text = opened(name, value.sealed);
      if (text === undefined) return;
      if (await stores.sealed.replace(name, sealer.seal(name, text), value.version)) {
        rewritten += 1;
        return;
      }
    }
    throw new AppError('ERR_CONFLICT', `Expected \`${name}\` to rest for a moment; run the rotation again`);
  }

  await rotateAllKeys();
  const names = (await stores.sealed.names()).filter(name => name !== NEXT_KEY_NAME);
  // The check comes last: until all is done, a process that lacks the old key must not start.
  for (const name of [...names.filter(each => each !== CHECK_NAME), CHECK_NAME]) {
    await rotateValue(name);
    examined += 1;
  }
  onProgress({ examined, rewritten });
  return { examined, rewritten, unreadable: [...unreadable], duplicates: [...duplicates] };
}
