import * as field from '../statistics/fields.ts';
import { ratio } from '../statistics/figures.ts';

/** What requests used, and how they ended. */
export interface TokenFigures {
  readonly requests: number;
  /** Answers below status 400. A request whose client left is neither a success nor a failure. */
  readonly successes: number;
  /** Answers with status 400 and above, the client's own mistakes among them. */
  readonly failures: number;
  /** Successes among successes and failures, from 0 to 1 with four decimals; `null` where there are none. */
  readonly successRate: number | null;
  /** Cached ones included. */
  readonly inputTokens: number;
  /** Reasoning included. */
  readonly outputTokens: number;
  readonly cachedTokens: number;
  readonly reasoningTokens: number;
  /** Input and output. */
  readonly totalTokens: number;
  /** Answers that used tokens without telling how many. */
  readonly unknownUsage: number;
}

export function tokenFigures(counts: field.Counts): TokenFigures {
  const requests = counts[field.REQUESTS]!;
  const failures = counts[field.ERRORS]!;
  const successes = requests - failures - counts[field.ABORTED]!;
  return {
    requests,
    successes,
    failures,
    successRate: successes + failures === 0 ? null : ratio(successes, successes + failures),
    inputTokens: counts[field.TOKENS_INPUT]!,
    outputTokens: counts[field.TOKENS_OUTPUT]!,
    cachedTokens: counts[field.TOKENS_CACHED]!,
    reasoningTokens: counts[field.TOKENS_REASONING]!,
    totalTokens: tokensIn(counts),
    unknownUsage: counts[field.USAGE_UNKNOWN]!,
  };
}

/** All tokens, of prompts and of answers. */
export function tokensIn(counts: field.Counts): number {
  return counts[field.TOKENS_INPUT]! + counts[field.TOKENS_OUTPUT]!;
}
