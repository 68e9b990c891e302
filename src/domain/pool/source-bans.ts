import type { KeyTest } from '../../stores/pool-types.ts';
import type { KeyPool } from './key-pool.ts';
import type { KeySourceName, PoolEffect } from './types.ts';

/** The ban of a key that has no record: one of the environment, of a file or of a login. */
export interface SourceBan {
  readonly id: string;
  readonly source: KeySourceName;
  readonly reason: string;
  /** Epoch ms of the ban. */
  readonly statusAtMs: number;
  readonly lastTest?: KeyTest;
  /** Recovery tests that failed since the ban; sets the backoff. */
  readonly failedRecoveries: number;
}

/**
 * Remembers why and since when keys without a record are banned. Such a ban is this process's own and ends with it: no
 * store has it, and each process finds out for itself.
 */
export class SourceBans {
  readonly #pool: Pick<KeyPool, 'get' | 'apply' | 'wake'>;
  readonly #bans = new Map<string, SourceBan>();

  constructor(pool: Pick<KeyPool, 'get' | 'apply' | 'wake'>) {
    this.#pool = pool;
  }

  /** Give it every effect of the pool; all but the bans meant here are passed over. */
  note(effect: PoolEffect): void {
    if (effect.kind !== 'ban' || effect.source === 'stored' || effect.source === 'client') return;
    const { keyId: id, source, reason, atMs: statusAtMs } = effect;
    this.#bans.set(id, { id, source, reason, statusAtMs, failedRecoveries: 0 });
  }

  /** The ban of a key; `undefined` where it is not banned, or gone, or has a record. */
  get(keyId: string): SourceBan | undefined {
    const ban = this.#bans.get(keyId);
    if (ban === undefined || this.#pool.get(keyId)?.status === 'banned') return ban;
    // Its source has another secret under this id by now, or lost the key.
    this.#bans.delete(keyId);
    return undefined;
  }

  all(): SourceBan[] {
    return [...this.#bans.keys()].flatMap(id => this.get(id) ?? []);
  }

  /** The test failed. @param isAboutKey false where it says nothing about the key: the next one comes no later then */
  failed(ban: SourceBan, lastTest: KeyTest, isAboutKey: boolean): void {
    if (this.get(ban.id) !== ban) return;
    const failedRecoveries = ban.failedRecoveries + (isAboutKey ? 1 : 0);
    this.#bans.set(ban.id, { ...ban, lastTest, failedRecoveries });
  }

  /** Takes a key back, its cool-downs ended. False where it was banned anew, or replaced, since `ban` was read. */
  end(ban: SourceBan): boolean {
    const key = this.#pool.get(ban.id);
    if (this.get(ban.id) !== ban || key === undefined) return false;
    this.#bans.delete(ban.id);
    this.#pool.apply({ changed: [{ ...key, status: 'active' }], removed: [] });
    this.#pool.wake(ban.id);
    return true;
  }
}
