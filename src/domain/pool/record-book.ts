import type { Log } from '../../base/log.ts';
import { Secret } from '../../base/secret.ts';
import type { KeyChanges, StoredKey } from '../../stores/pool-types.ts';
import type { EffectOutbox, Written } from './effect-outbox.ts';
import type { KeyPool } from './key-pool.ts';
import type { LiveKey } from './types.ts';

/** Records that are named in the log when many cannot be opened. */
const MOST_WARNINGS = 5;

export interface RecordBookOptions {
  readonly pool: KeyPool;
  readonly outbox: EffectOutbox;
  /** Opens a sealed key; throws where it cannot be opened. */
  readonly open: (id: string, sealed: string) => string;
  readonly log: Log;
}

/** The stored records as this process knows them; what changes in them changes in the pool. */
export class RecordBook {
  readonly #options: RecordBookOptions;
  readonly #records = new Map<string, StoredKey>();
  readonly #damaged = new Set<string>();
  #warnings = 0;

  constructor(options: RecordBookOptions) {
    this.#options = options;
  }

  /** By id, as the store has them. */
  get records(): ReadonlyMap<string, StoredKey> {
    return this.#records;
  }

  /** Ids of records that cannot be opened: they are not in the pool. */
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
      this.#records.set(record.id, record);
      if (key === undefined) gone.add(record.id);
      else {
        gone.delete(record.id);
        live.push(key);
      }
    }
    const kept = new Set(changed.map(record => record.id));
    for (const id of removed) {
      if (kept.has(id)) continue;
      this.#records.delete(id);
      this.#damaged.delete(id);
    }
    this.#options.pool.apply({ changed: live, removed: [...gone] });
  }

  /** Removes all records but these. */
  keepOnly(ids: ReadonlySet<string>, written: Written): void {
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

  #secretOf({ id, sealed }: StoredKey): Secret | undefined {
    const known = this.#records.get(id)?.sealed === sealed ? this.#options.pool.get(id) : undefined;
    if (known !== undefined) return known.secret;
    try {
      const secret = new Secret(this.#options.open(id, sealed));
      this.#damaged.delete(id);
      return secret;
    } catch (error) {
      if (!this.#damaged.has(id)) this.#warn(id, error);
      this.#damaged.add(id);
      return undefined;
    }
  }

  #warn(keyId: string, error: unknown): void {
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
