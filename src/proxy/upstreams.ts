import type { Mapping, MappingTable, Target } from '../domain/mappings.ts';
import { type Dial, endpointKey } from '../wire/dial.ts';
import { openUpstream } from '../wire/open-upstream.ts';
import type { Endpoint } from '../wire/types.ts';
import type { Upstream } from '../wire/upstream.ts';

const SWEEP_MS = 1_000;

export interface UpstreamOptions {
  readonly dial: Dial;
  /** PEM text by prefix. */
  readonly extraCa: ReadonlyMap<string, string>;
  /** Prefixes whose upstream certificate is not verified. */
  readonly insecure: ReadonlySet<string>;
  readonly http2: boolean;
}

/** The upstreams that mappings lead to, each opened on first use and shared by all mappings to the same endpoint. */
export class Upstreams {
  readonly #options: UpstreamOptions;
  readonly #byMapping = new WeakMap<Mapping, Upstream>();
  readonly #byKey = new Map<string, Upstream>();
  /** Those that `/v1` asks, which no mapping leads to. */
  readonly #byTarget = new Map<string, Upstream>();
  readonly #known = new WeakMap<Target, Upstream>();
  readonly #sweeper: NodeJS.Timeout;

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#sweeper = setInterval(() => {
      const nowMs = Date.now();
      for (const upstream of this.#byKey.values()) upstream.sweep(nowMs);
      for (const upstream of this.#byTarget.values()) upstream.sweep(nowMs);
    }, SWEEP_MS).unref();
  }

  for(mapping: Mapping): Upstream {
    let upstream = this.#byMapping.get(mapping);
    if (upstream !== undefined) return upstream;
    const endpoint = this.#endpoint(mapping);
    const key = endpointKey(endpoint);
    upstream = this.#byKey.get(key);
    if (upstream === undefined) {
      upstream = openUpstream(endpoint, this.#options.dial);
      this.#byKey.set(key, upstream);
    }
    this.#byMapping.set(mapping, upstream);
    return upstream;
  }

  /** The upstream of a target that no mapping leads to. Equal endpoints share one. */
  at(target: Target): Upstream {
    let upstream = this.#known.get(target);
    if (upstream !== undefined) return upstream;
    const { tls, hostname, port, authority } = target;
    const endpoint: Endpoint = { tls, hostname, port, authority, http2: tls && this.#options.http2 };
    const key = endpointKey(endpoint);
    upstream = this.#byTarget.get(key) ?? openUpstream(endpoint, this.#options.dial);
    this.#byTarget.set(key, upstream);
    this.#known.set(target, upstream);
    return upstream;
  }

  /** Retires the upstreams that no mapping of a new table leads to; exchanges under way go on to their end. */
  keepOnly(table: MappingTable): void {
    if (this.#byKey.size === 0) return;
    const wanted = new Set<string>();
    for (const mapping of table.values()) wanted.add(endpointKey(this.#endpoint(mapping)));
    for (const [key, upstream] of this.#byKey) {
      if (wanted.has(key)) continue;
      this.#byKey.delete(key);
      upstream.retire();
    }
  }

  /** Connections open to all upstreams. */
  get connections(): number {
    let sum = 0;
    for (const upstream of [...this.#byKey.values(), ...this.#byTarget.values()]) sum += upstream.connections;
    return sum;
  }

  close(): void {
    clearInterval(this.#sweeper);
    for (const upstream of [...this.#byKey.values(), ...this.#byTarget.values()]) upstream.retire();
    this.#byKey.clear();
    this.#byTarget.clear();
  }

  #endpoint({ prefix, target }: Mapping): Endpoint {
    const ca = this.#options.extraCa.get(prefix);
    return {
      tls: target.tls,
      hostname: target.hostname,
      port: target.port,
      authority: target.authority,
      ...(ca === undefined ? {} : { ca }),
      insecure: this.#options.insecure.has(prefix),
      http2: target.tls && this.#options.http2,
    };
  }
}
