import { AppError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { KeyChanges, PoolGroup, PoolStores, Rest, StoredKey } from '../../stores/pool-types.ts';
import type { LocalFile, StoreState } from '../../stores/types.ts';
import { EffectOutbox, restName, type Written } from './effect-outbox.ts';
import type { KeyPool } from './key-pool.ts';
import { isPoolCopy, type PoolCopy } from './pool-copy.ts';
import { RecordBook } from './record-book.ts';
import { byTimer, type Schedule } from './schedule.ts';
import type { KeyOpener } from './sealed-secret.ts';
import type { PoolEffect } from './types.ts';

/** How often the stores are compared: what hints miss is known a second later. */
const COMPARE_EVERY_MS = 1000;
/** Hints are gathered for so long: every cool-down gives one. */
const HINT_DELAY_MS = 50;
/** Records read in one step: bounds how long opening them holds up requests. */
const PAGE = 2000;
/** From a change to the local copy that has it, and as much more for each key: a large one takes its time to write. */
const SAVE_DELAY_MS = 5000;
const SAVE_DELAY_MS_PER_KEY = 0.1;

export interface PoolReplicaOptions {
  readonly stores: Pick<PoolStores, 'keys' | 'groups' | 'settings' | 'rests'>;
  readonly pool: KeyPool;
  readonly opener: KeyOpener;
  /** Looks whether the opener can open more by now; true where it can. Asked once a second, so it must be cheap. */
  readonly learnKeys?: (() => Promise<boolean>) | undefined;
  /** Served from where the stores are away at start. Left out where the store is local itself. */
  readonly localCopy?: LocalFile<PoolCopy> | undefined;
  /** Called with the console's settings when they changed (also those that are not the pool's). */
  readonly onSettings?: ((settings: ReadonlyMap<string, unknown>) => void) | undefined;
  readonly log: Log;
  /** Epoch ms. */
  readonly now?: () => number;
  readonly schedule?: Schedule;
}

/**
 * Keeps a `KeyPool` current from the stores, and writes what the pool decided back.
 *
 * How far bans and cool-downs hold across processes: one decided here holds at once here; in the others after its write
 * and their next read, as a rule within 0.2 s by a hint, at the latest 1 s and one read later. Meanwhile each of them may
 * ask the key too. While the store is away a decision holds only where it was made, and is written when the store is back.
 * Their clocks' difference adds to a cool-down's end.
 */
export class PoolReplica {
  readonly #options: PoolReplicaOptions;
  readonly #now: () => number;
  readonly #schedule: Schedule;
  readonly #outbox: EffectOutbox;
  readonly #book: RecordBook;

  #revision = 0;
  #groups: readonly PoolGroup[] = [];
  #settings: ReadonlyMap<string, unknown> = new Map();
  /** Cool-downs that the last read gave, as a list and by name. */
  #restList: readonly Rest[] = [];
  #rests: ReadonlyMap<string, Rest> = new Map();
  #addedAtRests = 0;
  #state: StoreState = 'ok';
  #loaded = false;

  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #stopped = false;
  #stopWatching: (() => void) | undefined;
  #cancelCompare: (() => void) | undefined;
  #cancelHinted: (() => void) | undefined;
  #cancelSave: (() => void) | undefined;
  #saving: Promise<void> = Promise.resolve();

  constructor(options: PoolReplicaOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#schedule = options.schedule ?? byTimer;
    this.#outbox = new EffectOutbox({
      keys: options.stores.keys,
      rests: options.stores.rests,
      now: this.#now,
      onFailure: error => this.#failed(error),
    });
    const { pool, opener, log } = options;
    this.#book = new RecordBook({ pool, opener, log, outbox: this.#outbox });
  }

  /** `degraded` while the stores do not answer; the pool then has what was known last. */
  get state(): StoreState {
    return this.#state;
  }

  /** Whether there is something to serve from, be it the local copy. */
  get loaded(): boolean {
    return this.#loaded;
  }

  /** Every stored record by id, as the store has it. */
  get records(): ReadonlyMap<string, StoredKey> {
    return this.#book.records;
  }

  /** Grows whenever a record is added or removed. */
  get membership(): number {
    return this.#book.membership;
  }

  /** Ids of records that are known not to open: they are not in the pool. */
  get damaged(): ReadonlySet<string> {
    return this.#book.damaged;
  }

  get groups(): readonly PoolGroup[] {
    return this.#groups;
  }

  /** What the console saved, the pool's settings and all others. */
  get settings(): ReadonlyMap<string, unknown> {
    return this.#settings;
  }

  /** Decisions of the pool that are not in the store yet. */
  get pendingEffects(): number {
    return this.#outbox.pending;
  }

  /** Loads everything, else the local copy, and keeps up from then on. Never rejects. */
  async start(): Promise<void> {
    this.#stopWatching = this.#options.stores.keys.watch(() => this.#hinted());
    await this.refresh();
    if (!this.#loaded) await this.#loadLocalCopy();
    this.#compareLater();
  }

  /**
   * Takes over what the stores hold now: a write that ended before the call is seen when it resolves. Calls during a read
   * share one more read after it. Never rejects; stores that fail set `state`.
   */
  refresh(): Promise<void> {
    if (this.#running === undefined) return this.#run();
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return this.#running ?? this.#run();
    });
    return this.#next;
  }

  /** Queues an effect of the pool; give it as `KeyPool`'s `onEffect`. What concerns no other process is left out. */
  record(effect: PoolEffect): void {
    if (effect.source === 'client') return;
    if (effect.kind === 'ban' && effect.source !== 'stored') return;
    this.#outbox.add(effect, this.#book.records.get(effect.keyId)?.sealed);
  }

  /** Ends the watch; resolves when what is queued was tried once more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopWatching?.();
    this.#cancelCompare?.();
    this.#cancelHinted?.();
    await this.#next;
    await this.#running;
    await this.#outbox.flush();
    if (this.#cancelSave !== undefined) this.#saveNow();
    await this.#saving;
  }

  #hinted(): void {
    if (this.#stopped || this.#cancelHinted !== undefined) return;
    this.#cancelHinted = this.#schedule(() => {
      this.#cancelHinted = undefined;
      void this.refresh();
    }, HINT_DELAY_MS);
  }

  #compareLater(): void {
    if (this.#stopped) return;
    this.#cancelCompare = this.#schedule(() => {
      void (this.#running ?? this.#run()).then(() => this.#compareLater());
    }, COMPARE_EVERY_MS);
  }

  #run(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.#running = this.#compare().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #compare(): Promise<void> {
    try {
      const allWritten = await this.#outbox.flush();
      const written = this.#outbox.written();
      await this.#learnKeys(written);
      const { groups, settings, rests } = this.#options.stores;
      // Groups first: a key of a new group must not stand in the tier of `default` for a moment.
      this.#takeGroups(await groups.readAll());
      this.#takeSettings(await settings.readAll());
      await this.#readKeys(written);
      const nowMs = this.#now();
      this.#takeRests(await rests.readAll(nowMs), nowMs, written);
      this.#outbox.forget(written);
      this.#loaded = true;
      if (allWritten) this.#recovered();
    } catch (error) {
      this.#failed(error);
    }
  }

  async #readKeys(written: Written): Promise<void> {
    const { opener } = this.#options;
    let since = this.#revision;
    let { page, named } = this.#readFrom(since);
    for (;;) {
      const changes = await page;
      if (changes.startOver) {
        if (since === 0)
          throw new AppError('ERR_STORE_UNAVAILABLE', 'The store cannot tell which keys it has');
        since = 0;
        ({ page, named } = this.#readFrom(since));
        continue;
      }
      since = changes.revision;
      const isLast = changes.changed.length < PAGE && changes.removed.length < PAGE;
      // The store reads on while this page is taken over.
      if (!isLast) page = this.#nextPage(since);
      // While keys are rotated, what was sealed a moment ago may be under one that is not known yet.
      if (changes.changed.some(({ sealed }) => !opener.knows(sealed))) await this.#learnKeys(written);
      this.#book.take(changes, written);
      if (changes.changed.length + changes.removed.length > 0) this.#saveLater();
      for (const id of changes.removed) named?.delete(id);
      for (const { id } of changes.changed) named?.add(id);
      if (named === undefined) this.#revision = since;
      if (isLast) break;
    }
    if (named === undefined) return;
    this.#book.keepOnly(named, written);
    this.#saveLater();
    this.#revision = since;
  }

  async #learnKeys(written: Written): Promise<void> {
    if ((await this.#options.learnKeys?.()) === true) this.#book.retry(written);
  }

  /** @returns `named`: read from the beginning, what the store does not name is gone */
  #readFrom(since: number): { page: Promise<KeyChanges>; named: Set<string> | undefined } {
    return { page: this.#nextPage(since), named: since === 0 ? new Set() : undefined };
  }

  #nextPage(since: number): Promise<KeyChanges> {
    const page = this.#options.stores.keys.changes(since, PAGE);
    // Whoever awaits it is told; nobody does where taking the page before it failed.
    page.catch(() => {});
    return page;
  }

  #takeGroups(groups: readonly PoolGroup[]): void {
    if (JSON.stringify(groups) === JSON.stringify(this.#groups)) return;
    this.#groups = groups;
    this.#options.pool.setGroups(groups);
    this.#saveLater();
  }

  #takeSettings(settings: ReadonlyMap<string, unknown>): void {
    if (this.#loaded && sameSettings(settings, this.#settings)) return;
    this.#settings = settings;
    this.#options.onSettings?.(settings);
    this.#saveLater();
  }

  #takeRests(rests: readonly Rest[], nowMs: number, written: Written): void {
    const { pool } = this.#options;
    // As a rule nothing has changed, and there may be very many. Keys of other sources may have come, though.
    const before = this.#restList.filter(rest => rest.untilMs > nowMs);
    const isSame = rests.length === before.length && rests.every((rest, index) => rest === before[index]);
    if (isSame && pool.added === this.#addedAtRests && written.rests.size === 0) return;
    this.#restList = rests;
    this.#addedAtRests = pool.added;
    const known = new Map(rests.map(rest => [restName(rest), rest]));
    pool.setRests(rests, nowMs);
    // What the store had, or was given, and has no more though its time is not over was taken away by somebody.
    const had = [...this.#rests, ...[...written.rests].map(rest => [restName(rest), rest] as const)];
    for (const [name, rest] of had) {
      if (known.has(name) || rest.untilMs <= nowMs || this.#outbox.isResting(rest, written)) continue;
      pool.wake(rest.keyId, rest.model);
    }
    this.#rests = known;
  }

  #recovered(): void {
    if (this.#state === 'ok') return;
    this.#state = 'ok';
    this.#options.log.info('Key pool: the store is back');
  }

  #failed(error: unknown): void {
    if (this.#state === 'degraded') return;
    this.#state = 'degraded';
    const reason = error instanceof AppError ? error.message : 'unexpected error';
    this.#options.log.warn(
      { err: error },
      `Key pool: the store does not answer, the last known keys serve on (${reason})`,
    );
  }

  async #loadLocalCopy(): Promise<void> {
    const copy: unknown = await this.#options.localCopy?.load();
    if (copy === undefined || this.#loaded) return;
    if (!isPoolCopy(copy)) {
      this.#options.log.warn('Key pool: the local copy is not usable');
      return;
    }
    const nothing = this.#outbox.written();
    this.#takeGroups(copy.groups);
    this.#takeSettings(new Map(copy.settings));
    this.#book.take({ changed: copy.records, removed: [] }, nothing);
    this.#cancelSave?.();
    this.#cancelSave = undefined;
    this.#loaded = true;
    this.#options.log.warn(`Key pool: serving ${copy.records.length} keys from the local copy`);
  }

  #saveLater(): void {
    if (this.#options.localCopy === undefined || this.#cancelSave !== undefined) return;
    const delayMs = SAVE_DELAY_MS + Math.floor(SAVE_DELAY_MS_PER_KEY * this.#book.records.size);
    this.#cancelSave = this.#schedule(() => this.#saveNow(), delayMs);
  }

  #saveNow(): void {
    this.#cancelSave?.();
    this.#cancelSave = undefined;
    const { localCopy, log } = this.#options;
    this.#saving = this.#saving
      .then(() =>
        localCopy?.save({
          records: [...this.#book.records.values()],
          groups: this.#groups,
          settings: [...this.#settings],
        }),
      )
      .catch(error => log.warn({ err: error }, 'Key pool: the local copy cannot be written'));
  }
}

function sameSettings(left: ReadonlyMap<string, unknown>, right: ReadonlyMap<string, unknown>): boolean {
  if (left.size !== right.size) return false;
  for (const [name, value] of left) {
    if (!right.has(name) || JSON.stringify(right.get(name)) !== JSON.stringify(value)) return false;
  }
  return true;
}
