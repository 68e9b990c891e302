import type { ProviderName } from '../../stores/pool-types.ts';
import { Lane } from './lane.ts';
import type { PoolEntry } from './pool-entry.ts';
import type { KeyState } from './types.ts';

/** Resting entries that are looked at in one go, so that many which return at once are not paid by one request. */
const RETURNS_AT_ONCE = 256;
/** Entries in all lanes of a shelf together: bounds the memory that models with cool-downs of their own take. */
const MOST_PLACES = 8_000_000;
const FEWEST_LANES = 16;
const MOST_LANES = 512;
/** Models beyond the bound share a lane, and so their cool-downs: better to rest too much than to forget a limit. */
const OTHER_MODELS = '(other models)';

/** Entries that were looked at or moved since the start: what the pool costs, whatever the machine. */
export interface Work {
  entries: number;
}

/** Keys of one tier and provider, mostly also of one upstream: any of them serves a request equally. */
export class Shelf {
  readonly provider: ProviderName;
  /** `undefined`: keys of many upstreams, each to be looked at. */
  readonly upstream: string | undefined;
  /** Entries of every state. */
  size = 0;
  /** Entries at their limit of requests in flight that would be ready else. */
  busy = 0;
  /** Entries that are neither banned nor disabled. */
  active = 0;

  readonly #base = new Lane();
  /** Only of models for which some entry rests; requests for others read the base. */
  readonly #byModel = new Map<string, Lane>();
  readonly #entries: (PoolEntry | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  readonly #work: Work;

  constructor(provider: ProviderName, upstream: string | undefined, work: Work) {
    this.provider = provider;
    this.upstream = upstream;
    this.#work = work;
  }

  /** The lane that a request for a model reads, brought up to date. */
  lane(model: string, limit: number, nowMs: number): Lane {
    const name = this.#laneName(model);
    const own = name === undefined ? undefined : this.#byModel.get(name);
    // Cool-downs for all models end in the base too, so that states and counts follow.
    this.#settle(this.#base, undefined, limit, nowMs);
    if (own === undefined) return this.#base;
    this.#settle(own, name, limit, nowMs);
    return own;
  }

  add(entry: PoolEntry, limit: number, nowMs: number): void {
    entry.shelf = this;
    entry.slot = this.#freeSlots.pop() ?? this.#entries.length;
    this.#entries[entry.slot] = entry;
    this.size += 1;
    if (entry.key.status === 'active') this.active += 1;
    this.#takeRests(entry, limit, nowMs);
    this.place(entry, limit, nowMs);
  }

  remove(entry: PoolEntry): void {
    this.#base.remove(entry);
    for (const lane of this.#byModel.values()) lane.remove(entry);
    this.#setState(entry, 'disabled');
    if (entry.key.status === 'active') this.active -= 1;
    this.#entries[entry.slot] = undefined;
    this.#freeSlots.push(entry.slot);
    entry.slot = -1;
    entry.shelf = undefined;
    this.size -= 1;
  }

  /** Puts an entry where it belongs now: after its status, requests in flight or cool-downs changed. */
  place(entry: PoolEntry, limit: number, nowMs: number): void {
    this.#placeIn(this.#base, undefined, { entry, limit, nowMs });
    for (const [model, lane] of this.#byModel) this.#placeIn(lane, model, { entry, limit, nowMs });
  }

  /** Notes a cool-down. An earlier end never replaces a later one. False when it changes nothing. */
  rest(
    entry: PoolEntry,
    rest: { model: string; untilMs: number },
    now: { limit: number; nowMs: number },
  ): boolean {
    const { limit, nowMs } = now;
    if (rest.untilMs <= nowMs) return false;
    if (rest.model === '*') {
      if (rest.untilMs <= entry.restAllUntilMs) return false;
      entry.restAllUntilMs = rest.untilMs;
      this.place(entry, limit, nowMs);
      return true;
    }
    const [model, lane] = this.#laneFor(rest.model, limit, nowMs);
    if (rest.untilMs <= (entry.rests?.get(model) ?? 0)) return false;
    entry.rests ??= new Map();
    entry.rests.set(model, rest.untilMs);
    this.#placeIn(lane, model, { entry, limit, nowMs });
    return true;
  }

  /** Epoch ms until which an entry rests for a model. */
  restUntilMs(entry: PoolEntry, model: string): number {
    return entry.restUntilMs(this.#laneName(model));
  }

  /** Ends cool-downs: all of an entry, or that of one model. */
  wake(entry: PoolEntry, model: string | undefined, now: { limit: number; nowMs: number }): void {
    if (model === undefined || model === '*') entry.restAllUntilMs = 0;
    if (model === undefined) entry.rests = undefined;
    else if (model !== '*') entry.rests?.delete(this.#laneName(model) ?? model);
    this.place(entry, now.limit, now.nowMs);
  }

  /** Brings states and counts up to date, whatever it costs. */
  settleAll(limit: number, nowMs: number): void {
    while (this.#base.soonestMs <= nowMs) this.#settle(this.#base, undefined, limit, nowMs);
  }

  /** Makes the lanes in which the cool-downs that an entry brings along stand. */
  #takeRests(entry: PoolEntry, limit: number, nowMs: number): void {
    const brought = entry.rests;
    if (brought === undefined) return;
    entry.rests = new Map();
    for (const [model, untilMs] of brought) {
      if (untilMs <= nowMs) continue;
      const [name, lane] = this.#laneFor(model, limit, nowMs);
      entry.rests.set(name, Math.max(untilMs, entry.rests.get(name) ?? 0));
      // At once: a lane in which nobody rests goes when the next one is made.
      this.#placeIn(lane, name, { entry, limit, nowMs });
    }
  }

  #settle(lane: Lane, model: string | undefined, limit: number, nowMs: number): void {
    for (let count = 0; lane.soonestMs <= nowMs; count += 1) {
      if (count >= RETURNS_AT_ONCE && lane.ready.length > 0) return;
      const entry = lane.soonest!;
      if (model === undefined) entry.restAllUntilMs = 0;
      else if ((entry.rests?.get(model) ?? 0) <= nowMs) entry.rests?.delete(model);
      this.#placeIn(lane, model, { entry, limit, nowMs });
    }
  }

  #placeIn(
    lane: Lane,
    model: string | undefined,
    at: { entry: PoolEntry; limit: number; nowMs: number },
  ): void {
    const { entry, limit, nowMs } = at;
    this.#work.entries += 1;
    const state = stateOf(entry, entry.restUntilMs(model) > nowMs, limit);
    if (state === 'ready') lane.setReady(entry);
    else if (state === 'resting') lane.setResting(entry, entry.restUntilMs(model));
    else lane.remove(entry);
    if (model === undefined) this.#setState(entry, state);
  }

  #setState(entry: PoolEntry, state: KeyState): void {
    if (entry.state === 'busy') this.busy -= 1;
    if (state === 'busy') this.busy += 1;
    if (entry.tally !== undefined) {
      entry.tally.states[entry.state] -= 1;
      entry.tally.states[state] += 1;
    }
    entry.state = state;
  }

  /** The lane in which cool-downs for a model stand; made where there is none. */
  #laneFor(model: string, limit: number, nowMs: number): readonly [name: string, lane: Lane] {
    let name = this.#laneName(model) ?? model;
    let lane = this.#byModel.get(name);
    if (lane !== undefined) return [name, lane];
    this.#dropIdleLanes(limit, nowMs);
    if (this.#byModel.size >= this.#mostLanes) name = OTHER_MODELS;
    lane = this.#byModel.get(name) ?? new Lane(this.#base);
    this.#byModel.set(name, lane);
    return [name, lane];
  }

  /** @returns `undefined` where no entry can have a cool-down for it */
  #laneName(model: string): string | undefined {
    if (this.#byModel.has(model)) return model;
    return this.#byModel.has(OTHER_MODELS) ? OTHER_MODELS : undefined;
  }

  get #mostLanes(): number {
    return Math.max(FEWEST_LANES, Math.min(MOST_LANES, Math.floor(MOST_PLACES / (this.size + 1))));
  }

  /** Lets lanes go whose every cool-down is over. */
  #dropIdleLanes(limit: number, nowMs: number): void {
    for (const [model, lane] of this.#byModel) {
      this.#settle(lane, model, limit, nowMs);
      if (lane.restingCount === 0) this.#byModel.delete(model);
    }
  }
}

function stateOf(entry: PoolEntry, rests: boolean, limit: number): KeyState {
  if (entry.key.status !== 'active') return entry.key.status;
  if (rests) return 'resting';
  return entry.inFlight >= limit ? 'busy' : 'ready';
}
