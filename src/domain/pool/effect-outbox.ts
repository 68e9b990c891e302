import type { KeyStore, Rest, RestStore } from '../../stores/pool-types.ts';
import type { PoolEffect } from './types.ts';

/** Writes under way at once. */
const WRITES_AT_ONCE = 8;

interface Ban {
  readonly keyId: string;
  readonly reason: string;
  readonly atMs: number;
  /** The secret that was judged, sealed: a record that holds another one by now is not banned. */
  readonly sealed: string | undefined;
  /** It lies in the store, or the store knows better. */
  written: boolean;
}

interface PendingRest extends Rest {
  written: boolean;
}

/** Decisions that lie in the store. */
export interface Written {
  readonly bans: ReadonlySet<Ban>;
  readonly rests: ReadonlySet<PendingRest>;
}

export interface OutboxOptions {
  readonly keys: Pick<KeyStore, 'update'>;
  readonly rests: Pick<RestStore, 'rest'>;
  readonly now: () => number;
  readonly onFailure: (error: unknown) => void;
}

/**
 * What the pool decided and the store does not have yet. Each decision is kept until a read of the store that began after
 * its write has ended: what an older read says must not undo it.
 */
export class EffectOutbox {
  readonly #options: OutboxOptions;
  readonly #bans = new Map<string, Ban>();
  readonly #rests = new Map<string, PendingRest>();
  #flushing: Promise<boolean> | undefined;
  /** Something was added since the flush under way looked. */
  #more = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Decisions that are not written yet. */
  get pending(): number {
    let count = 0;
    for (const ban of this.#bans.values()) if (!ban.written) count += 1;
    for (const rest of this.#rests.values()) if (!rest.written) count += 1;
    return count;
  }

  /** @param sealed of the record, for a ban */
  add(effect: PoolEffect, sealed: string | undefined): void {
    if (effect.kind === 'ban') {
      const { keyId, reason, atMs } = effect;
      this.#bans.set(keyId, { keyId, reason, atMs, sealed, written: false });
    } else {
      const { keyId, model, untilMs } = effect;
      this.#rests.set(restName(effect), { keyId, model, untilMs, written: false });
    }
    this.#more = true;
    void this.flush();
  }

  /** Whether a key was banned here and a read may not say so yet. */
  isBanning(keyId: string, sealed: string, seen: Written): boolean {
    const ban = this.#bans.get(keyId);
    return ban !== undefined && !seen.bans.has(ban) && (ban.sealed === undefined || ban.sealed === sealed);
  }

  /** Whether a cool-down was decided here and a read may not say so yet. */
  isResting(rest: Pick<Rest, 'keyId' | 'model'>, seen: Written): boolean {
    const pending = this.#rests.get(restName(rest));
    return pending !== undefined && !seen.rests.has(pending);
  }

  /** What is written now, so that every read that begins after this call tells of it. */
  written(): Written {
    return {
      bans: new Set([...this.#bans.values()].filter(ban => ban.written)),
      rests: new Set([...this.#rests.values()].filter(rest => rest.written)),
    };
  }

  /** Lets go of what a read that has ended tells. */
  forget({ bans, rests }: Written): void {
    for (const [name, ban] of this.#bans) if (bans.has(ban)) this.#bans.delete(name);
    for (const [name, rest] of this.#rests) if (rests.has(rest)) this.#rests.delete(name);
  }

  /** Writes what is pending; what fails stays for the next call. Never rejects. @returns whether all was written */
  flush(): Promise<boolean> {
    this.#flushing ??= this.#flushAll().finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  async #flushAll(): Promise<boolean> {
    try {
      do {
        this.#more = false;
        const queue = [...this.#bans.values(), ...this.#rests.values()].filter(effect => !effect.written);
        const next = queue.values();
        await Promise.all(
          Array.from({ length: Math.min(WRITES_AT_ONCE, queue.length) }, async () => {
            for (const effect of next) await this.#write(effect);
          }),
        );
      } while (this.#more);
      return true;
    } catch (error) {
      this.#options.onFailure(error);
      return false;
    }
  }

  async #write(effect: Ban | PendingRest): Promise<void> {
    const { keys, rests, now } = this.#options;
    if ('untilMs' in effect) {
      const { keyId, model, untilMs } = effect;
      if (untilMs > now()) await rests.rest({ keyId, model, untilMs }, now());
    } else {
      const { keyId, reason, atMs, sealed } = effect;
      const patch = {
        status: 'banned',
        statusReason: reason,
        statusAtMs: atMs,
        failedRecoveries: 0,
      } as const;
      await keys.update(keyId, patch, { status: 'active', ...(sealed === undefined ? {} : { sealed }) });
    }
    effect.written = true;
  }
}

/** Tells cool-downs apart: by key and model. */
export function restName({ keyId, model }: Pick<Rest, 'keyId' | 'model'>): string {
  return `${keyId}\n${model}`;
}
