import { randomUUID } from 'node:crypto';
import { AppError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { PoolStores } from '../../stores/pool-types.ts';
import { byTimer, type Schedule } from './schedule.ts';
import type { TestProgress, TestRun } from './test-run.ts';

/** How often others are told how far a run is, and it is looked whether they cancelled it. */
const BEAT_MS = 500;
/** An instance that died in the middle of a run seems to be at it for so long, and nobody else can start one. */
const LEASE_MS = 15_000;
/** How long it can be read what came of a run. */
const KEEP_MS = 24 * 3_600_000;
/** A wish to cancel that nobody met is forgotten after so long. */
const CANCEL_MS = 60_000;
const LEASE_NAME = 'pool-test-run';
const PROGRESS_NOTE = 'test-run';
const CANCEL_NOTE = 'test-run-cancel';

export interface SharedTestRunOptions {
  /** The runs of this process. */
  readonly run: TestRun;
  readonly stores: Pick<PoolStores, 'leases' | 'notes'>;
  /** Identity of this process: no two of the installation have the same. */
  readonly holder: string;
  readonly log: Log;
  /** Epoch ms. */
  readonly now?: () => number;
  readonly schedule?: Schedule;
}

/** A run as its process tells the others of it. */
interface Told {
  readonly runId: string;
  readonly progress: TestProgress;
}

/**
 * Tests of many keys, one run at a time in the whole installation. Whichever instance is asked tells how far it is, and
 * cancels it: at once where it runs itself, else within a second.
 */
export class SharedTestRun {
  readonly #options: SharedTestRunOptions;
  readonly #now: () => number;
  readonly #schedule: Schedule;
  /** Of the run that this process last began. */
  #runId = '';
  #cancelBeat: (() => void) | undefined;
  /** What is being told; tellings never overtake each other. */
  #telling: Promise<void> = Promise.resolve();
  #ended: Promise<void> = Promise.resolve();

  constructor(options: SharedTestRunOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#schedule = options.schedule ?? byTimer;
  }

  /**
   * Begins a run.
   *
   * @throws AppError `ERR_CONFLICT` while one is under way anywhere, `ERR_STORE_UNAVAILABLE`
   */
  async start(keyIds: readonly string[]): Promise<TestProgress> {
    const { run, stores, holder } = this.#options;
    // Where this process is at one itself it has the lease; the run then refuses.
    if (!(await stores.leases.take(LEASE_NAME, holder, { nowMs: this.#now(), forMs: LEASE_MS }))) {
      const progress = await this.progress();
      throw new AppError('ERR_CONFLICT', 'A test of the keys is under way already', {
        details: { progress },
      });
    }
    const progress = run.start(keyIds);
    this.#runId = randomUUID();
    this.#ended = run.finished().then(() => this.#end());
    this.#tell();
    this.#beatLater();
    return progress;
  }

  /** How far the run is that began last, wherever that was; while the store is away the last one of this process. */
  async progress(): Promise<TestProgress> {
    const own = this.#options.run.progress;
    if (own.state === 'running') return own;
    const told = await this.#told().catch(error => {
      if (error instanceof AppError && error.code === 'ERR_STORE_UNAVAILABLE') return undefined;
      throw error;
    });
    return told !== undefined && told.progress.startedAtMs > own.startedAtMs ? told.progress : own;
  }

  /**
   * Ends the run, wherever it is. False when there is none.
   *
   * @throws AppError `ERR_STORE_UNAVAILABLE` where it is not this process that runs one
   */
  async cancel(): Promise<boolean> {
    const { run, stores } = this.#options;
    if (run.cancel()) return true;
    if (run.progress.state === 'running') return false;
    const told = await this.#told();
    if (told?.progress.state !== 'running' || told.runId === this.#runId) return false;
    const nowMs = this.#now();
    await stores.notes.put(CANCEL_NOTE, told.runId, { nowMs, untilMs: nowMs + CANCEL_MS });
    return true;
  }

  /** Cancels what this process runs; resolves when the others were told. */
  async stop(): Promise<void> {
    this.#options.run.cancel();
    await this.#ended;
  }

  async #end(): Promise<void> {
    this.#cancelBeat?.();
    this.#tell();
    await this.#telling;
    const { stores, holder, log } = this.#options;
    await stores.leases
      .release(LEASE_NAME, holder)
      .catch(error => log.debug({ err: error }, 'the right to test many keys ends by itself'));
  }

  #beatLater(): void {
    this.#cancelBeat = this.#schedule(() => {
      this.#tell();
      void this.#telling.then(() => {
        if (this.#options.run.progress.state === 'running') this.#beatLater();
      });
    }, BEAT_MS);
  }

  #tell(): void {
    this.#telling = this.#telling
      .then(() => this.#tellOnce())
      .catch(error => {
        this.#options.log.debug({ err: error }, 'others are not told of the test of many keys for now');
      });
  }

  async #tellOnce(): Promise<void> {
    const { run, stores, holder } = this.#options;
    const { progress } = run;
    const nowMs = this.#now();
    const running = progress.state === 'running';
    // Away for long, another may have begun a run of its own: that one is then the one to be told of.
    if (!(await stores.leases.take(LEASE_NAME, holder, { nowMs, forMs: LEASE_MS }))) return;
    const told: Told = { runId: this.#runId, progress };
    const untilMs = nowMs + (running ? LEASE_MS : KEEP_MS);
    await stores.notes.put(PROGRESS_NOTE, JSON.stringify(told), { nowMs, untilMs });
    if (running && (await stores.notes.read(CANCEL_NOTE, nowMs)) === this.#runId) run.cancel();
  }

  async #told(): Promise<Told | undefined> {
    const text = await this.#options.stores.notes.read(PROGRESS_NOTE, this.#now());
    return text === undefined ? undefined : (JSON.parse(text) as Told);
  }
}
