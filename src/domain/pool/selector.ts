import { POLICIES, type Policy } from './algorithms.ts';
import type { Lane } from './lane.ts';
import type { PoolConfig } from './pool-config.ts';
import type { PoolEntry } from './pool-entry.ts';
import type { Roster } from './roster.ts';
import type { Shelf, Work } from './shelf.ts';
import type { Tier } from './shelves.ts';
import { type LeaseRequest, type Unavailable, upstreamOf } from './types.ts';

/** Sets up to this size are looked at whole; larger ones offer a sample. */
const EXACT_UP_TO = 64;
/** Entries among which the second try of a request looks for one that is known to work. */
const PROVEN_SAMPLE = 32;
/** Entries that are walked where a sample held none that the request may take. */
const LONGEST_WALK = 512;

/** Upstreams that are named when all are to be avoided. */
const MOST_NAMED = 100;

/** What is wanted. */
interface Wanted {
  readonly request: LeaseRequest;
  readonly model: string;
  /** Tokens that a request takes, about. */
  readonly requestTokens: number;
}

/** Why no key was found so far. */
interface Refusal {
  any: boolean;
  busy: boolean;
  /** Upstreams that were avoided. */
  avoided: Set<string> | undefined;
  soonestMs: number;
}

/** Finds the key for a request: tier by tier, among those that are ready, by the policy. Costs the same at any size. */
export class Selector {
  readonly #random: () => number;
  readonly #work: Work;
  readonly #lanes: Lane[] = [];
  readonly #candidates: PoolEntry[] = [];
  /** Entries in the lanes. */
  #total = 0;
  /** Whether the lanes hold entries of several upstreams, so that each entry's has to be looked at. */
  #mixed = false;
  #walked: number;

  constructor(random: () => number, work: Work) {
    this.#random = random;
    this.#work = work;
    this.#walked = Math.floor(random() * 0x7fff_ffff);
  }

  choose(
    wanted: Wanted,
    { roster, config }: { readonly roster: Roster; readonly config: PoolConfig },
  ): PoolEntry | Unavailable {
    const { multiTier, algorithm } = config;
    const refusal: Refusal = {
      any: false,
      busy: false,
      avoided: undefined,
      soonestMs: Number.POSITIVE_INFINITY,
    };
    for (const tier of roster.tiers) {
      const held = this.#open(tier, wanted, { roster, refusal });
      if (held === undefined) continue;
      const found = this.#take(wanted, { policy: POLICIES[algorithm], nowMs: roster.nowMs, refusal });
      if (found !== undefined) return found;
      if (multiTier.enabled && (multiTier.strictMode || (!multiTier.autoFallback && held.active > 0))) break;
    }
    return unavailable(refusal, roster.nowMs);
  }

  /**
   * Collects the lanes of a tier that fit, and what keeps the rest away.
   *
   * @returns `undefined` when the tier has no key for the request: it is passed over whatever the mode
   */
  #open(
    tier: Tier,
    { request, model }: Wanted,
    { roster, refusal }: { roster: Roster; refusal: Refusal },
  ): { active: number } | undefined {
    const { limit, nowMs } = roster;
    this.#lanes.length = 0;
    this.#total = 0;
    this.#mixed = false;
    let size = 0;
    let active = 0;
    for (const provider of request.providers) {
      for (const shelf of tier.shelves.get(provider) ?? []) {
        if (shelf.size === 0) continue;
        size += shelf.size;
        active += shelf.active;
        const lane = shelf.lane(model, limit, nowMs);
        this.#work.entries += 1;
        refusal.soonestMs = Math.min(refusal.soonestMs, lane.soonestMs);
        refusal.busy ||= shelf.busy > 0 && shelf.busy > busyAmong(request.tried, shelf, roster);
        if (lane.ready.length === 0) continue;
        if (shelf.upstream === undefined) this.#mixed = true;
        else if (request.avoids?.(shelf.upstream) === true) {
          noteAvoided(refusal, shelf.upstream);
          continue;
        }
        this.#lanes.push(lane);
        this.#total += lane.ready.length;
      }
    }
    refusal.any ||= size > 0;
    return size === 0 ? undefined : { active };
  }

  #take(
    wanted: Wanted,
    { policy, nowMs, refusal }: { policy: Policy; nowMs: number; refusal: Refusal },
  ): PoolEntry | undefined {
    if (this.#total === 0) return undefined;
    const { request, requestTokens } = wanted;
    const choice = { nowMs, requestTokens, random: this.#random };
    const again = request.tried.size > 0;
    const isOnlyTry = request.isOnlyTry === true;
    if (!again && !isOnlyTry && !this.#mixed && this.#lanes.length === 1 && this.#total <= EXACT_UP_TO) {
      // The first try of nearly every request: all that is ready will do, so nothing has to be sorted out.
      this.#work.entries += this.#total;
      return policy.select(this.#lanes[0]!.ready, choice);
    }
    this.#candidates.length = 0;
    if (this.#total <= EXACT_UP_TO) this.#offerRange({ from: 0, count: this.#total }, wanted, refusal);
    else {
      const size = again || isOnlyTry ? PROVEN_SAMPLE : policy.offer.size;
      if (policy.offer.kind === 'walk')
        this.#offerRange({ from: this.#walked, count: size }, wanted, refusal);
      else this.#offerSample(size, wanted, refusal);
      this.#walked += 1;
      if (this.#candidates.length === 0) this.#offerWalk(wanted, refusal);
    }
    if (this.#candidates.length === 0) return undefined;
    if (again) this.#prefer(isProven, isUnstruck);
    else if (isOnlyTry) this.#prefer(entry => isUnstruck(entry) && !restsForSome(entry, nowMs));
    return policy.select(this.#candidates, choice);
  }

  /** Offers entries one after the other, from any number on, round the end. */
  #offerRange(range: { from: number; count: number }, wanted: Wanted, refusal: Refusal): void {
    const { from, count } = range;
    for (let step = 0; step < count; step += 1) this.#offer((from + step) % this.#total, wanted, refusal);
  }

  /** Offers one entry drawn from each of so many equal stretches: no entry twice, each with the same chance. */
  #offerSample(size: number, wanted: Wanted, refusal: Refusal): void {
    const stretch = this.#total / size;
    for (let part = 0; part < size; part += 1) {
      this.#offer(Math.floor((part + this.#random()) * stretch), wanted, refusal);
    }
  }

  /** Offers the first that is acceptable from a random place on. */
  #offerWalk(wanted: Wanted, refusal: Refusal): void {
    const from = Math.floor(this.#random() * this.#total);
    const steps = Math.min(this.#total, LONGEST_WALK + wanted.request.tried.size);
    for (let step = 0; step < steps && this.#candidates.length === 0; step += 1) {
      this.#offer((from + step) % this.#total, wanted, refusal);
    }
  }

  #offer(index: number, wanted: Wanted, refusal: Refusal): void {
    this.#work.entries += 1;
    const entry = this.#at(index);
    const { tried, avoids } = wanted.request;
    if (tried.size > 0 && tried.has(entry.key.id)) return;
    if (this.#mixed && avoids !== undefined) {
      const upstream = upstreamOf(entry.key);
      if (avoids(upstream)) {
        noteAvoided(refusal, upstream);
        return;
      }
    }
    this.#candidates.push(entry);
  }

  #at(index: number): PoolEntry {
    let rest = index;
    for (const lane of this.#lanes) {
      if (rest < lane.ready.length) return lane.ready[rest]!;
      rest -= lane.ready.length;
    }
    throw new RangeError(`Expected an index below ${this.#total}, got ${index}`);
  }

  /**
   * Narrows the candidates to those that fit the first of these that any fits. A request that met a bad key already goes to
   * keys whose last answer was good, else to those without a strike: so it does not go through all the dead keys of a
   * pool, while first tries still find them. One that has no other try keeps to those without a strike and without a
   * cool-down for any model.
   */
  #prefer(...preferences: readonly ((entry: PoolEntry) => boolean)[]): void {
    for (const fits of preferences) {
      const kept = this.#candidates.filter(fits);
      if (kept.length === 0) continue;
      this.#candidates.length = 0;
      this.#candidates.push(...kept);
      return;
    }
  }
}

function isProven(entry: PoolEntry): boolean {
  return entry.proven;
}

function restsForSome({ rests }: PoolEntry, nowMs: number): boolean {
  for (const untilMs of rests?.values() ?? []) if (untilMs > nowMs) return true;
  return false;
}

function isUnstruck(entry: PoolEntry): boolean {
  return entry.strikes === 0;
}

/** How many of the keys that the request has tried are at their limit: their being free again would not help it. */
function busyAmong(tried: ReadonlySet<string>, shelf: Shelf, roster: Roster): number {
  let count = 0;
  for (const id of tried) {
    const entry = roster.get(id);
    if (entry?.shelf === shelf && entry.state === 'busy') count += 1;
  }
  return count;
}

function noteAvoided(refusal: Refusal, upstream: string): void {
  refusal.avoided ??= new Set();
  if (refusal.avoided.size < MOST_NAMED) refusal.avoided.add(upstream);
}

function unavailable(refusal: Refusal, nowMs: number): Unavailable {
  if (refusal.busy) return { kind: 'busy' };
  if (refusal.soonestMs < Number.POSITIVE_INFINITY) {
    return { kind: 'resting', retryAfterMs: Math.max(1, refusal.soonestMs - nowMs) };
  }
  if (refusal.avoided !== undefined) return { kind: 'avoided', upstreams: [...refusal.avoided] };
  return { kind: refusal.any ? 'unusable' : 'none' };
}
