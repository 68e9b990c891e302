import type { Shelf } from './shelf.ts';
import type { Tally } from './tally.ts';
import type { KeyState, LiveKey } from './types.ts';

/** Time in which the count that `least-used` compares halves: what was long ago does not matter. */
const LOAD_HALF_LIFE_MS = 600_000;
/** Outcomes that a success rate looks back on, about: older ones fade. */
const OUTCOMES_REMEMBERED = 200;
/** What a key is believed to do before it has done anything: 9 of 10 succeed. */
const PRIOR_OUTCOMES = 10;
const PRIOR_SUCCESSES = 9;

/** A key in the pool with all that this process knows of it. Changed by `KeyPool`, `Shelf` and the policies alone. */
export class PoolEntry {
  key: LiveKey;
  shelf: Shelf | undefined;
  /** Place among the entries of its shelf. */
  slot = -1;
  tally: Tally | undefined;
  state: KeyState = 'disabled';
  inFlight = 0;
  /** Consecutive. */
  strikes = 0;
  /** The last request that said something about the key succeeded. */
  proven = false;
  picks = 0;
  successes = 0;
  failures = 0;
  lastUsedMs = 0;
  usedTokens = 0;
  /** Cool-down for all models, epoch ms. */
  restAllUntilMs = 0;
  /** Cool-downs by model, epoch ms. */
  rests: Map<string, number> | undefined;
  /** Number of the pick that took it last: `round-robin` takes the lowest. Below 0: never taken. */
  turn: number;
  /** Grows whenever the key starts anew (another secret, no longer banned): verdicts on older leases do not count. */
  epoch = 0;

  #load = 0;
  #loadAtMs = 0;
  #goodOutcomes = 0;
  #outcomes = 0;

  /** @param turn below 0, random: processes that start at once do not all begin with the same key */
  constructor(key: LiveKey, turn: number) {
    this.key = key;
    this.turn = turn;
  }

  /** Picks, fading with time. */
  loadAt(nowMs: number): number {
    const elapsedMs = nowMs - this.#loadAtMs;
    if (elapsedMs > 0) {
      this.#load *= 2 ** (-elapsedMs / LOAD_HALF_LIFE_MS);
      this.#loadAtMs = nowMs;
    }
    return this.#load;
  }

  setLoad(load: number, nowMs: number): void {
    this.#load = load;
    this.#loadAtMs = nowMs;
  }

  /** Success rate with a Bayesian prior, 0 to 1. */
  get score(): number {
    return (this.#goodOutcomes + PRIOR_SUCCESSES) / (this.#outcomes + PRIOR_OUTCOMES);
  }

  noteOutcome(good: boolean): void {
    if (this.#outcomes >= OUTCOMES_REMEMBERED) {
      this.#outcomes /= 2;
      this.#goodOutcomes /= 2;
    }
    this.#outcomes += 1;
    if (good) {
      this.#goodOutcomes += 1;
      this.successes += 1;
    } else {
      this.failures += 1;
    }
    this.proven = good;
  }

  notePick(turn: number, nowMs: number): void {
    this.turn = turn;
    this.picks += 1;
    this.lastUsedMs = nowMs;
    this.setLoad(this.loadAt(nowMs) + 1, nowMs);
  }

  /** Epoch ms until which it rests for a model (of a lane), its rest for all models included. */
  restUntilMs(model: string | undefined): number {
    const own = model === undefined ? undefined : this.rests?.get(model);
    return own === undefined ? this.restAllUntilMs : Math.max(own, this.restAllUntilMs);
  }

  /** Forgets what was held against it. */
  startAnew(): void {
    this.epoch += 1;
    this.strikes = 0;
  }
}
