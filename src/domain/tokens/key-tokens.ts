import type { Log } from '../../base/log.ts';
import type { StatisticsStore } from '../../stores/types.ts';
import { byTimer, type Schedule } from '../pool/schedule.ts';
import { KEY_SERIES } from '../statistics/pooled-counts.ts';

/**
 * Tokens that each key ever used, prompts and answers, as all processes of the installation counted them.
 *
 * @throws AppError `ERR_STORE_UNAVAILABLE`
 */
export async function readKeyTokens(store: Pick<StatisticsStore, 'read'>): Promise<Map<string, number>> {
  const rows = await store.read({ tier: 'total', fromMs: 0, toMs: 1, seriesPrefixes: [KEY_SERIES] });
  const tokens = new Map<string, number>();
  for (const { series, values } of rows) {
    tokens.set(series.slice(KEY_SERIES.length), (values.tokens_input ?? 0) + (values.tokens_output ?? 0));
  }
  return tokens;
}

export interface KeyTokensFeedOptions {
  readonly store: Pick<StatisticsStore, 'read'>;
  /** Writes what waits in this process, so that what is read holds it. Never rejects. */
  readonly flush: () => Promise<void>;
  readonly pool: { setUsage(tokens: ReadonlyMap<string, number>): void };
  readonly log: Log;
  readonly schedule?: Schedule;
  /** A clock for lengths of time, in ms. */
  readonly elapsedMs?: () => number;
}

const INTERVAL_MS = 60_000;
/** Reading 100,000 keys takes the thread a tenth of a second: it may take a thousandth of the time. */
const LONGEST_SHARE = 1000;

/** Tells the pool what its keys used in all: at the start, and every minute for what other processes counted since. */
export class KeyTokensFeed {
  readonly #options: Required<KeyTokensFeedOptions>;
  #cancel: (() => void) | undefined;
  #stopped = false;
  #failed = false;

  constructor(options: KeyTokensFeedOptions) {
    this.#options = { schedule: byTimer, elapsedMs: () => performance.now(), ...options };
  }

  /** Reads once, then goes on until `stop`. Never rejects: a store that is away is asked again. */
  async start(): Promise<void> {
    const { schedule, elapsedMs, log } = this.#options;
    const beganMs = elapsedMs();
    try {
      await this.refresh();
      this.#failed = false;
    } catch (error) {
      if (!this.#failed)
        log.warn({ err: error }, 'the tokens that keys used cannot be read, next attempt in a minute');
      this.#failed = true;
    }
    if (this.#stopped) return;
    const delayMs = Math.max(INTERVAL_MS, LONGEST_SHARE * (elapsedMs() - beganMs));
    this.#cancel = schedule(() => void this.start(), delayMs);
  }

  /**
   * Reads now.
   *
   * @returns of how many keys usage is known
   * @throws AppError `ERR_STORE_UNAVAILABLE`
   */
  async refresh(): Promise<number> {
    await this.#options.flush();
    const tokens = await readKeyTokens(this.#options.store);
    this.#options.pool.setUsage(tokens);
    return tokens.size;
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }
}
