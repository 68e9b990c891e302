import type { CounterRow } from '../../stores/types.ts';
import * as field from './fields.ts';

/** What the exchanges of the key pool count under, beside their keys and models. */
export const POOL_PREFIX = '/v1';
/** Model that stands for those that got no name of their own. */
export const OTHER_MODEL = ':other';

/** Stands for the model of a request that named none, an upload for example. */
export const NO_MODEL = ':none';

/** Beginnings of the series: `k <key id>`, `m <model>`, `km <key id> <model>`. Key ids have no spaces. */
export const KEY_SERIES = 'k ';
export const MODEL_SERIES = 'm ';
export const KEY_AND_MODEL_SERIES = 'km ';

/** Tokens of one answer. Cached ones are among the input, reasoning ones among the output. */
export interface Usage {
  readonly input: number;
  readonly output: number;
  readonly cached: number;
  readonly reasoning: number;
}

/** How many names get series of their own in time; one that was not used for 24 h gives its place up. */
export interface PooledLimits {
  /** Keys beyond it count in all, but not by hour and day. */
  readonly keys: number;
  /** Models beyond it count under `:other`. */
  readonly models: number;
  /** Pairs of key and model beyond it count for their key and for their model alone. */
  readonly pairs: number;
}

const LIMITS: PooledLimits = { keys: 1000, models: 200, pairs: 2000 };

const LONGEST_MODEL = 128;
/** No upstream bills more for one answer; it bounds what a lie may do. */
const MOST_TOKENS = 1e9;

/** What is stored of a key or a model: no histograms, so that reading a month of many keys stays quick. */
const STORED_FIELDS = [
  field.REQUESTS,
  field.ERRORS,
  field.ABORTED,
  field.TOKENS_INPUT,
  field.TOKENS_OUTPUT,
  field.TOKENS_CACHED,
  field.TOKENS_REASONING,
  field.USAGE_UNKNOWN,
] as const;

/** Time of a row that is in no bucket of time. */
const NO_TIME = { minuteMs: -1, hourMs: -1, dayMs: -1 };

/** One exchange on `/v1`. */
export interface PooledExchange {
  /** The upstream key that answered; `undefined` when none was asked. */
  readonly keyId: string | undefined;
  /** As the client named it; `undefined` when it named none. */
  readonly model: string | undefined;
  readonly status: number;
  readonly endedAtMs: number;
  /** `undefined` when none was told. */
  readonly usage: Usage | undefined;
  /** Whether it used tokens that nobody told. */
  readonly isUnknown: boolean;
  /** Keys that were asked before, in vain. */
  readonly failedKeyIds?: readonly string[] | undefined;
}

class Pair {
  readonly counts = field.emptyCounts();
  lastSeenMs = Number.NEGATIVE_INFINITY;
}

/**
 * Counts of keys and models since they were last taken. Only names outlive a `take`, so what it costs follows the
 * traffic and not the number of keys.
 *
 * Names of models come from clients: one gets a place of its own by an answer that is no error, so that nobody uses the
 * places up with made-up names; until then it counts under `:other`.
 */
export class PooledCounts {
  readonly #limits: PooledLimits;
  /** Key id, or empty → model's name → counts. */
  #keys = new Map<string, Map<string, Pair>>();
  /** Key id → requests that went on to another key; they count for their key alone, since the last key's answer counts. */
  #failed = new Map<string, { count: number; lastSeenMs: number }>();
  /** Model as clients write it → the name that it has here. */
  readonly #modelNames = new Map<string, string>();
  /** Name → when it was last seen. */
  readonly #seenModels = new Map<string, number>();
  readonly #seenKeys = new Map<string, number>();
  readonly #seenPairs = new Map<string, number>();

  constructor(limits: Partial<PooledLimits> = {}) {
    this.#limits = { ...LIMITS, ...limits };
  }

  record(exchange: PooledExchange): void {
    const { keyId = '', status, usage } = exchange;
    const model = this.#nameOf(exchange);
    let models = this.#keys.get(keyId);
    if (models === undefined) {
      models = new Map();
      this.#keys.set(keyId, models);
    }
    let pair = models.get(model);
    if (pair === undefined) {
      pair = new Pair();
      models.set(model, pair);
    }
    const { counts } = pair;
    pair.lastSeenMs = Math.max(pair.lastSeenMs, exchange.endedAtMs);
    counts[field.REQUESTS]! += 1;
    if (status === 499) counts[field.ABORTED]! += 1;
    else if (status >= 400) counts[field.ERRORS]! += 1;
    if (usage !== undefined) addUsage(counts, usage);
    if (exchange.isUnknown) counts[field.USAGE_UNKNOWN]! += 1;
    for (const failedId of exchange.failedKeyIds ?? []) {
      const count = (this.#failed.get(failedId)?.count ?? 0) + 1;
      this.#failed.set(failedId, { count, lastSeenMs: exchange.endedAtMs });
    }
  }

  /**
   * Puts all that was counted since the last call into rows. They begin with their hour, so that no minute is kept of
   * keys and models.
   */
  take(time: { readonly hourMs: number; readonly dayMs: number }, rows: CounterRow[]): void {
    if (this.#keys.size === 0) return;
    const place = { minuteMs: time.hourMs, ...time };
    const byModel = new Map<string, Pair>();
    for (const keyId of this.#failed.keys()) {
      if (!this.#keys.has(keyId)) this.#keys.set(keyId, new Map());
    }
    for (const [keyId, models] of this.#keys) {
      const ofKey = new Pair();
      for (const [model, pair] of models) {
        add(ofKey, pair);
        const ofModel = byModel.get(model) ?? new Pair();
        byModel.set(model, add(ofModel, pair));
        if (
          keyId === '' ||
          model === NO_MODEL ||
          !admitted(this.#seenPairs, `${keyId} ${model}`, pair, this.#limits.pairs)
        )
          continue;
        rows.push(rowOf(`${KEY_AND_MODEL_SERIES}${keyId} ${model}`, pair, place));
      }
      if (keyId === '') continue;
      const failed = this.#failed.get(keyId);
      if (failed !== undefined) {
        ofKey.counts[field.REQUESTS]! += failed.count;
        ofKey.counts[field.ERRORS]! += failed.count;
        ofKey.lastSeenMs = Math.max(ofKey.lastSeenMs, failed.lastSeenMs);
      }
      const isNamed = admitted(this.#seenKeys, keyId, ofKey, this.#limits.keys);
      rows.push(rowOf(KEY_SERIES + keyId, ofKey, isNamed ? place : NO_TIME));
    }
    for (const [model, pair] of byModel) {
      const seenMs = this.#seenModels.get(model);
      if (seenMs !== undefined) this.#seenModels.set(model, Math.max(seenMs, pair.lastSeenMs));
      rows.push(rowOf(MODEL_SERIES + model, pair, place));
    }
    this.#keys = new Map();
    this.#failed = new Map();
  }

  /** Gives up the places of names that were not seen since. */
  forgetIdle(beforeMs: number): void {
    for (const seen of [this.#seenModels, this.#seenKeys, this.#seenPairs]) {
      for (const [name, seenMs] of seen) if (seenMs < beforeMs) seen.delete(name);
    }
    for (const [written, name] of this.#modelNames) {
      if (!this.#seenModels.has(name)) this.#modelNames.delete(written);
    }
  }

  #nameOf({ model = '', status, endedAtMs }: PooledExchange): string {
    if (model === '') return NO_MODEL;
    const known = this.#modelNames.get(model);
    if (known !== undefined) return known;
    if (status >= 400 || this.#modelNames.size >= this.#limits.models) return OTHER_MODEL;
    const name = modelName(model);
    this.#modelNames.set(model, name);
    this.#seenModels.set(name, endedAtMs);
    return name;
  }
}

/** Whether a name has a place, or gets one now. */
function admitted(seen: Map<string, number>, name: string, { lastSeenMs }: Pair, most: number): boolean {
  const seenMs = seen.get(name);
  if (seenMs === undefined && seen.size >= most) return false;
  seen.set(name, Math.max(seenMs ?? lastSeenMs, lastSeenMs));
  return true;
}

/** A model as it is kept and shown: of bounded length, without control characters. */
function modelName(model: string): string {
  const shown = model.toWellFormed().replaceAll(/\p{Cc}/gu, '\u{fffd}');
  return shown.length > LONGEST_MODEL ? `${shown.slice(0, LONGEST_MODEL).toWellFormed()}…` : shown;
}

/** Adds what an answer told; numbers that no count can be are left out. */
export function addUsage(counts: field.Counts, usage: Usage): void {
  counts[field.TOKENS_INPUT]! += amount(usage.input);
  counts[field.TOKENS_OUTPUT]! += amount(usage.output);
  counts[field.TOKENS_CACHED]! += amount(usage.cached);
  counts[field.TOKENS_REASONING]! += amount(usage.reasoning);
}

function amount(tokens: number): number {
  return tokens > 0 ? Math.min(Math.floor(tokens), MOST_TOKENS) : 0;
}

function add(sum: Pair, pair: Pair): Pair {
  for (const index of STORED_FIELDS) sum.counts[index]! += pair.counts[index]!;
  sum.lastSeenMs = Math.max(sum.lastSeenMs, pair.lastSeenMs);
  return sum;
}

function rowOf(
  series: string,
  { counts, lastSeenMs }: Pair,
  place: Pick<CounterRow, 'minuteMs' | 'hourMs' | 'dayMs'>,
): CounterRow {
  const values: Record<string, number> = {};
  for (const index of STORED_FIELDS) {
    const count = counts[index]!;
    if (count > 0) values[field.FIELD_NAMES[index]!] = count;
  }
  return { series, ...place, values, lastSeenMs, keepsLastSeen: false };
}
