import { AppError } from '../../src/base/errors.ts';
import type {
  Bucket,
  BucketQuery,
  CounterBatch,
  CounterRow,
  LocalFile,
  StatisticsStore,
  Tier,
} from '../../src/stores/types.ts';

/** A statistics store in memory that can be away. What it says goes through JSON, as with a real one. */
export class MemoryStatistics implements StatisticsStore {
  /** `before`: rejects and does nothing; `after`: does it and loses the acknowledgement. */
  outage: 'none' | 'before' | 'after' = 'none';
  /** Every batch that came, whether it was applied or not. */
  readonly received: CounterBatch[] = [];
  readonly queries: BucketQuery[] = [];
  readonly pruned: Parameters<StatisticsStore['prune']>[0][] = [];
  readonly #buckets = new Map<string, { tier: Tier; bucket: Bucket }>();
  readonly #sequences = new Map<string, number>();
  readonly #lastSeen = new Map<string, number>();

  async add(batch: CounterBatch): Promise<void> {
    this.received.push(structuredClone(batch));
    if (this.outage === 'before') throw unavailable();
    if (batch.sequence > (this.#sequences.get(batch.writer) ?? 0)) {
      this.#sequences.set(batch.writer, batch.sequence);
      for (const row of batch.rows) this.#apply(row);
    }
    if (this.outage === 'after') throw unavailable();
  }

  async read(query: BucketQuery): Promise<Bucket[]> {
    this.queries.push(query);
    if (this.outage !== 'none') throw unavailable();
    const { tier, fromMs, toMs, seriesPrefixes } = query;
    const found = [...this.#buckets.values()]
      .filter(entry => entry.tier === tier)
      .map(entry => entry.bucket)
      .filter(({ startMs }) => startMs >= fromMs && startMs < toMs)
      .filter(({ series }) => seriesPrefixes?.some(prefix => series.startsWith(prefix)) ?? true);
    return structuredClone(found);
  }

  async totalsOf(series: readonly string[]): Promise<ReadonlyMap<string, Readonly<Record<string, number>>>> {
    if (this.outage !== 'none') throw unavailable();
    const found = series.flatMap(name => this.#buckets.get(`total 0 ${name}`)?.bucket ?? []);
    return new Map(found.map(bucket => [bucket.series, structuredClone(bucket.values)]));
  }

  async lastSeen(): Promise<ReadonlyMap<string, number>> {
    if (this.outage !== 'none') throw unavailable();
    return new Map(this.#lastSeen);
  }

  async prune(limits: Parameters<StatisticsStore['prune']>[0]): Promise<void> {
    if (this.outage !== 'none') throw unavailable();
    this.pruned.push(limits);
  }

  /** Requests ever counted for a series. */
  requests(series: string): number {
    return this.#buckets.get(`total 0 ${series}`)?.bucket.values.requests ?? 0;
  }

  #apply({ series, minuteMs, hourMs, dayMs, values, lastSeenMs, keepsLastSeen = true }: CounterRow): void {
    if (keepsLastSeen) this.#lastSeen.set(series, Math.max(lastSeenMs, this.#lastSeen.get(series) ?? 0));
    const places = [
      ['minute', minuteMs],
      ['hour', hourMs],
      ['day', dayMs],
      ['total', 0],
    ] as const;
    for (const [tier, startMs] of places) {
      if (startMs < 0) continue;
      const key = `${tier} ${startMs} ${series}`;
      const sums: Record<string, number> = { ...this.#buckets.get(key)?.bucket.values };
      for (const [name, amount] of Object.entries(values)) {
        if (!Number.isInteger(amount) || amount <= 0) throw new Error(`Bad amount of ${name}: ${amount}`);
        sums[name] = (sums[name] ?? 0) + amount;
      }
      this.#buckets.set(key, { tier, bucket: { series, startMs, values: sums } });
    }
  }
}

/** A local file in memory; `writes` counts saves and clears. */
export class MemoryFile<T> implements LocalFile<T> {
  text: string | undefined;
  writes = 0;

  async load(): Promise<T | undefined> {
    return this.text === undefined ? undefined : (JSON.parse(this.text) as T);
  }

  async save(value: T): Promise<void> {
    this.writes += 1;
    this.text = JSON.stringify(value);
  }

  async clear(): Promise<void> {
    this.writes += 1;
    this.text = undefined;
  }
}

function unavailable(): AppError {
  return new AppError('ERR_STORE_UNAVAILABLE', 'Store is away');
}
