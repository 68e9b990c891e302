import type { StatisticsStore } from '../../stores/types.ts';
import type { Calendar } from '../statistics/calendar.ts';
import * as field from '../statistics/fields.ts';
import { KEY_AND_MODEL_SERIES, KEY_SERIES, MODEL_SERIES, POOL_PREFIX } from '../statistics/pooled-counts.ts';
import { lastDays, type WindowName } from '../statistics/window-plan.ts';
import { type HeatMap, heatMapOf, LocalClock } from './heat-map.ts';
import { type TokenFigures, tokenFigures } from './token-figures.ts';
import { sumRows, TokenSums } from './token-sums.ts';
import { tokenWindow } from './token-window.ts';

/** What a row of usage stands for. */
export type UsageKind = 'key' | 'model' | 'endpoint';

/** What may be shown of a key. */
export interface KeyLabel {
  readonly hint: string;
  readonly notes: string;
}

export interface TokenRow extends TokenFigures, Partial<KeyLabel> {
  /** Id of a key, a model, or an endpoint (`POST /chat/completions`). Models without a name of their own: `:other`, `:none`. */
  readonly name: string;
}

export interface TokenUsage {
  readonly window: WindowName;
  readonly by: UsageKind;
  /** Epoch ms; `null` where there is no border. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
  readonly totals: TokenFigures;
  /** Most tokens first, at most `MOST_ROWS`. */
  readonly rows: readonly TokenRow[];
}

export interface TokenSummary {
  readonly timeZone: string;
  /** Since local midnight. */
  readonly today: TokenFigures;
  /** All that ever was. */
  readonly totals: TokenFigures;
  /** The last 30 local days. */
  readonly heatMap: HeatMap;
  /** The last 30 local days, oldest first. */
  readonly days: readonly (TokenFigures & { readonly day: string })[];
  /** Of the last 30 days: most tokens first, at most 50. */
  readonly keys: readonly TokenRow[];
  readonly models: readonly TokenRow[];
}

/** Requests to one endpoint under `/v1` since the first start. */
export interface EndpointCounts {
  readonly endpoint: string;
  readonly requests: number;
  readonly errors: number;
}

export interface TokenReportsOptions {
  readonly store: StatisticsStore;
  readonly calendar: Calendar;
  /** Writes what waits in this process. Never rejects. */
  readonly flush: () => Promise<void>;
  /** Brings the pool up to date with the store and tells of how many keys it knows usage; `KeyTokensFeed.refresh`. */
  readonly syncKeys: () => Promise<number>;
  /** What may be shown of a key; `undefined` where there is none of this id. */
  readonly labelOf?: (keyId: string) => KeyLabel | undefined;
  readonly cacheMs?: number;
}

export const MOST_ROWS = 1000;
const MOST_RANKED = 50;
const DAYS = 30;

const SERIES: Readonly<Record<UsageKind, string>> = {
  key: KEY_SERIES,
  model: MODEL_SERIES,
  endpoint: `e ${POOL_PREFIX} `,
};

/**
 * What the keys of the pool used, by key, model, endpoint and time. Windows are exact to the hour, late counts included.
 * Sums over all come from models, for every request of the pool has one, named or not. A question that is asked again
 * within `cacheMs`, or while it is still being answered, is answered once.
 *
 * A request counts for the key that answered in the end; keys that were tried before it are not in these numbers.
 */
export class TokenReports {
  readonly #options: Required<TokenReportsOptions>;
  readonly #sums: TokenSums;
  readonly #clock: LocalClock;
  readonly #answers = new Map<string, { atMs: number; isOpen: boolean; answer: Promise<unknown> }>();

  constructor(options: TokenReportsOptions) {
    this.#options = { cacheMs: 2000, labelOf: () => undefined, ...options };
    this.#sums = new TokenSums(options.store);
    this.#clock = new LocalClock(options.calendar);
  }

  /** @throws AppError `ERR_STORE_UNAVAILABLE` */
  readUsage(query: { window: WindowName; by: UsageKind; nowMs: number }): Promise<TokenUsage> {
    const { window, by, nowMs } = query;
    return this.#once(`usage ${window} ${by}`, nowMs, () => this.#usage(query));
  }

  /** @throws AppError `ERR_STORE_UNAVAILABLE` */
  readSummary(nowMs: number): Promise<TokenSummary> {
    return this.#once('summary', nowMs, () => this.#summary(nowMs));
  }

  /**
   * Most requests first.
   *
   * @throws AppError `ERR_STORE_UNAVAILABLE`
   */
  readEndpoints(nowMs: number): Promise<readonly EndpointCounts[]> {
    return this.#once('endpoints', nowMs, async () => {
      const sums = await this.#sums.over(
        tokenWindow('total', nowMs, this.#options.calendar),
        SERIES.endpoint,
      );
      const counted = Array.from(sums, ([series, counts]) => ({
        endpoint: series.slice(SERIES.endpoint.length),
        requests: counts[field.REQUESTS]!,
        errors: counts[field.ERRORS]!,
      }));
      return counted.sort((a, b) => b.requests - a.requests || (a.endpoint < b.endpoint ? -1 : 1));
    });
  }

  /**
   * Writes what waits in this process and takes over what others counted.
   *
   * @returns of how many keys usage is known
   * @throws AppError `ERR_STORE_UNAVAILABLE`
   */
  async sync(): Promise<number> {
    this.#forget();
    return this.#options.syncKeys();
  }

  /**
   * Deletes counts of keys and models from hours and days before a time. Totals stay, and so do the statistics of
   * endpoints and prefixes.
   *
   * @throws AppError `ERR_STORE_UNAVAILABLE`
   */
  async cleanUp(beforeMs: number): Promise<void> {
    await this.#options.store.prune({
      minuteBeforeMs: beforeMs,
      hourBeforeMs: beforeMs,
      dayBeforeMs: beforeMs,
      writerBeforeMs: 0,
      families: [KEY_SERIES, MODEL_SERIES, KEY_AND_MODEL_SERIES].map(series => series.trimEnd()),
    });
    this.#forget();
  }

  async #usage({
    window,
    by,
    nowMs,
  }: {
    window: WindowName;
    by: UsageKind;
    nowMs: number;
  }): Promise<TokenUsage> {
    const plan = tokenWindow(window, nowMs, this.#options.calendar);
    const models = await this.#sums.over(plan, MODEL_SERIES);
    const sums = by === 'model' ? models : await this.#sums.over(plan, SERIES[by]);
    const { fromMs, toMs } = plan;
    return { window, by, fromMs, toMs, totals: totalOf(models), rows: this.#rows(sums, by, MOST_ROWS) };
  }

  async #summary(nowMs: number): Promise<TokenSummary> {
    const { store, calendar } = this.#options;
    const startsMs = lastDays(DAYS, nowMs, calendar);
    const range = { fromMs: startsMs[0]!, toMs: calendar.nextDayMs(nowMs) };
    const [hours, days, totals] = await Promise.all([
      store.read({ tier: 'hour', ...range, seriesPrefixes: [`p ${POOL_PREFIX}`] }),
      store.read({ tier: 'day', ...range, seriesPrefixes: [MODEL_SERIES] }),
      this.#sums.over(tokenWindow('total', nowMs, calendar), MODEL_SERIES),
    ]);
    const month = tokenWindow('30d', nowMs, calendar);
    const byDay = Map.groupBy(days, ({ startMs }) => startMs);
    const perDay = startsMs.map(startMs => ({
      day: this.#clock.read(startMs).day,
      ...totalOf(sumRows(byDay.get(startMs) ?? [])),
    }));
    const { day: _, ...today } = perDay.at(-1)!;
    return {
      timeZone: calendar.timeZone,
      today,
      totals: totalOf(totals),
      heatMap: heatMapOf(
        hours.filter(({ series }) => series === `p ${POOL_PREFIX}`),
        startsMs,
        this.#clock,
      ),
      days: perDay,
      keys: this.#rows(await this.#sums.over(month, KEY_SERIES), 'key', MOST_RANKED),
      models: this.#rows(await this.#sums.over(month, MODEL_SERIES), 'model', MOST_RANKED),
    };
  }

  #rows(sums: ReadonlyMap<string, field.Counts>, by: UsageKind, most: number): TokenRow[] {
    const named = Array.from(sums, ([series, counts]) => ({
      name: series.slice(SERIES[by].length),
      ...tokenFigures(counts),
    }));
    const used = named
      .filter(({ requests }) => requests > 0)
      .sort(byTokens)
      .slice(0, most);
    return by === 'key' ? used.map(row => ({ ...row, ...this.#options.labelOf(row.name) })) : used;
  }

  #once<T>(key: string, nowMs: number, read: () => Promise<T>): Promise<T> {
    for (const [known, { atMs, isOpen }] of this.#answers) {
      if (!isOpen && Math.abs(nowMs - atMs) >= this.#options.cacheMs) this.#answers.delete(known);
    }
    const cached = this.#answers.get(key);
    if (cached !== undefined) return cached.answer as Promise<T>;
    const entry = {
      atMs: nowMs,
      isOpen: true,
      answer: this.#options
        .flush()
        .then(read)
        .finally(() => {
          entry.isOpen = false;
        }),
    };
    this.#answers.set(key, entry);
    return entry.answer;
  }

  #forget(): void {
    this.#answers.clear();
    this.#sums.clear();
  }
}

function totalOf(sums: ReadonlyMap<string, field.Counts>): TokenFigures {
  const total = field.emptyCounts();
  for (const counts of sums.values()) field.addCounts(total, counts);
  return tokenFigures(total);
}

function byTokens(a: TokenRow, b: TokenRow): number {
  return b.totalTokens - a.totalTokens || b.requests - a.requests || (a.name < b.name ? -1 : 1);
}
