import { AppError } from '../../base/errors.ts';
import type { KeyTest } from '../../stores/pool-types.ts';

/** How far a run of tests is. */
export interface TestProgress {
  readonly state: 'idle' | 'running' | 'done' | 'cancelled';
  readonly total: number;
  /** Tests that have ended. */
  readonly done: number;
  readonly ok: number;
  readonly failed: number;
  /** Epoch ms; 0 before the first run. */
  readonly startedAtMs: number;
  readonly endedAtMs: number | undefined;
}

export interface TestRunOptions {
  /** Tests a key and stores the result. A rejection counts as failed. */
  readonly test: (keyId: string, signal: AbortSignal) => Promise<KeyTest>;
  /** Tests at once. */
  readonly concurrency: number;
  readonly now?: () => number;
}

/**
 * Tests many keys, one run at a time in this process. A test that was aborted by `cancel` counts neither as good nor as
 * failed: nothing was learned of the key.
 */
export class TestRun {
  readonly #test: TestRunOptions['test'];
  readonly #concurrency: number;
  readonly #now: () => number;
  #progress: TestProgress = {
    state: 'idle',
    total: 0,
    done: 0,
    ok: 0,
    failed: 0,
    startedAtMs: 0,
    endedAtMs: undefined,
  };
  #abort: AbortController | undefined;
  #finished: Promise<void> = Promise.resolve();

  constructor({ test, concurrency, now = Date.now }: TestRunOptions) {
    this.#test = test;
    this.#concurrency = Math.max(1, concurrency);
    this.#now = now;
  }

  get progress(): TestProgress {
    return this.#progress;
  }

  /** Begins a run. @throws AppError `ERR_CONFLICT` while one is under way */
  start(keyIds: readonly string[]): TestProgress {
    if (this.#abort !== undefined) {
      throw new AppError('ERR_CONFLICT', 'A test of the keys is under way already', {
        details: { progress: this.#progress },
      });
    }
    const abort = new AbortController();
    this.#abort = abort;
    this.#progress = {
      state: 'running',
      total: keyIds.length,
      done: 0,
      ok: 0,
      failed: 0,
      startedAtMs: this.#now(),
      endedAtMs: undefined,
    };
    const queue = keyIds.values();
    const workers = Array.from({ length: Math.min(this.#concurrency, keyIds.length) }, () =>
      this.#work(queue, abort.signal),
    );
    this.#finished = Promise.all(workers).then(() => {
      const state = abort.signal.aborted ? 'cancelled' : 'done';
      this.#progress = { ...this.#progress, state, endedAtMs: this.#now() };
      this.#abort = undefined;
    });
    return this.#progress;
  }

  /** Ends the run: no further test begins, those under way are aborted. False when there is none. */
  cancel(): boolean {
    if (this.#abort === undefined || this.#abort.signal.aborted) return false;
    this.#abort.abort();
    return true;
  }

  /** Resolves when no run is under way. */
  finished(): Promise<void> {
    return this.#finished;
  }

  async #work(queue: Iterator<string> & Iterable<string>, signal: AbortSignal): Promise<void> {
    for (const keyId of queue) {
      if (signal.aborted) return;
      const ok = await this.#passes(keyId, signal);
      if (signal.aborted && !ok) return;
      const { done, ok: good, failed } = this.#progress;
      this.#progress = {
        ...this.#progress,
        done: done + 1,
        ok: good + (ok ? 1 : 0),
        failed: failed + (ok ? 0 : 1),
      };
    }
  }

  async #passes(keyId: string, signal: AbortSignal): Promise<boolean> {
    try {
      return (await this.#test(keyId, signal)).ok;
    } catch {
      // What went wrong is the test's to log; here it only counts.
      return false;
    }
  }
}
