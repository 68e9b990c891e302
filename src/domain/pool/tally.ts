import type { ProviderName } from '../../stores/pool-types.ts';
import type { KeySourceName, KeyState, LiveKey, StateCounts } from './types.ts';

/** Number of keys in each state, for one source, pool and provider. Kept as keys move: counting 100,000 is no option. */
export interface Tally {
  readonly source: KeySourceName;
  readonly pool: string;
  readonly provider: ProviderName;
  readonly states: Record<KeyState, number>;
}

export interface TallyFilter {
  readonly source?: KeySourceName | undefined;
  readonly pool?: string | undefined;
  readonly provider?: ProviderName | undefined;
}

/** All tallies of a pool. */
export class Tallies {
  readonly #byName = new Map<string, Tally>();

  of({ source, provider }: Pick<LiveKey, 'source' | 'provider'>, pool: string): Tally {
    const name = `${source} ${provider} ${pool}`;
    let tally = this.#byName.get(name);
    if (tally === undefined) {
      tally = {
        source,
        pool,
        provider,
        states: { ready: 0, resting: 0, busy: 0, disabled: 0, banned: 0 },
      };
      this.#byName.set(name, tally);
    }
    return tally;
  }

  values(): Iterable<Tally> {
    return this.#byName.values();
  }

  sum(filter: TallyFilter): StateCounts {
    const sum = { ready: 0, resting: 0, busy: 0, disabled: 0, banned: 0 };
    for (const tally of this.#byName.values()) {
      if (filter.source !== undefined && filter.source !== tally.source) continue;
      if (filter.pool !== undefined && filter.pool !== tally.pool) continue;
      if (filter.provider !== undefined && filter.provider !== tally.provider) continue;
      for (const state of Object.keys(sum) as KeyState[]) sum[state] += tally.states[state];
    }
    return sum;
  }
}
