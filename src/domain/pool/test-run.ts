import type { KeyTest } from '../../stores/pool-types.ts';

/** How far a run of tests is. */
export interface TestProgress {
  readonly state: 'idle' | 'running' | 'done' | 'cancelled';
  readonly total: number;
  readonly done: number;
  readonly ok: number;
  readonly failed: number;
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

/** Tests many keys, one run at a time. */
export class TestRun {
  constructor(options: TestRunOptions) {
    throw new Error(`not built yet: ${options.concurrency}`);
  }
  /** Begins a run. @throws AppError `ERR_CONFLICT` while one is under way */
  start(_keyIds: readonly string[]): TestProgress {
    throw new Error('not built yet');
  }
  /** Ends the run: no further test begins, those under way are aborted. False when there is none. */
  cancel(): boolean {
    throw new Error('not built yet');
  }
  get progress(): TestProgress {
    throw new Error('not built yet');
  }
  /** Resolves when no run is under way. */
  finished(): Promise<void> {
    throw new Error('not built yet');
  }
}
