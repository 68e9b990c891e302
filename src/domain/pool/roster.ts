import { AppError } from '../../base/errors.ts';
import type { PoolGroup } from '../../stores/pool-types.ts';
import type { PoolConfig } from './pool-config.ts';
import { PoolEntry } from './pool-entry.ts';
import type { Work } from './shelf.ts';
import { Shelves, type Tier } from './shelves.ts';
import { Tallies } from './tally.ts';
import type { LiveKey } from './types.ts';

/** Who is in the pool, and where each stands: on which shelf, ready, resting or at its limit. */
export class Roster {
  readonly tallies = new Tallies();
  readonly work: Work = { entries: 0 };
  readonly #byId = new Map<string, PoolEntry>();
  readonly #shelves: Shelves;
  readonly #processes: number;
  readonly #random: () => number;
  #multiTier: PoolConfig['multiTier'];
  #priorities: ReadonlyMap<string, number> = new Map();
  #limit: number;
  #nowMs = 0;
  #added = 0;

  constructor(config: PoolConfig, options: { readonly processes: number; readonly random: () => number }) {
    this.#processes = options.processes;
    this.#random = options.random;
    this.#multiTier = config.multiTier;
    this.#limit = this.#limitOf(config);
    this.#shelves = new Shelves(config.multiTier, this.#priorities, this.work);
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Keys that were added since the start. */
  get added(): number {
    return this.#added;
  }

  /** Requests in flight that one key may have here. */
  get limit(): number {
    return this.#limit;
  }

  /** The latest time it was told. */
  get nowMs(): number {
    return this.#nowMs;
  }

  get tiers(): readonly Tier[] {
    return this.#shelves.tiers;
  }

  get(keyId: string): PoolEntry | undefined {
    return this.#byId.get(keyId);
  }

  entries(): Iterable<PoolEntry> {
    return this.#byId.values();
  }

  /** Time never runs backwards: a clock that was set back must not lengthen a cool-down. */
  advance(nowMs: number): void {
    if (nowMs > this.#nowMs) this.#nowMs = nowMs;
  }

  /** Brings all states and tallies up to date. */
  settle(nowMs: number): void {
    this.advance(nowMs);
    this.#shelves.settleAll(this.#limit, this.#nowMs);
  }

  configure(config: PoolConfig): void {
    const limit = this.#limitOf(config);
    const limitChanges = limit !== this.#limit;
    const tiersChange = config.multiTier.enabled !== this.#multiTier.enabled;
    this.#limit = limit;
    this.#multiTier = config.multiTier;
    if (limitChanges) for (const entry of this.#byId.values()) this.place(entry);
    if (tiersChange) this.#arrange();
  }

  setGroups(groups: readonly PoolGroup[]): void {
    const priorities = new Map(groups.map(group => [group.id, group.priority]));
    const same =
      priorities.size === this.#priorities.size &&
      [...priorities].every(([id, priority]) => this.#priorities.get(id) === priority);
    if (same) return;
    this.#priorities = priorities;
    this.#arrange();
  }

  /** Adds or changes a key. One with another secret, or that is active again, starts anew. */
  put(key: LiveKey): void {
    let entry = this.#byId.get(key.id);
    if (entry === undefined) {
      entry = new PoolEntry(key, -this.#random());
      this.#byId.set(key.id, entry);
      this.#added += 1;
    } else {
      const revived = entry.key.status !== 'active' && key.status === 'active';
      const startsAnew = revived || !sameSecret(entry.key, key);
      this.#detach(entry);
      entry.key = key;
      if (startsAnew) entry.startAnew();
    }
    this.#attach(entry);
  }

  remove(entry: PoolEntry): void {
    this.#byId.delete(entry.key.id);
    this.#detach(entry);
  }

  /** Puts an entry where it belongs after its requests in flight crossed the limit. */
  place(entry: PoolEntry): void {
    entry.shelf?.place(entry, this.#limit, this.#nowMs);
  }

  /** Notes a cool-down. An earlier end never replaces a later one. False when it changes nothing. */
  rest(entry: PoolEntry, model: string, untilMs: number): boolean {
    const now = { limit: this.#limit, nowMs: this.#nowMs };
    return entry.shelf?.rest(entry, { model, untilMs }, now) ?? false;
  }

  wake(entry: PoolEntry, model: string | undefined): void {
    entry.shelf?.wake(entry, model, { limit: this.#limit, nowMs: this.#nowMs });
  }

  #attach(entry: PoolEntry): void {
    entry.tally = this.tallies.of(entry.key, this.#shelves.poolOf(entry.key));
    entry.tally.states[entry.state] += 1;
    this.#shelves.for(entry.key).add(entry, this.#limit, this.#nowMs);
  }

  #detach(entry: PoolEntry): void {
    entry.shelf?.remove(entry);
    if (entry.tally !== undefined) entry.tally.states[entry.state] -= 1;
    entry.tally = undefined;
  }

  #arrange(): void {
    const shelves = this.#shelves;
    shelves.arrange(this.#multiTier, this.#priorities);
    for (const entry of this.#byId.values()) {
      if (entry.shelf === shelves.for(entry.key) && entry.tally?.pool === shelves.poolOf(entry.key)) continue;
      this.#detach(entry);
      this.#attach(entry);
    }
    shelves.dropEmpty();
  }

  #limitOf(config: PoolConfig): number {
    return Math.max(1, Math.ceil(config.concurrentLimit / this.#processes));
  }
}

/** One that does not open is like no other. */
export function sameSecret(left: LiveKey, right: LiveKey): boolean {
  if (left.secret === right.secret) return true;
  const text = clearText(left);
  return text !== undefined && text === clearText(right);
}

/** `undefined` where it does not open. */
export function clearText({ secret }: LiveKey): string | undefined {
  try {
    return secret.reveal();
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
