import type { PoolGroup, ProviderName, Rest } from '../../stores/pool-types.ts';
import type { PoolConfig } from './pool-config.ts';
import { PoolEntry } from './pool-entry.ts';
import { PoolLease } from './pool-lease.ts';
import { clearText, Roster, sameSecret } from './roster.ts';
import { Selector } from './selector.ts';
import type { TallyFilter } from './tally.ts';
import type {
  KeySourceName,
  KeyView,
  Lease,
  LeaseRequest,
  LiveKey,
  PoolEffect,
  StateCounts,
  Unavailable,
  Verdict,
} from './types.ts';
import { upstreamOf } from './types.ts';

export interface KeyPoolOptions {
  readonly config: PoolConfig;
  /** Called for what other processes must learn. Must not throw. */
  readonly onEffect?: (effect: PoolEffect) => void;
  /**
   * Processes that share the limit of requests in flight per key: each allows its part, rounded up, so that the sum may
   * exceed the limit by less than one request per process.
   */
  readonly processes?: number;
  /** 0 to below 1. */
  readonly random?: () => number;
}

/** Characters of a model's name that count: it is the client's text, and is kept while it has a cool-down. */
const LONGEST_MODEL = 200;
/** Share of the newest request in the running mean of tokens per request. */
const NEWEST_SHARE = 0.05;

/**
 * The keys of all sources, in memory: who may be used, whose turn it is, who rests. Every process has its own; what it
 * decides leaves by `onEffect`, what others decided comes in by `apply`, `setRests` and `wake`. Time is passed in and
 * never runs backwards here.
 *
 * Strikes are counted by each process alone: with n of them a bad key may collect up to n times the threshold.
 */
export class KeyPool {
  readonly #onEffect: (effect: PoolEffect) => void;
  readonly #roster: Roster;
  readonly #selector: Selector;
  #config: PoolConfig;
  #turns = 0;
  #requestTokens = 1000;

  constructor({ config, onEffect, processes = 1, random = Math.random }: KeyPoolOptions) {
    this.#config = config;
    this.#onEffect = onEffect ?? (() => {});
    this.#roster = new Roster(config, { processes, random });
    this.#selector = new Selector(random, this.#roster.work);
  }

  get config(): PoolConfig {
    return this.#config;
  }

  /** Keys of every state. */
  get size(): number {
    return this.#roster.size;
  }

  /** Keys that were added since the start: what was told of unknown keys may concern these. */
  get added(): number {
    return this.#roster.added;
  }

  /** Entries that were looked at or moved since the start: what the pool costs, whatever the machine. */
  get work(): number {
    return this.#roster.work.entries;
  }

  /** Takes over settings; live, requests in flight keep their keys. */
  configure(config: PoolConfig): void {
    this.#config = config;
    this.#roster.configure(config);
  }

  /** Tells the priorities. Equal ones are one tier; a key whose pool is not among them counts as one of `default`. */
  setGroups(groups: readonly PoolGroup[]): void {
    this.#roster.setGroups(groups);
  }

  /**
   * Puts these in place of all keys of one source that has no store: environment, file, OAuth. Those with a known id keep
   * what is known of them, a ban too unless the secret is another one.
   */
  replaceAll(source: KeySourceName, keys: Iterable<LiveKey>): void {
    const kept = new Set<string>();
    for (const key of keys) {
      kept.add(key.id);
      const known = this.#roster.get(key.id)?.key;
      const staysBanned = known?.status === 'banned' && sameSecret(known, key);
      this.#roster.put(staysBanned ? { ...key, status: 'banned' } : key);
    }
    for (const entry of this.#roster.entries()) {
      if (entry.key.source === source && !kept.has(entry.key.id)) this.#roster.remove(entry);
    }
  }

  /** Adds or changes keys, and takes keys away. Requests that use a key which is taken away go on. */
  apply(changes: { readonly changed: readonly LiveKey[]; readonly removed: readonly string[] }): void {
    for (const key of changes.changed) this.#roster.put(key);
    for (const id of changes.removed) {
      const entry = this.#roster.get(id);
      if (entry !== undefined) this.#roster.remove(entry);
    }
  }

  /** Notes cool-downs that other processes decided. An earlier end never replaces a later one. */
  setRests(rests: Iterable<Rest>, nowMs: number): void {
    this.#roster.advance(nowMs);
    for (const { keyId, model, untilMs } of rests) {
      const entry = this.#roster.get(keyId);
      if (entry !== undefined) this.#roster.rest(entry, modelName(model), untilMs);
    }
  }

  /** Ends a key's cool-downs, or only that of one model (`*`: only the one for all models). */
  wake(keyId: string, model?: string): void {
    const entry = this.#roster.get(keyId);
    if (entry !== undefined) this.#roster.wake(entry, model === undefined ? undefined : modelName(model));
  }

  /** All-time tokens by key, as a store has them; keys that are not named keep what they have. */
  setUsage(tokens: ReadonlyMap<string, number>): void {
    for (const [keyId, used] of tokens) {
      const entry = this.#roster.get(keyId);
      if (entry !== undefined) entry.usedTokens = used;
    }
  }

  /** Tokens of one request. */
  addUsage(keyId: string, tokens: number): void {
    const entry = this.#roster.get(keyId);
    if (entry === undefined) return;
    entry.usedTokens += tokens;
    this.#requestTokens += (tokens - this.#requestTokens) * NEWEST_SHARE;
  }

  /** Chooses a key. Exactly one `release` or `abandon` must follow. */
  lease(request: LeaseRequest, nowMs: number): Lease | Unavailable {
    this.#roster.advance(nowMs);
    const model = modelName(request.model);
    const { onlyKeyId } = request;
    for (;;) {
      const found =
        onlyKeyId === undefined ? this.#choose(request, model) : this.#chooseOnly(request, onlyKeyId, model);
      if (!(found instanceof PoolEntry)) return found;
      if (this.#opens(found)) return this.#lend(found, model);
    }
  }

  /** Whether `lease` would give a key. For an answer that is worth relaying when there is no other key to ask. */
  hasKeyFor(request: LeaseRequest, nowMs: number): boolean {
    this.#roster.advance(nowMs);
    const model = modelName(request.model);
    const { onlyKeyId } = request;
    if (onlyKeyId === undefined) return this.#choose(request, model) instanceof PoolEntry;
    return this.#chooseOnly(request, onlyKeyId, model) instanceof PoolEntry;
  }

  /** Lends a key whatever its state, for a test of it. `undefined`: there is no such key. */
  leaseForTest(keyId: string, model: string): Lease | undefined {
    const entry = this.#roster.get(keyId);
    return entry === undefined || !this.#opens(entry) ? undefined : this.#lend(entry, modelName(model));
  }

  /** Wraps a key that is not in the pool (the client's own) so that it takes the same path. Nothing is held against it. */
  lendForeign(key: LiveKey, model: string): Lease {
    return new PoolLease({ key, model: modelName(model), entry: undefined });
  }

  /**
   * Gives a key back with what its answer said. A key that was deleted, replaced or begun anew meanwhile is not judged.
   *
   * @throws Error when it was given back before
   */
  release(lease: Lease, verdict: Verdict, nowMs: number): void {
    this.#roster.advance(nowMs);
    const pooled = this.#giveBack(lease);
    const entry = pooled.entry;
    if (entry === undefined || entry.shelf === undefined || pooled.epoch !== entry.epoch) return;
    const { key } = verdict;
    switch (key.kind) {
      case 'none':
        return;
      case 'success':
        entry.strikes = 0;
        entry.noteOutcome(true);
        return;
      case 'rest':
        entry.noteOutcome(false);
        if (this.#roster.rest(entry, modelName(key.model), key.untilMs)) {
          const { id: keyId, source } = entry.key;
          this.#onEffect({ kind: 'rest', keyId, source, model: modelName(key.model), untilMs: key.untilMs });
        }
        return;
      case 'strike':
        entry.noteOutcome(false);
        this.#strike(entry, key.reason);
        return;
      case 'ban':
        entry.noteOutcome(false);
        entry.strikes += 1;
        this.#ban(entry, key.reason);
        return;
    }
  }

  /** Gives a key back when nothing can be said of it: the client left. @throws Error as `release` */
  abandon(lease: Lease): void {
    this.#giveBack(lease);
  }

  /** Keys by state, of one source, pool or provider where given. */
  counts(nowMs: number, filter: TallyFilter = {}): StateCounts {
    this.#roster.settle(nowMs);
    return this.#roster.tallies.sum(filter);
  }

  /** Counts of every source, pool and provider that has or had keys. */
  tallies(
    nowMs: number,
  ): { source: KeySourceName; pool: string; provider: ProviderName; counts: StateCounts }[] {
    this.#roster.settle(nowMs);
    return [...this.#roster.tallies.values()].map(({ source, pool, provider, states }) => ({
      source,
      pool,
      provider,
      counts: { ...states },
    }));
  }

  /** Providers of which there is a key that is not banned or disabled; resting ones count. */
  providers(): ReadonlySet<ProviderName> {
    const found = new Set<ProviderName>();
    for (const { provider, states } of this.#roster.tallies.values()) {
      if (states.ready + states.resting + states.busy > 0) found.add(provider);
    }
    return found;
  }

  /** Whether fewer keys are usable than `dryThreshold`. Never for a pool without keys. */
  runningDry(nowMs: number): boolean {
    const { ready, busy } = this.counts(nowMs);
    return this.#roster.size > 0 && ready + busy < this.#config.dryThreshold;
  }

  get(keyId: string): LiveKey | undefined {
    return this.#roster.get(keyId)?.key;
  }

  /** What passes over all keys need, at the time the pool was last asked about (`counts`, `view`): costs no settling. */
  glance(keyId: string): Pick<KeyView, 'state' | 'picks'> | undefined {
    return this.#roster.get(keyId);
  }

  view(keyId: string, nowMs: number): KeyView | undefined {
    this.#roster.settle(nowMs);
    const entry = this.#roster.get(keyId);
    if (entry === undefined) return undefined;
    const rests = [...(entry.rests ?? [])].map(([model, untilMs]) => ({ model, untilMs }));
    if (entry.restAllUntilMs > this.#roster.nowMs) rests.push({ model: '*', untilMs: entry.restAllUntilMs });
    return {
      state: entry.state,
      inFlight: entry.inFlight,
      strikes: entry.strikes,
      picks: entry.picks,
      successes: entry.successes,
      failures: entry.failures,
      rests: rests.filter(rest => rest.untilMs > this.#roster.nowMs),
      usedTokens: entry.usedTokens,
      lastUsedMs: entry.lastUsedMs,
    };
  }

  /** All keys, in no particular order. */
  *keys(): Iterable<LiveKey> {
    for (const entry of this.#roster.entries()) yield entry.key;
  }

  #choose(request: LeaseRequest, model: string): PoolEntry | Unavailable {
    return this.#selector.choose(
      { request, model, requestTokens: this.#requestTokens },
      { roster: this.#roster, config: this.#config },
    );
  }

  #chooseOnly(request: LeaseRequest, keyId: string, model: string): PoolEntry | Unavailable {
    const entry = this.#roster.get(keyId);
    if (entry?.shelf === undefined || !request.providers.includes(entry.key.provider))
      return { kind: 'none' };
    entry.shelf.lane(model, this.#roster.limit, this.#roster.nowMs);
    if (entry.key.status !== 'active') return { kind: 'unusable' };
    const untilMs = entry.shelf.restUntilMs(entry, model);
    if (untilMs > this.#roster.nowMs) return { kind: 'resting', retryAfterMs: untilMs - this.#roster.nowMs };
    if (request.tried.has(keyId)) return { kind: 'unusable' };
    const upstream = upstreamOf(entry.key);
    if (request.avoids?.(upstream) === true) return { kind: 'avoided', upstreams: [upstream] };
    return entry.inFlight >= this.#roster.limit ? { kind: 'busy' } : entry;
  }

  /** Takes a key out whose secret turns out to be damaged. */
  #opens(entry: PoolEntry): boolean {
    if (clearText(entry.key) !== undefined) return true;
    this.#roster.remove(entry);
    return false;
  }

  #lend(entry: PoolEntry, model: string): Lease {
    this.#turns += 1;
    entry.notePick(this.#turns, this.#roster.nowMs);
    entry.inFlight += 1;
    if (entry.inFlight === this.#roster.limit) this.#roster.place(entry);
    return new PoolLease({ key: entry.key, model, entry });
  }

  #giveBack(lease: Lease): PoolLease {
    if (!(lease instanceof PoolLease)) throw new TypeError('Expected a lease of this pool');
    if (!lease.close()) throw new Error(`The lease of key ${lease.key.id} was given back twice`);
    const entry = lease.entry;
    if (entry !== undefined) {
      entry.inFlight -= 1;
      if (entry.inFlight === this.#roster.limit - 1) this.#roster.place(entry);
    }
    return lease;
  }

  #strike(entry: PoolEntry, reason: string): void {
    entry.strikes += 1;
    const { enabled, threshold } = this.#config.autoBan;
    if (enabled && entry.strikes >= threshold) {
      this.#ban(entry, `${entry.strikes} failures in a row, the last: ${reason}`);
    }
  }

  /** An admin's `disabled` stays, and what is banned already is not banned again. */
  #ban(entry: PoolEntry, reason: string): void {
    if (entry.key.status !== 'active') return;
    this.#roster.put({ ...entry.key, status: 'banned' });
    const { id: keyId, source } = entry.key;
    this.#onEffect({ kind: 'ban', keyId, source, reason, atMs: this.#roster.nowMs });
  }
}

/** Tells a lease from a reason why there is none. */
export function isLease(result: Lease | Unavailable): result is Lease {
  return 'key' in result;
}

function modelName(model: string): string {
  if (model === '') return '*';
  return model.length > LONGEST_MODEL ? model.slice(0, LONGEST_MODEL) : model;
}
