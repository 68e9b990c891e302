import type { ErrorCode } from '../../base/errors.ts';
import type { ProviderName } from '../../stores/pool-types.ts';
import type { Verdict } from './types.ts';

/** What came back from an upstream, or why nothing did. */
export interface Answer {
  /** HTTP status; 0 where there was no answer. */
  readonly status: number;
  /** Flat list of names and values, as it came. */
  readonly headers: readonly string[];
  /**
   * The body of an error answer: the parsed JSON, or a prefix of the text where it is none. For an event stream whose
   * first event is an error, that event's data; `status` may then be 200.
   */
  readonly bodyError?: unknown;
  /** Why there was no answer; `ERR_CLIENT_CLOSED` where the client left. */
  readonly transport?: ErrorCode;
  readonly provider: ProviderName;
  /** As the client named it; `*` where it named none. */
  readonly model: string;
  readonly nowMs: number;
}

export interface JudgePolicy {
  /** Nothing is banned without it. */
  readonly autoBan: boolean;
  readonly ban401: boolean;
  readonly ban402: boolean;
}

/** The verdict table of the pool (pure). */
export function judge(answer: Answer, policy: JudgePolicy): Verdict {
  throw new Error(`not built yet: ${answer.status} ${policy.autoBan}`);
}
