import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Log } from '../../base/log.ts';
import type { CounterBatch, CounterRow, LocalFile, StatisticsStore, StoreState } from '../../stores/types.ts';
import { DAY_MS, HOUR_MS } from './calendar.ts';
import { PendingRows } from './pending-rows.ts';
import type { Recorder } from './recorder.ts';

/** What the local file holds while the store is away. */
export interface SpooledCounters {
  readonly version: 1;
  /** Batches that were sent, or are about to be: to be sent again as they are. */
  readonly batches: readonly CounterBatch[];
  /** Rows that were never in a batch that was sent. */
  readonly pending: readonly CounterRow[];
}

/** How long buckets are kept. Each is a little more than the widest window that reads that tier. */
export const KEEP_MS = { minute: 26 * HOUR_MS, hour: 32 * DAY_MS, day: 400 * DAY_MS, writer: 400 * DAY_MS };

const FLUSH_INTERVAL_MS = 1000;
/** A send still under way at the next flush counts as trouble: what waits is put into the spool meanwhile. */
const SLOW_SEND_MS = 900;

export interface FlusherOptions {
  readonly recorder: Recorder;
  readonly store: StatisticsStore;
  /** A file of this process alone: two live processes must not share one. */
  readonly spool: LocalFile<SpooledCounters>;
  readonly log: Log;
  readonly nowMs: () => number;
  /** Rows that may wait in memory and in the spool; each weighs about 400 bytes. */
  readonly maxRows?: number;
  /** Rows in one batch: what the store applies in one step. */
  readonly maxBatchRows?: number;
}

/**
 * Brings counts from the recorder to the store, each exactly once.
 *
 * Counts wait in `pending` and are sealed into batches with a sequence number. A batch whose `add` failed may have been
 * applied all the same, so it is sent again unchanged, before anything newer. While there is trouble, batches and
 * pending rows also lie in the spool, which is replaced before a newly sealed batch is sent: what it calls pending was
 * therefore never sent, and a process that starts after a crash may count it under its own name.
 */
export class Flusher {
  readonly #options: FlusherOptions;
  /** Identity of this process towards the store; sequences restart at 1 with it. */
  readonly #writer = randomUUID();
  readonly #pending: PendingRows;
  readonly #maxBatchRows: number;
  #batches: CounterBatch[] = [];
  #sequence = 0;
  #state: StoreState = 'ok';
  #isWriting = false;
  #written: Promise<void> = Promise.resolve();
  #sendingSinceMs = Number.POSITIVE_INFINITY;
  /** Whether the spool may hold something. */
  #spoolInUse = false;
  #spoolWork: Promise<void> = Promise.resolve();
  #spoolFailed = false;
  #warnedOfDrops = false;
  #prunedAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: FlusherOptions) {
    this.#options = options;
    this.#pending = new PendingRows(options.maxRows ?? 50_000);
    this.#maxBatchRows = options.maxBatchRows ?? 1000;
  }

  /** `degraded` from the first send that fails, or takes too long, until all is written. */
  get state(): StoreState {
    return this.#state;
  }

  /** Rows that were counted and are not known to be in the store. */
  get queuedRows(): number {
    return this.#batches.reduce((sum, batch) => sum + batch.rows.length, this.#pending.size);
  }

  /** Rows lost because there was no room for them. */
  get droppedRows(): number {
    return this.#pending.droppedRows;
  }

  /** Takes over what an earlier process left in the spool, then flushes every second until `stop`. */
  async start(): Promise<void> {
    const spooled = await this.#options.spool.load();
    if (isSpooledCounters(spooled)) {
      this.#batches.unshift(...spooled.batches);
      this.#pending.add(spooled.pending);
      this.#spoolInUse = true;
      this.#state = 'degraded';
      this.#options.log.info(
        { rows: this.queuedRows },
        'counters of an earlier run are waiting to be written',
      );
    } else if (spooled !== undefined) {
      this.#options.log.error('spooled counters have an unknown format and are left out');
    }
    this.#timer = setInterval(() => void this.flush(), FLUSH_INTERVAL_MS);
    this.#timer.unref();
  }

  /** Ends the timer and writes what is left, to the store or else to the spool. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
    if (this.queuedRows > 0) await this.#saveSpool();
  }

  /**
   * Writes all that was counted before the call. Resolves when it is in the store, or when the store turned out to be
   * away (see `state`) and it is in the spool. Never rejects.
   */
  async flush(): Promise<void> {
    this.#pending.add(this.#options.recorder.take());
    this.#warnOfDrops();
    if (!this.#isWriting) {
      this.#isWriting = true;
      this.#written = this.#writeAll();
    } else if (this.#options.nowMs() - this.#sendingSinceMs >= SLOW_SEND_MS) {
      this.#degrade('statistics store does not answer');
      await this.#saveSpool();
    }
    await this.#written;
  }

  /** Goes on until nothing waits or a send fails. `#isWriting` ends in the same breath as the look that found nothing. */
  async #writeAll(): Promise<void> {
    do {
      while (this.#batches.length > 0 || this.#pending.size > 0) {
        if (this.#batches.length === 0) {
          this.#seal();
          if (this.#spoolInUse) await this.#saveSpool();
        }
        if (!(await this.#send(this.#batches[0]!))) {
          this.#isWriting = false;
          return this.#saveSpool();
        }
        this.#batches.shift();
        if (this.#batches.length > 0) await setImmediate();
      }
      if (this.#spoolInUse) await this.#saveSpool();
      await this.#prune();
    } while (this.queuedRows > 0);
    if (this.#state === 'degraded') {
      this.#state = 'ok';
      this.#options.log.info('statistics store is back, all counters are written');
    }
    this.#isWriting = false;
  }

  /** Turns everything pending into batches. */
  #seal(): void {
    while (this.#pending.size > 0) {
      this.#sequence += 1;
      this.#batches.push({
        writer: this.#writer,
        sequence: this.#sequence,
        rows: this.#pending.take(this.#maxBatchRows),
      });
    }
  }

  async #send(batch: CounterBatch): Promise<boolean> {
    this.#sendingSinceMs = this.#options.nowMs();
    try {
      await this.#options.store.add(batch);
      return true;
    } catch (error) {
      this.#degrade('statistics store is away', error);
      return false;
    } finally {
      this.#sendingSinceMs = Number.POSITIVE_INFINITY;
    }
  }

  #degrade(problem: string, error?: unknown): void {
    if (this.#state === 'degraded') return;
    this.#state = 'degraded';
    this.#options.log.warn({ err: error }, `${problem}, counters wait in memory and in a file`);
  }

  /** Makes the spool say what waits now. Calls queue up, and each writes what holds at its turn. */
  #saveSpool(): Promise<void> {
    this.#spoolInUse = true;
    this.#spoolWork = this.#spoolWork.then(() => this.#replaceSpool());
    return this.#spoolWork;
  }

  async #replaceSpool(): Promise<void> {
    const { spool, log } = this.#options;
    try {
      if (this.queuedRows === 0) {
        await spool.clear();
        this.#spoolInUse = this.queuedRows > 0;
      } else {
        await spool.save({ version: 1, batches: [...this.#batches], pending: this.#pending.snapshot() });
      }
      this.#spoolFailed = false;
    } catch (error) {
      if (!this.#spoolFailed) log.error({ err: error }, 'waiting counters cannot be saved to a file');
      this.#spoolFailed = true;
    }
  }

  async #prune(): Promise<void> {
    const nowMs = this.#options.nowMs();
    if (nowMs - this.#prunedAtMs < HOUR_MS) return;
    this.#prunedAtMs = nowMs;
    try {
      await this.#options.store.prune({
        minuteBeforeMs: nowMs - KEEP_MS.minute,
        hourBeforeMs: nowMs - KEEP_MS.hour,
        dayBeforeMs: nowMs - KEEP_MS.day,
        writerBeforeMs: nowMs - KEEP_MS.writer,
      });
    } catch (error) {
      this.#options.log.warn({ err: error }, 'old statistics could not be dropped, next attempt in an hour');
    }
  }

  #warnOfDrops(): void {
    if (this.#warnedOfDrops || this.droppedRows === 0) return;
    this.#warnedOfDrops = true;
    this.#options.log.warn('too many counters wait for the statistics store, some are dropped');
  }
}

function isSpooledCounters(value: SpooledCounters | undefined): value is SpooledCounters {
  return value?.version === 1 && Array.isArray(value.batches) && Array.isArray(value.pending);
}
