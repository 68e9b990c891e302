import type { Children } from './children.ts';

export interface Words {
  readonly en: string;
  readonly zh: string;
}

/** What stands side by side, in the order of the table. */
export const CONTESTANTS = ['direct', 'Switchyard', 'http-proxy-3', 'undici', 'nginx', 'Caddy'] as const;
export type ContestantName = (typeof CONTESTANTS)[number];

/** Everybody is compared with this one. */
export const BASELINE: ContestantName = 'http-proxy-3';

/** One row of the table: what was measured, once a round for each contestant. */
export interface Measure {
  readonly label: Words;
  readonly unit: string;
  readonly decimals: number;
  /** Value by round. Equal rounds ran right after each other, so a ratio is taken within a round. */
  readonly samples: ReadonlyMap<ContestantName, readonly number[]>;
  /** Stands in the READMEs; else only in what a run prints. */
  readonly quoted: boolean;
  /** Show each value as a multiple of the baseline's, else as it is. */
  readonly relative: boolean;
  /** For Switchyard, in what is shown. */
  readonly target?: { readonly atLeast: number } | { readonly atMost: number };
}

export interface BenchContext {
  /** Short rounds: shows that everything works, not how fast it is. */
  readonly quick: boolean;
  readonly children: Children;
  /** An empty folder that is deleted after the run. */
  readonly folder: string;
  readonly say: (line: string) => void;
}

export interface Bench {
  /** The name that `npm run bench -- <name>` takes. */
  readonly name: string;
  readonly question: string;
  readonly run: (context: BenchContext) => Promise<readonly Measure[]>;
}

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), least: sorted[0] ?? Number.NaN, most: sorted.at(-1) ?? Number.NaN };
}

/** @param sorted ascending @param share 0.5 is the median */
export function quantile(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share;
  const low = sorted[Math.floor(place)] ?? Number.NaN;
  const high = sorted[Math.ceil(place)] ?? Number.NaN;
  return low + (high - low) * (place - Math.floor(place));
}

/** What a measure shows for a contestant, by round; `undefined` where there is nothing to show. */
export function shownValues(measure: Measure, name: ContestantName): readonly number[] | undefined {
  const values = measure.samples.get(name);
  if (values === undefined || !measure.relative) return values;
  const baseline = measure.samples.get(BASELINE);
  return baseline === undefined ? undefined : values.map((value, round) => value / baseline[round]!);
}

/** Whether Switchyard is where it should be; `undefined` where no target was set or nothing was measured. */
export function targetMet(measure: Measure): boolean | undefined {
  const values = shownValues(measure, 'Switchyard');
  if (measure.target === undefined || values === undefined) return undefined;
  const { median } = spreadOf(values);
  return 'atLeast' in measure.target ? median >= measure.target.atLeast : median <= measure.target.atMost;
}

/** Collects samples by contestant. */
export class Samples {
  readonly #values = new Map<ContestantName, number[]>();

  add(name: ContestantName, value: number): void {
    const values = this.#values.get(name);
    if (values === undefined) this.#values.set(name, [value]);
    else values.push(value);
  }

  get map(): ReadonlyMap<ContestantName, readonly number[]> {
    return this.#values;
  }
}

/** The contestants in an order that turns round with each round, so that a drift of the machine hits all alike. */
export function orderOfRound<T>(contestants: readonly T[], round: number): readonly T[] {
  return round % 2 === 0 ? contestants : contestants.toReversed();
}
