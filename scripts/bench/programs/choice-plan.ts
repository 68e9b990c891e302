import type { AlgorithmName } from '../../../src/domain/pool/pool-config.ts';

/** What `choice-load.ts` is to do. */
export interface ChoiceTask {
  readonly keys: number;
  /** Choices that are timed, for each algorithm. */
  readonly choices: number;
  readonly backwards: boolean;
}

export interface ChoiceReport {
  readonly times: readonly ChoiceTimes[];
}

export interface ChoiceTimes {
  readonly algorithm: AlgorithmName;
  readonly medianUs: number;
  readonly p99Us: number;
}
