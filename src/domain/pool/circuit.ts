/** Upstreams that are remembered; beyond it the one not heard of for longest is forgotten. */
const MOST_UPSTREAMS = 10_000;

interface Circuit {
  /** Consecutive. */
  strikes: number;
  /** Epoch ms until which it is open; 0 while closed. */
  openUntilMs: number;
  /** Epoch ms at which the probe went out; `undefined` while there is none. */
  probeAtMs: number | undefined;
}

export interface CircuitOptions {
  /** Consecutive strikes that open a circuit. */
  readonly threshold: number;
  /** How long it stays open, and how long a probe may take before another one goes out. */
  readonly openMs: number;
}

/**
 * Circuit breakers, one per upstream: after so many failures in a row it is left alone for a while, then one request at a
 * time probes it. Time is passed in.
 */
export class Circuits {
  /** Only upstreams with a strike, the one heard of last at the end. */
  readonly #byUpstream = new Map<string, Circuit>();
  #options: CircuitOptions;

  constructor(options: CircuitOptions) {
    this.#options = options;
  }

  /** Takes over settings. Circuits that are open stay so for the time they were given. */
  configure(options: CircuitOptions): void {
    this.#options = options;
  }

  /** Whether requests must keep away from an upstream now. Changes nothing: fit for `LeaseRequest.avoids`. */
  isOpen(upstream: string, nowMs: number): boolean {
    const circuit = this.#byUpstream.get(upstream);
    if (circuit === undefined || circuit.openUntilMs === 0) return false;
    return nowMs < circuit.openUntilMs || this.#isProbed(circuit, nowMs);
  }

  /**
   * Asks to send one request. True while closed; once the open time is over true for one probe, whose `report` closes
   * the circuit or opens it again. Every true is followed by one `report`.
   */
  admit(upstream: string, nowMs: number): boolean {
    if (this.isOpen(upstream, nowMs)) return false;
    const circuit = this.#byUpstream.get(upstream);
    if (circuit !== undefined && circuit.openUntilMs !== 0) circuit.probeAtMs = nowMs;
    return true;
  }

  /** Tells how a request ended. `none`: it says nothing about the upstream (the client left); another may probe. */
  report(upstream: string, outcome: 'success' | 'none' | 'strike', nowMs: number): void {
    if (outcome === 'success') {
      this.#byUpstream.delete(upstream);
      return;
    }
    const known = this.#byUpstream.get(upstream);
    if (outcome === 'none') {
      if (known !== undefined) known.probeAtMs = undefined;
      return;
    }
    const circuit = known ?? { strikes: 0, openUntilMs: 0, probeAtMs: undefined };
    this.#byUpstream.delete(upstream);
    this.#byUpstream.set(upstream, circuit);
    if (this.#byUpstream.size > MOST_UPSTREAMS) {
      for (const [oldest] of this.#byUpstream) {
        this.#byUpstream.delete(oldest);
        break;
      }
    }
    circuit.strikes += 1;
    // A request that was under way when the circuit opened does not lengthen its time.
    const mayOpen = nowMs >= circuit.openUntilMs;
    circuit.probeAtMs = undefined;
    if (mayOpen && circuit.strikes >= this.#options.threshold) {
      circuit.openUntilMs = nowMs + this.#options.openMs;
    }
  }

  /** When the soonest of these may be asked again: ms from now, 0 when one may now. */
  retryAfterMs(upstreams: Iterable<string>, nowMs: number): number {
    let soonestMs = Number.POSITIVE_INFINITY;
    for (const upstream of upstreams) {
      const circuit = this.#byUpstream.get(upstream);
      if (circuit === undefined || !this.isOpen(upstream, nowMs)) return 0;
      const untilMs =
        nowMs < circuit.openUntilMs ? circuit.openUntilMs : circuit.probeAtMs! + this.#options.openMs;
      soonestMs = Math.min(soonestMs, untilMs - nowMs);
    }
    return soonestMs === Number.POSITIVE_INFINITY ? 0 : soonestMs;
  }

  /** Upstreams that are left alone now. */
  open(nowMs: number): string[] {
    return [...this.#byUpstream.keys()].filter(upstream => this.isOpen(upstream, nowMs));
  }

  #isProbed(circuit: Circuit, nowMs: number): boolean {
    return circuit.probeAtMs !== undefined && nowMs < circuit.probeAtMs + this.#options.openMs;
  }
}
