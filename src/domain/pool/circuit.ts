/** Upstreams that are remembered; beyond it the one not heard of for longest is forgotten. */
const MOST_UPSTREAMS = 10_000;

/** Good answers count for so long, twice at most. */
const LATELY_MS = 1000;
/** A request of another key that went out so lately may still be answered well. */
const HOPE_MS = 10_000;
/** Keys that are told apart in a row of failures; more of them leave no hope. */
const MOST_FAILED = 1000;

interface Circuit {
  /** Consecutive. */
  strikes: number;
  /** Keys of these strikes. */
  readonly failed: Set<string>;
  /** Requests that were admitted and not reported. */
  inFlight: number;
  /** Keys that were asked and have not answered → when. */
  readonly asked: Map<string, number>;
  /** Good answers since `goodFromMs`, and in the `LATELY_MS` before. */
  good: number;
  goodBefore: number;
  goodFromMs: number;
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

/** What a request is sent with. */
export interface CircuitUse {
  readonly upstream: string;
  readonly keyId: string;
}

/**
 * Circuit breakers, one per upstream: after so many failures in a row it is left alone for a while, then one request at a
 * time probes it. Time is passed in.
 *
 * Some keys may be at fault for what looks like the upstream's failure, and at many requests a second a row of failures is
 * soon there by chance. So a row counts only when it is also as long as the number of good answers of the last moments,
 * and of requests that are still out, and when no key that did not fail was asked a moment ago: an upstream that serves
 * others is not down, and it fails more quickly than it answers.
 */
export class Circuits {
  /** The one that failed last at the end. */
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
  admit({ upstream, keyId }: CircuitUse, nowMs: number): boolean {
    if (this.isOpen(upstream, nowMs)) return false;
    const circuit = this.#of(upstream);
    if (circuit.openUntilMs !== 0) circuit.probeAtMs = nowMs;
    circuit.inFlight += 1;
    circuit.asked.set(keyId, nowMs);
    return true;
  }

  /** Tells how a request ended. `none`: it says nothing about the upstream (the client left); another may probe. */
  report({ upstream, keyId }: CircuitUse, outcome: 'success' | 'none' | 'strike', nowMs: number): void {
    const circuit = this.#of(upstream);
    circuit.inFlight = Math.max(0, circuit.inFlight - 1);
    circuit.asked.delete(keyId);
    // A request that was under way when the circuit opened does not lengthen its time.
    const mayOpen = nowMs >= circuit.openUntilMs;
    circuit.probeAtMs = undefined;
    switch (outcome) {
      case 'none':
        return;
      case 'success':
        circuit.strikes = 0;
        circuit.failed.clear();
        circuit.openUntilMs = 0;
        noteGood(circuit, nowMs);
        return;
      case 'strike': {
        this.#byUpstream.delete(upstream);
        this.#byUpstream.set(upstream, circuit);
        circuit.strikes += 1;
        if (circuit.failed.size < MOST_FAILED) circuit.failed.add(keyId);
        const { threshold, openMs } = this.#options;
        const needed = Math.max(threshold, circuit.inFlight, goodLately(circuit, nowMs));
        // An open circuit whose probe failed needs no further sign.
        const fails = circuit.openUntilMs !== 0 || (circuit.strikes >= needed && !hasHope(circuit, nowMs));
        if (mayOpen && fails) circuit.openUntilMs = nowMs + openMs;
      }
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

  #of(upstream: string): Circuit {
    let circuit = this.#byUpstream.get(upstream);
    if (circuit !== undefined) return circuit;
    circuit = {
      strikes: 0,
      failed: new Set(),
      inFlight: 0,
      asked: new Map(),
      good: 0,
      goodBefore: 0,
      goodFromMs: 0,
      openUntilMs: 0,
      probeAtMs: undefined,
    };
    this.#byUpstream.set(upstream, circuit);
    if (this.#byUpstream.size > MOST_UPSTREAMS) {
      for (const [oldest] of this.#byUpstream) {
        this.#byUpstream.delete(oldest);
        break;
      }
    }
    return circuit;
  }

  #isProbed(circuit: Circuit, nowMs: number): boolean {
    return circuit.probeAtMs !== undefined && nowMs < circuit.probeAtMs + this.#options.openMs;
  }
}

/** Whether a key that has not failed may still answer. */
function hasHope({ asked, failed }: Circuit, nowMs: number): boolean {
  if (failed.size >= MOST_FAILED) return false;
  for (const [keyId, atMs] of asked) if (nowMs - atMs < HOPE_MS && !failed.has(keyId)) return true;
  return false;
}

function noteGood(circuit: Circuit, nowMs: number): void {
  const elapsedMs = nowMs - circuit.goodFromMs;
  if (elapsedMs >= LATELY_MS) {
    circuit.goodBefore = elapsedMs < 2 * LATELY_MS ? circuit.good : 0;
    circuit.good = 0;
    circuit.goodFromMs = nowMs;
  }
  circuit.good += 1;
}

function goodLately(circuit: Circuit, nowMs: number): number {
  const elapsedMs = nowMs - circuit.goodFromMs;
  if (elapsedMs >= 2 * LATELY_MS) return 0;
  return elapsedMs >= LATELY_MS ? circuit.good : circuit.good + circuit.goodBefore;
}
