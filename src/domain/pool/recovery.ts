import type { Log } from '../../base/log.ts';
import type { KeyTest, PoolStores, StoredKey } from '../../stores/pool-types.ts';
import type { PoolConfig } from './pool-config.ts';
import { byTimer, type Schedule } from './schedule.ts';
import type { SourceBan, SourceBans } from './source-bans.ts';
import { testOfSource } from './source-test.ts';

/** How often it is looked for keys that are due. */
const ROUND_EVERY_MS = 10_000;
/** A prober that died keeps others away for so long. */
const LEASE_MS = 60_000;
const EXTEND_LEASE_AFTER_MS = 20_000;
const LEASE_NAME = 'pool-recovery';
const TESTS_AT_ONCE = 4;
const MOST_PER_ROUND = 200;
/** Share of its wait by which a key is tested later, by its id: keys banned at once are not tested at once. */
const SPREAD = 0.2;

export interface RecoveryOptions {
  readonly stores: Pick<PoolStores, 'keys' | 'rests' | 'leases' | 'notes'>;
  /** All records; only banned ones are tested. */
  readonly records: () => Iterable<StoredKey>;
  /** Bans of keys without a record. */
  readonly sourceBans: Pick<SourceBans, 'all' | 'failed' | 'end'>;
  readonly config: () => PoolConfig['recovery'];
  /** Tests a key the way a request would use it. */
  readonly test: (keyId: string) => Promise<KeyTest>;
  /** Identity of this process for the lease. */
  readonly holder: string;
  readonly log: Log;
  /** Epoch ms. */
  readonly now?: () => number;
  readonly schedule?: Schedule;
}

/**
 * Tests banned keys again and takes back those that work. The first test comes `intervalMs` after the ban, each that
 * fails doubles the wait, up to `maxIntervalMs`. One process of the installation does it at a time for the stored keys.
 * Keys of the environment, of a file and of a login are banned by each process for itself, so each looks after those that
 * it banned, on the same schedule; see `testOfSource`.
 */
export class Recovery {
  readonly #options: RecoveryOptions;
  readonly #now: () => number;
  readonly #schedule: Schedule;
  #leaseTakenMs = Number.NEGATIVE_INFINITY;
  #running: Promise<number> | undefined;
  #cancel: (() => void) | undefined;
  #stopped = false;
  #failing = false;

  constructor(options: RecoveryOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#schedule = options.schedule ?? byTimer;
  }

  start(): void {
    if (this.#stopped) return;
    this.#cancel = this.#schedule(() => {
      void this.round().then(() => this.start());
    }, ROUND_EVERY_MS);
  }

  /** One round now: tests what is due. Calls during a round join it. Never rejects. @returns how many were tested */
  round(): Promise<number> {
    this.#running ??= this.#round()
      .catch(error => {
        if (!this.#failing) this.#options.log.warn({ err: error }, 'Key pool: banned keys cannot be tested');
        this.#failing = true;
        return 0;
      })
      .finally(() => {
        this.#running = undefined;
      });
    return this.#running;
  }

  /** No further test begins; resolves when those under way have ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#running;
    if (this.#leaseTakenMs === Number.NEGATIVE_INFINITY) return;
    try {
      await this.#options.stores.leases.release(LEASE_NAME, this.#options.holder);
    } catch (error) {
      this.#options.log.debug({ err: error }, 'Key pool: the lease of the prober runs out by itself');
    }
  }

  async #round(): Promise<number> {
    const config = this.#options.config();
    if (!config.enabled || this.#stopped) return 0;
    const bans = this.#due(this.#options.sourceBans.all(), config);
    const tested = await this.#testAll(
      bans,
      ban => this.#retestOfSource(ban),
      async () => true,
    );
    if (!(await this.#holdLease())) return tested;
    const banned: StoredKey[] = [];
    for (const record of this.#options.records()) if (record.status === 'banned') banned.push(record);
    const due = this.#due(banned, config);
    const stored = await this.#testAll(
      due,
      record => this.#retest(record),
      () => this.#holdLease(),
    );
    this.#failing = false;
    return tested + stored;
  }

  /** Those whose time has come, longest overdue first. */
  #due<T extends SourceBan | StoredKey>(banned: readonly T[], config: PoolConfig['recovery']): T[] {
    const nowMs = this.#now();
    return banned
      .map(key => ({ key, dueMs: nextTestMs(key, config) }))
      .filter(({ dueMs }) => dueMs <= nowMs)
      .sort((left, right) => left.dueMs - right.dueMs)
      .slice(0, MOST_PER_ROUND)
      .map(({ key }) => key);
  }

  /** Some at once. @param retest false where no test was made @returns how many were tested */
  async #testAll<T>(
    due: readonly T[],
    retest: (key: T) => Promise<boolean>,
    mayGoOn: () => Promise<boolean>,
  ): Promise<number> {
    const next = due.values();
    let tested = 0;
    const work = async () => {
      for (const key of next) {
        if (this.#stopped || !(await mayGoOn())) return;
        if (await retest(key)) tested += 1;
      }
    };
    await Promise.all(Array.from({ length: Math.min(TESTS_AT_ONCE, due.length) }, work));
    return tested;
  }

  async #retest(record: StoredKey): Promise<boolean> {
    const { stores, log } = this.#options;
    const lastTest = await this.#options.test(record.id);
    if (!lastTest.ok) {
      const failedRecoveries = record.failedRecoveries + (isAboutKey(lastTest) ? 1 : 0);
      await stores.keys.update(record.id, { lastTest, failedRecoveries }, 'banned');
      return true;
    }
    const patch = {
      status: 'active',
      statusReason: 'works again',
      statusAtMs: this.#now(),
      lastTest,
      failedRecoveries: 0,
    } as const;
    const outcome = await stores.keys.update(record.id, patch, { status: 'banned', sealed: record.sealed });
    if (outcome !== 'updated') return true;
    await stores.rests.wake(record.id);
    log.info({ keyId: record.id }, 'Key pool: a banned key works again');
    return true;
  }

  async #retestOfSource(ban: SourceBan): Promise<boolean> {
    const { stores, log, sourceBans } = this.#options;
    const result = await testOfSource(ban, { ...this.#options, now: this.#now });
    if (result === undefined) return false;
    const { test, asked } = result;
    if (!test.ok) {
      sourceBans.failed(ban, test, isAboutKey(test));
    } else if (sourceBans.end(ban)) {
      log.info({ keyId: ban.id }, 'Key pool: a banned key works again');
      await stores.rests.wake(ban.id);
    }
    return asked;
  }

  async #holdLease(): Promise<boolean> {
    const nowMs = this.#now();
    if (nowMs - this.#leaseTakenMs < EXTEND_LEASE_AFTER_MS) return true;
    const { stores, holder } = this.#options;
    const held = await stores.leases.take(LEASE_NAME, holder, { nowMs, forMs: LEASE_MS });
    this.#leaseTakenMs = held ? nowMs : Number.NEGATIVE_INFINITY;
    return held;
  }
}

/** An upstream that does not answer, or fails, says nothing about the key: it is not made to wait longer. */
function isAboutKey({ status }: KeyTest): boolean {
  return status > 0 && status < 500;
}

/** When a banned key is tested next, epoch ms. */
export function nextTestMs(
  record: Pick<StoredKey, 'id' | 'statusAtMs' | 'lastTest' | 'failedRecoveries'>,
  config: Pick<PoolConfig['recovery'], 'intervalMs' | 'maxIntervalMs'>,
): number {
  const sinceMs = Math.max(record.statusAtMs, record.lastTest?.atMs ?? 0);
  const longestMs = Math.max(config.intervalMs, config.maxIntervalMs);
  const waitMs = Math.min(longestMs, config.intervalMs * 2 ** Math.min(record.failedRecoveries, 40));
  return sinceMs + Math.round(waitMs * (1 + SPREAD * fraction(record.id)));
}

/** A number from 0 to below 1 that is always the same for an id (FNV-1a). */
function fraction(id: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index += 1) {
    hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) / 2 ** 32;
}
