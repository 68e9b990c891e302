import { AppError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { KeyTest, PoolStores } from '../../stores/pool-types.ts';
import type { SourceBan } from './source-bans.ts';

/** A process that died in the middle of a test keeps others from it for so long. */
const LEASE_MS = 60_000;
/** A result is of use to those whose test comes soon after. */
const KEEP_MS = 24 * 3_600_000;

export interface SourceTestOptions {
  readonly stores: Pick<PoolStores, 'leases' | 'notes'>;
  /** Tests a key the way a request would use it. */
  readonly test: (keyId: string) => Promise<KeyTest>;
  /** Identity of this process. */
  readonly holder: string;
  readonly log: Log;
  /** Epoch ms. */
  readonly now: () => number;
}

/**
 * Tests a key without a record, once for all processes that banned it: the first one asks the upstream, the others go by
 * what it found. A login is each process's own, for two of them may have different ones under the same id. While the
 * store is away each tests for itself.
 *
 * @returns the result, newer than all that the ban knows; `undefined` while another process is at it
 */
export async function testOfSource(
  ban: SourceBan,
  options: SourceTestOptions,
): Promise<{ readonly test: KeyTest; readonly asked: boolean } | undefined> {
  const { stores, holder, log, now } = options;
  const ask = async () => ({ test: await options.test(ban.id), asked: true });
  if (ban.source !== 'environment' && ban.source !== 'file') return ask();
  const name = `pool-recovery ${ban.id}`;
  let known: string | undefined;
  try {
    if (!(await stores.leases.take(name, holder, { nowMs: now(), forMs: LEASE_MS }))) return undefined;
    known = await stores.notes.read(name, now());
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'ERR_STORE_UNAVAILABLE') throw error;
    return ask();
  }
  try {
    const test = known === undefined ? undefined : (JSON.parse(known) as KeyTest);
    if (test !== undefined && test.atMs > Math.max(ban.statusAtMs, ban.lastTest?.atMs ?? 0))
      return { test, asked: false };
    const found = await ask();
    const nowMs = now();
    await stores.notes
      .put(name, JSON.stringify(found.test), { nowMs, untilMs: nowMs + KEEP_MS })
      .catch(untold);
    return found;
  } finally {
    await stores.leases.release(name, holder).catch(untold);
  }

  function untold(error: unknown): void {
    log.debug({ err: error, keyId: ban.id }, 'Key pool: other processes test this key for themselves');
  }
}
