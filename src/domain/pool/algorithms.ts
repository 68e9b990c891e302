import type { AlgorithmName } from './pool-config.ts';
import type { PoolEntry } from './pool-entry.ts';

/** What a policy may know beyond the candidates. */
export interface Choice {
  readonly nowMs: number;
  /** 0 to below 1. */
  readonly random: () => number;
  /** Tokens that a request takes, about: what requests in flight will have used. */
  readonly requestTokens: number;
}

/** Decides whose turn it is. */
export interface Policy {
  /**
   * What a set too large to look at whole offers: that many entries drawn at random, or the next ones of a walk through
   * all of them.
   */
  readonly offer: { readonly kind: 'random' | 'walk'; readonly size: number };
  /** @param candidates usable keys, one at least */
  select(candidates: readonly PoolEntry[], choice: Choice): PoolEntry;
}

/** In turn: the one whose last turn is longest ago. A key that comes back gets one turn, not all it missed. */
const roundRobin: Policy = {
  offer: { kind: 'walk', size: 8 },
  select(candidates) {
    let first = candidates[0]!;
    for (const entry of candidates) if (entry.turn < first.turn) first = entry;
    return first;
  },
};

const random: Policy = {
  offer: { kind: 'random', size: 1 },
  select: (candidates, choice) => candidates[Math.floor(choice.random() * candidates.length)]!,
};

/** Requests by which two keys may differ and count as equally used. */
const NEAR_LOAD = 1;
/** Requests by which a key may lag behind the mean: more, and new or returning keys would get everything at first. */
const LAG = 2;

/** The fewest requests lately, those in flight counted twice; at random among those that differ by less than one. */
const leastUsed: Policy = {
  offer: { kind: 'random', size: 8 },
  select(candidates, choice) {
    let sum = 0;
    for (const entry of candidates) sum += entry.loadAt(choice.nowMs);
    const floor = sum / candidates.length - LAG;
    let least = Number.POSITIVE_INFINITY;
    for (const entry of candidates) {
      if (entry.loadAt(choice.nowMs) < floor) entry.setLoad(floor, choice.nowMs);
      least = Math.min(least, entry.loadAt(choice.nowMs) + entry.inFlight);
    }
    const near = least + NEAR_LOAD;
    return anyOf(candidates, choice, entry => entry.loadAt(choice.nowMs) + entry.inFlight < near);
  },
};

/** At random, in proportion to the success rate. */
const weightedScore: Policy = {
  offer: { kind: 'random', size: 8 },
  select: (candidates, choice) => inProportion(candidates, choice, entry => entry.score),
};

/** How often the one of two with fewer tokens is taken. */
const PREFERENCE = 0.75;

/**
 * Of two drawn at random mostly the one with fewer tokens, those of requests in flight included. So a key far behind the
 * others catches up at 1.5 times the mean rate, and never takes all requests until it has.
 */
const leastTokenUsed: Policy = {
  offer: { kind: 'random', size: 2 },
  select(candidates, choice) {
    const count = candidates.length;
    if (count === 1) return candidates[0]!;
    const one = Math.floor(choice.random() * count);
    const other = (one + 1 + Math.floor(choice.random() * (count - 1))) % count;
    const difference = expectedTokens(candidates[one]!, choice) - expectedTokens(candidates[other]!, choice);
    const preferFirst =
      Math.abs(difference) < choice.requestTokens ? 0.5 : difference < 0 ? PREFERENCE : 1 - PREFERENCE;
    return choice.random() < preferFirst ? candidates[one]! : candidates[other]!;
  },
};

/** At random, in proportion to the tokens that are left of the quota. Unknown quotas count as the mean of the known. */
const maxRemaining: Policy = {
  offer: { kind: 'random', size: 8 },
  select(candidates, choice) {
    let sum = 0;
    let known = 0;
    for (const entry of candidates) {
      const left = remainingTokens(entry, choice);
      if (left === undefined) continue;
      sum += left;
      known += 1;
    }
    // With every known quota used up those without one must still be taken.
    const neutral = sum === 0 ? 1 : sum / known;
    return inProportion(candidates, choice, entry => remainingTokens(entry, choice) ?? neutral);
  },
};

export const POLICIES: Readonly<Record<AlgorithmName, Policy>> = {
  'round-robin': roundRobin,
  random,
  'least-used': leastUsed,
  'weighted-score': weightedScore,
  'least-token-used': leastTokenUsed,
  'max-remaining': maxRemaining,
};

function expectedTokens(entry: PoolEntry, choice: Choice): number {
  return entry.usedTokens + entry.inFlight * choice.requestTokens;
}

function remainingTokens(entry: PoolEntry, choice: Choice): number | undefined {
  const quota = entry.key.quotaTokens;
  return quota === undefined ? undefined : Math.max(0, quota - expectedTokens(entry, choice));
}

/** Any one that fits, each with equal chance (reservoir of one). */
function anyOf(
  candidates: readonly PoolEntry[],
  choice: Choice,
  fits: (entry: PoolEntry) => boolean,
): PoolEntry {
  let chosen = candidates[0]!;
  let count = 0;
  for (const entry of candidates) {
    if (!fits(entry)) continue;
    count += 1;
    if (choice.random() * count < 1) chosen = entry;
  }
  return chosen;
}

/** Any one, with a chance in proportion to its weight; all equal where every weight is 0. */
function inProportion(
  candidates: readonly PoolEntry[],
  choice: Choice,
  weightOf: (entry: PoolEntry) => number,
): PoolEntry {
  let sum = 0;
  for (const entry of candidates) sum += weightOf(entry);
  if (sum <= 0) return candidates[Math.floor(choice.random() * candidates.length)]!;
  let point = choice.random() * sum;
  for (const entry of candidates) {
    point -= weightOf(entry);
    if (point < 0) return entry;
  }
  return candidates[candidates.length - 1]!;
}
