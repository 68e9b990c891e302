import { DEFAULT_POOL, type ProviderName } from '../../stores/pool-types.ts';
import type { PoolConfig } from './pool-config.ts';
import { Shelf, type Work } from './shelf.ts';
import { type KeySourceName, type LiveKey, upstreamOf } from './types.ts';

/** Sources in the order in which they are asked. */
const SOURCE_RANK: Readonly<Record<KeySourceName, number>> = {
  environment: 0,
  file: 0,
  stored: 1,
  oauth: 2,
  'auth-file': 3,
  client: 4,
};

/** Upstreams of a tier and provider that get a shelf each; keys of further ones share one. */
const MOST_UPSTREAMS = 32;

/** Keys that are asked before those of the next tier. */
export interface Tier {
  readonly sourceRank: number;
  readonly priority: number;
  readonly shelves: ReadonlyMap<ProviderName, readonly Shelf[]>;
}

interface GrowingTier extends Tier {
  readonly shelves: Map<ProviderName, Shelf[]>;
}

/** The shelves of a pool, in tiers by source and by the priority of the pool group. */
export class Shelves {
  #tiered: boolean;
  #priorities: ReadonlyMap<string, number>;
  readonly #tiers: GrowingTier[] = [];
  readonly #byName = new Map<string, Shelf>();

  readonly #work: Work;

  constructor(multiTier: PoolConfig['multiTier'], priorities: ReadonlyMap<string, number>, work: Work) {
    this.#tiered = multiTier.enabled;
    this.#priorities = priorities;
    this.#work = work;
  }

  /** Takes over what decides the tiers. Every key then has to be put where `for` says, and `dropEmpty` called. */
  arrange(multiTier: PoolConfig['multiTier'], priorities: ReadonlyMap<string, number>): void {
    this.#tiered = multiTier.enabled;
    this.#priorities = priorities;
  }

  /** Lets shelves and tiers go that hold nothing. */
  dropEmpty(): void {
    for (const [name, shelf] of this.#byName) if (shelf.size === 0) this.#byName.delete(name);
    for (const [index, tier] of [...this.#tiers.entries()].reverse()) {
      for (const [provider, shelves] of tier.shelves) {
        const kept = shelves.filter(shelf => shelf.size > 0);
        if (kept.length > 0) tier.shelves.set(provider, kept);
        else tier.shelves.delete(provider);
      }
      if (tier.shelves.size === 0) this.#tiers.splice(index, 1);
    }
  }

  /** First one first. */
  get tiers(): readonly Tier[] {
    return this.#tiers;
  }

  /** The shelf a key belongs on. */
  for(key: LiveKey): Shelf {
    const sourceRank = SOURCE_RANK[key.source];
    const priority = this.#tiered ? this.#priorityOf(key.pool) : 0;
    const place = `${sourceRank} ${priority} ${key.provider}`;
    const upstream = upstreamOf(key);
    const name = `${place} ${upstream}`;
    const known = this.#byName.get(name) ?? this.#byName.get(place);
    if (known !== undefined) return known;
    const tier = this.#tier(sourceRank, priority);
    const neighbours = tier.shelves.get(key.provider) ?? [];
    tier.shelves.set(key.provider, neighbours);
    const shared = neighbours.length >= MOST_UPSTREAMS;
    const shelf = new Shelf(key.provider, shared ? undefined : upstream, this.#work);
    this.#byName.set(shared ? place : name, shelf);
    neighbours.push(shelf);
    return shelf;
  }

  /** The pool group a key counts as one of: one that no group has counts as `default`. */
  poolOf(key: LiveKey): string {
    return this.#priorities.size === 0 || this.#priorities.has(key.pool) ? key.pool : DEFAULT_POOL;
  }

  settleAll(limit: number, nowMs: number): void {
    for (const shelf of this.#byName.values()) shelf.settleAll(limit, nowMs);
  }

  #priorityOf(pool: string): number {
    return this.#priorities.get(pool) ?? this.#priorities.get(DEFAULT_POOL) ?? Number.POSITIVE_INFINITY;
  }

  #tier(sourceRank: number, priority: number): GrowingTier {
    const at = this.#tiers.findIndex(
      tier => tier.sourceRank > sourceRank || (tier.sourceRank === sourceRank && tier.priority >= priority),
    );
    const found = this.#tiers[at];
    if (found !== undefined && found.sourceRank === sourceRank && found.priority === priority) return found;
    const tier: GrowingTier = { sourceRank, priority, shelves: new Map() };
    this.#tiers.splice(at === -1 ? this.#tiers.length : at, 0, tier);
    return tier;
  }
}
