import { AppError } from '../base/errors.ts';
import type { SealedStore } from './pool-types.ts';
import type { Sealer } from './sealing.ts';

/**
 * Name of the sealed value by which a rotation tells the new encryption key to every process that has the old one. It is
 * sealed under the old key, so it says nothing to anybody else, and it stays until every process starts with the new one.
 */
export const NEXT_KEY_NAME = 'encryption-next';

/** Somebody else who writes the value at the same time is another rotation. */
const ATTEMPTS = 5;

/** @param under its current key is the one that the processes have */
export async function announceKey(
  store: SealedStore,
  { under, next }: { readonly under: Sealer; readonly next: Buffer },
): Promise<void> {
  await write(store, under.seal(NEXT_KEY_NAME, next.toString('base64')));
}

/** Takes the announcement back: the old key then opens nothing any more. */
export async function withdrawKey(store: SealedStore, sealer: Sealer): Promise<void> {
  await write(store, sealer.seal(NEXT_KEY_NAME, ''));
}

/** The key that whoever holds the current one of a sealer is to change to. */
export async function announcedKey(
  store: Pick<SealedStore, 'read'>,
  sealer: Sealer,
): Promise<Buffer | undefined> {
  const value = await store.read(NEXT_KEY_NAME);
  // One under an older key is of a rotation that is long done.
  if (value === undefined || !sealer.isCurrent(value.sealed)) return undefined;
  const text = sealer.open(NEXT_KEY_NAME, value.sealed);
  return text === '' ? undefined : Buffer.from(text, 'base64');
}

/**
 * What is announced, to whoever has these keys: nothing; something that one of them opens; or something that only another
 * key opens, of a rotation that these know only the end of.
 */
export async function announcementFor(
  store: Pick<SealedStore, 'read'>,
  sealer: Sealer,
): Promise<'none' | 'own' | 'foreign'> {
  const value = await store.read(NEXT_KEY_NAME);
  if (value === undefined) return 'none';
  if (!sealer.knows(value.sealed)) return 'foreign';
  return sealer.open(NEXT_KEY_NAME, value.sealed) === '' ? 'none' : 'own';
}

async function write(store: SealedStore, sealed: string): Promise<void> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const value = await store.read(NEXT_KEY_NAME);
    if (await store.replace(NEXT_KEY_NAME, sealed, value?.version ?? 0)) return;
  }
  throw new AppError('ERR_CONFLICT', 'Expected no other rotation to be under way; run this one again later');
}
