import type { CounterRow } from '../../stores/types.ts';
import { type Calendar, HOUR_MS, MINUTE_MS } from './calendar.ts';
import { endpointName } from './endpoint-name.ts';
import * as field from './fields.ts';
import { addUsage, PooledCounts, type PooledLimits, type Usage } from './pooled-counts.ts';
import { type RecentCounts, RecentSeconds } from './recent.ts';

/** One finished exchange of the prefix proxy or of the key pool. */
export interface ProxiedExchange {
  /** Prefix of the mapping that carried it. */
  readonly prefix: string;
  readonly method: string;
  /** Rest of the request target after the prefix, query allowed; only the endpoint's name is kept of it. */
  readonly path: string;
  /** Status that the client got, or 499 when it left before the end. */
  readonly status: number;
  /** From the request's head to the end of the answer, with fractions. */
  readonly durationMs: number;
  /** From the request's head to the first byte of the answer; -1 when none came. */
  readonly firstByteMs: number;
  /** Body bytes from the client. */
  readonly bytesIn: number;
  /** Body bytes to the client. */
  readonly bytesOut: number;
  /** Epoch ms. */
  readonly endedAtMs: number;
  /** On `/v1`: the upstream key that answered. */
  readonly keyId?: string | undefined;
  /** On `/v1`: as the client named it. */
  readonly model?: string | undefined;
  /**
   * On `/v1`: tokens, where the answer told them. They count for POST alone: an answer to GET (a stored response, a batch)
   * tells again what was used before.
   */
  readonly usage?: Usage | undefined;
  /** On `/v1`: keys that were asked before the one that answered, in vain. */
  readonly failedKeyIds?: readonly string[] | undefined;
}

/** The series that sums up all others of its kind. Its rows are stored with or after the rows that it sums up. */
export const ALL_SERIES = 'all';
/** Endpoint that stands for those that got no name of their own. */
export const OTHER_ENDPOINT = ':other';

const IDLE_MS = 24 * HOUR_MS;

export interface RecorderLimits extends PooledLimits {
  readonly endpointsPerPrefix: number;
  readonly endpoints: number;
}

class Series {
  readonly name: string;
  readonly counts = field.emptyCounts();
  /**
   * Begins with an epoch time, never 0: V8 would hold 0 as a small integer and throw optimised code away whenever a new
   * series gets its first real time, which makes `record` four times slower.
   */
  lastSeenMs: number;

  constructor(name: string, lastSeenMs: number) {
    this.name = name;
    this.lastSeenMs = lastSeenMs;
  }
}

class PrefixSeries extends Series {
  readonly prefix: string;
  /** Method → name of the endpoint → its series. Names come from clients, so they are keys of maps only. */
  readonly methods = new Map<string, Map<string, EndpointSeries>>();
  endpoints = 0;

  constructor(prefix: string, lastSeenMs: number) {
    super(`p ${prefix}`, lastSeenMs);
    this.prefix = prefix;
  }
}

class EndpointSeries extends Series {
  readonly owner: PrefixSeries;

  constructor(owner: PrefixSeries, endpoint: string, lastSeenMs: number) {
    super(`e ${owner.prefix} ${endpoint}`, lastSeenMs);
    this.owner = owner;
  }
}

/**
 * The one place that counts proxied exchanges. Counts lie in typed arrays, one for each endpoint of the running minute;
 * prefixes and the whole are summed up from them when the counts are taken.
 *
 * An endpoint gets a name of its own by an answer that is not 4xx, so that scanners do not use the names up; until then,
 * and where `limits` are reached, its exchanges count under `:other`. A name not seen for 24 h gives its place up.
 */
export class Recorder {
  readonly #calendar: Calendar;
  readonly #limits: Pick<RecorderLimits, 'endpointsPerPrefix' | 'endpoints'>;
  readonly #prefixes = new Map<string, PrefixSeries>();
  readonly #recent = new RecentSeconds();
  readonly #pooled: PooledCounts;
  readonly #all = new Series(ALL_SERIES, Number.NEGATIVE_INFINITY);
  /** Endpoints that have counts of the running minute. */
  #dirty: EndpointSeries[] = [];
  /** Counts of minutes that were left before they were taken. */
  #rows: CounterRow[] = [];
  #endpoints = 0;
  #openStreams = 0;
  #minuteMs = Number.NEGATIVE_INFINITY;
  #hourMs = Number.NEGATIVE_INFINITY;
  #dayMs = Number.NEGATIVE_INFINITY;

  constructor(options: { calendar: Calendar; limits?: Partial<RecorderLimits> }) {
    this.#calendar = options.calendar;
    this.#limits = { endpointsPerPrefix: 100, endpoints: 20_000, ...options.limits };
    this.#pooled = new PooledCounts(options.limits);
  }

  /** Says that an exchange began. Each is followed by one `record`. */
  opened(): void {
    this.#openStreams += 1;
  }

  /** Exchanges that began and did not end yet. */
  get openStreams(): number {
    return this.#openStreams;
  }

  /** Counts an exchange that ended, whatever became of it. */
  record(exchange: ProxiedExchange): void {
    const { status, endedAtMs } = exchange;
    this.#openStreams -= 1;
    if (endedAtMs < this.#minuteMs || endedAtMs >= this.#minuteMs + MINUTE_MS) this.#turnTo(endedAtMs);
    const durationMs = exchange.durationMs > 0 ? exchange.durationMs : 0;
    const bucket = field.bucketOf(durationMs);
    const isError = status >= 400 && status !== 499;

    const series = this.#seriesOf(exchange);
    const { counts } = series;
    if (counts[field.REQUESTS] === 0) this.#dirty.push(series);
    if (endedAtMs > series.lastSeenMs) series.lastSeenMs = endedAtMs;
    counts[field.REQUESTS]! += 1;
    if (isError) counts[field.ERRORS]! += 1;
    else if (status === 499) counts[field.ABORTED]! += 1;
    const statusClass = status < 200 ? 0 : status >= 500 ? 4 : Math.floor(status / 100) - 1;
    counts[field.STATUS_CLASSES + statusClass]! += 1;
    counts[field.BYTES_IN]! += exchange.bytesIn;
    counts[field.BYTES_OUT]! += exchange.bytesOut;
    counts[field.DURATION_SUM]! += durationMs;
    counts[field.DURATION_BUCKETS + bucket]! += 1;
    if (exchange.firstByteMs >= 0) {
      counts[field.FIRST_BYTE_SUM]! += exchange.firstByteMs;
      counts[field.FIRST_BYTE_BUCKETS + field.bucketOf(exchange.firstByteMs)]! += 1;
    }
    if (exchange.keyId !== undefined || exchange.model !== undefined) this.#recordPooled(exchange, counts);
    this.#recent.add(endedAtMs, { isError, durationMs, bucket });
  }

  #recordPooled(exchange: ProxiedExchange, counts: field.Counts): void {
    const { keyId, model, status, endedAtMs, failedKeyIds } = exchange;
    const usage = exchange.method === 'POST' ? exchange.usage : undefined;
    const isUnknown = usage === undefined && mayHaveUsed(exchange);
    if (usage !== undefined) addUsage(counts, usage);
    if (isUnknown) counts[field.USAGE_UNKNOWN]! += 1;
    this.#pooled.record({ keyId, model, status, endedAtMs, usage, isUnknown, failedKeyIds });
  }

  /** What this process did in the last seconds. */
  recent(nowMs: number): RecentCounts {
    return this.#recent.read(nowMs);
  }

  /** Hands over all that was counted since the last call: whoever takes it must keep it. */
  take(): CounterRow[] {
    this.#closeMinute();
    const rows = this.#rows;
    this.#rows = [];
    return rows;
  }

  #turnTo(epochMs: number): void {
    this.#closeMinute();
    this.#minuteMs = Math.floor(epochMs / MINUTE_MS) * MINUTE_MS;
    this.#dayMs = this.#calendar.startOfDayMs(epochMs);
    const hourMs = this.#calendar.startOfHourMs(epochMs);
    if (hourMs > this.#hourMs) {
      this.#forgetIdle(epochMs - IDLE_MS);
      this.#pooled.forgetIdle(epochMs - IDLE_MS);
    }
    this.#hourMs = hourMs;
  }

  #closeMinute(): void {
    if (this.#dirty.length === 0) return;
    const owners = new Set<PrefixSeries>();
    for (const endpoint of this.#dirty) {
      const { owner } = endpoint;
      const wholeCounts = this.#push(endpoint);
      field.addCounts(owner.counts, wholeCounts);
      owner.lastSeenMs = Math.max(owner.lastSeenMs, endpoint.lastSeenMs);
      owners.add(owner);
    }
    for (const owner of owners) {
      field.addCounts(this.#all.counts, this.#push(owner));
      this.#all.lastSeenMs = Math.max(this.#all.lastSeenMs, owner.lastSeenMs);
    }
    this.#pooled.take({ hourMs: this.#hourMs, dayMs: this.#dayMs }, this.#rows);
    this.#push(this.#all);
    this.#dirty = [];
  }

  /** Turns a series' counts into a row and sets them back; a fraction of a ms in a sum stays for the next row. */
  #push(series: Series): field.Counts {
    const { counts } = series;
    const whole = field.emptyCounts();
    const values: Record<string, number> = {};
    for (let index = 0; index < counts.length; index += 1) {
      const count = counts[index]!;
      if (count === 0) continue;
      const amount = Math.floor(count);
      counts[index] = count - amount;
      if (amount === 0) continue;
      whole[index] = amount;
      values[field.FIELD_NAMES[index]!] = amount;
    }
    this.#rows.push({
      series: series.name,
      minuteMs: this.#minuteMs,
      hourMs: this.#hourMs,
      dayMs: this.#dayMs,
      values,
      lastSeenMs: series.lastSeenMs,
    });
    return whole;
  }

  #seriesOf(exchange: ProxiedExchange): EndpointSeries {
    let prefix = this.#prefixes.get(exchange.prefix);
    if (prefix === undefined) {
      prefix = new PrefixSeries(exchange.prefix, exchange.endedAtMs);
      this.#prefixes.set(exchange.prefix, prefix);
    }
    let endpoints = prefix.methods.get(exchange.method);
    if (endpoints === undefined) {
      endpoints = new Map();
      prefix.methods.set(exchange.method, endpoints);
    }
    const { path } = exchange;
    const query = path.indexOf('?');
    const named = endpoints.get(query === -1 ? path : path.slice(0, query));
    if (named !== undefined) return named;

    const name = endpointName(path);
    return endpoints.get(name) ?? this.#admit(exchange, { prefix, endpoints, name });
  }

  #admit(
    { method, status, endedAtMs }: ProxiedExchange,
    place: { prefix: PrefixSeries; endpoints: Map<string, EndpointSeries>; name: string },
  ): EndpointSeries {
    const { prefix, endpoints } = place;
    const hasRoom =
      prefix.endpoints < this.#limits.endpointsPerPrefix && this.#endpoints < this.#limits.endpoints;
    const isOther = !hasRoom || (status >= 400 && status < 500);
    const name = isOther ? OTHER_ENDPOINT : place.name;
    const known = endpoints.get(name);
    if (known !== undefined) return known;
    const series = new EndpointSeries(prefix, `${method} ${name}`, endedAtMs);
    endpoints.set(name, series);
    if (!isOther) {
      prefix.endpoints += 1;
      this.#endpoints += 1;
    }
    return series;
  }

  /** Forgets endpoints, and prefixes left without any, that were not seen since `beforeMs`. All rows are out by then. */
  #forgetIdle(beforeMs: number): void {
    for (const [prefixName, prefix] of this.#prefixes) {
      for (const [method, endpoints] of prefix.methods) {
        for (const [name, endpoint] of endpoints) {
          if (endpoint.lastSeenMs >= beforeMs) continue;
          endpoints.delete(name);
          if (name === OTHER_ENDPOINT) continue;
          prefix.endpoints -= 1;
          this.#endpoints -= 1;
        }
        if (endpoints.size === 0) prefix.methods.delete(method);
      }
      if (prefix.methods.size === 0) this.#prefixes.delete(prefixName);
    }
  }
}

/** Whether an answer without usage used tokens all the same: a good one, or one that its client did not wait for. */
function mayHaveUsed({ keyId, method, status, firstByteMs }: ProxiedExchange): boolean {
  if (keyId === undefined || method !== 'POST') return false;
  return (status >= 200 && status < 300) || (status === 499 && firstByteMs >= 0);
}
