import type { Log } from '../../base/log.ts';
import type { Secret } from '../../base/secret.ts';
import type { KeyChanges, StoredKey } from '../../stores/pool-types.ts';
import type { EffectOutbox, Written } from './effect-outbox.ts';
import type { KeyPool } from './key-pool.ts';
import { type KeyOpener, SealedSecret } from './sealed-secret.ts';
import type { LiveKey } from './types.ts';

/** Records that are named in the log when many cannot be opened. */
const MOST_WARNINGS = 5;

export interface RecordBookOptions {
  readonly pool: KeyPool;
  readonly outbox: EffectOutbox;
  readonly opener: KeyOpener;
  readonly log: Log;
}

/**
 * The stored records as this process knows them; what changes in them changes in the pool. Keys go there sealed: opening
 * 100,000 would hold up a start for seconds, and most are not asked for soon. One that turns out to be damaged leaves the
 * pool when it is first needed.
 */
export class RecordBook {
  readonly #options: RecordBookOptions;
  readonly #records = new Map<string, StoredKey>();
  readonly #damaged = new Set<string>();
  readonly #opener: Pick<KeyOpener, 'open'>;
  #warnings = 0;
  #membership = 0;

  constructor(options: RecordBookOptions) {
    this.#options = options;
    this.#opener = { open: (id, sealed) => this.#open(id, sealed) };
  }

  /** Grows whenever a record is added or removed. */
  get membership(): number {
    return this.#membership;
  }

  /** By id, as the store has them. */
  get records(): ReadonlyMap<string, StoredKey> {
    return this.#records;
  }

  /** Ids of records that are known not to open: they are not in the pool. */
  get damaged(): ReadonlySet<string> {
    return this.#damaged;
  }

  /** @param written decisions that the changes know of; others of this process outweigh them */
  take({ changed, removed }: Pick<KeyChanges, 'changed' | 'removed'>, written: Written): void {
    // A record that was removed and added again is in both.
    const gone = new Set(removed);
    const live: LiveKey[] = [];
    for (const record of changed) {
      const key = this.#liveKey(record, written);
      const before = this.#records.size;
      this.#records.set(record.id, record);
      if (this.#records.size > before) this.#membership += 1;
      if (key === undefined) gone.add(record.id);
      else {
        gone.delete(record.id);
        live.push(key);
      }
    }
    const kept = new Set(changed.map(record => record.id));
    for (const id of removed) {
      if (kept.has(id)) continue;
      if (this.#records.delete(id)) this.#membership += 1;
      this.#damaged.delete(id);
    }
    this.#options.pool.apply({ changed: live, removed: [...gone] });
  }

  /** Removes all records but these, which are all there. */
  keepOnly(ids: ReadonlySet<string>, written: Written): void {
    // As a rule nothing else is there.
    if (ids.size === this.#records.size) return;
    const removed = [...this.#records.keys()].filter(id => !ids.has(id));
    this.take({ changed: [], removed }, written);
  }

  #liveKey(record: StoredKey, written: Written): LiveKey | undefined {
    const { id, sealed, hint, provider, baseUrl, pool, quotaTokens } = record;
    const secret = this.#secretOf(record);
    if (secret === undefined) return undefined;
    const isBanned = record.status === 'active' && this.#options.outbox.isBanning(id, sealed, written);
    const status = isBanned ? 'banned' : record.status;
    return { id, source: 'stored', secret, hint, provider, baseUrl, pool, quotaTokens, status };
  }

  /** Takes another look at the records that did not open: keys were learned meanwhile. */
  retry(written: Written): void {
    const { opener } = this.#options;
    const openable = [...this.#damaged].flatMap(id => {
      const record = this.#records.get(id);
      return record !== undefined && opener.knows(record.sealed) ? [record] : [];
    });
    for (const { id } of openable) this.#damaged.delete(id);
    if (openable.length > 0) this.take({ changed: openable, removed: [] }, written);
  }

  #secretOf(record: StoredKey): Secret | undefined {
    const { id, sealed } = record;
    if (this.#records.get(id)?.sealed === sealed) {
      if (this.#damaged.has(id)) return undefined;
      const known = this.#options.pool.get(id);
      if (known !== undefined) return known.secret;
    }
    if (this.#options.opener.knows(sealed)) {
      this.#damaged.delete(id);
      return new SealedSecret(record, this.#opener);
    }
    // Only for the words of its error.
    try {
      this.#options.opener.open(id, sealed);
    } catch (error) {
      this.#noteDamaged(id, error);
    }
    return undefined;
  }

  #open(id: string, sealed: string): string {
    try {
      return this.#options.opener.open(id, sealed);
    } catch (error) {
      if (this.#records.get(id)?.sealed === sealed) {
        this.#noteDamaged(id, error);
        // Not at once: the pool may be about to use it, and gets an error for an answer.
        queueMicrotask(() => {
          if (this.#damaged.has(id)) this.#options.pool.apply({ changed: [], removed: [id] });
        });
      }
      throw error;
    }
  }

  #noteDamaged(keyId: string, error: unknown): void {
    if (this.#damaged.has(keyId)) return;
    this.#damaged.add(keyId);
    this.#warnings += 1;
    if (this.#warnings <= MOST_WARNINGS) {
      this.#options.log.error(
        { err: error, keyId },
        'Key pool: a stored key cannot be opened and is left out',
      );
    } else if (this.#warnings === MOST_WARNINGS + 1) {
      this.#options.log.error('Key pool: more stored keys cannot be opened');
    }
  }
}
