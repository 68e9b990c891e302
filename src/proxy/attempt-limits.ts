import type { PooledTimeouts } from './pooled-context.ts';

/** Which limit was passed. */
export type Limit = 'first byte' | 'idle' | 'total';

/** Who waits. */
export interface LimitOwner {
  /** Called once, unless `end` came before. */
  onTimeout(limit: Limit): void;
}

/**
 * The limits of one attempt: to the first byte, between two packets, for the whole. They share one timer, which runs to the
 * soonest of them and looks again when it fires: a packet puts its limit off by noting the time.
 */
export class AttemptLimits {
  readonly #timeouts: PooledTimeouts;
  readonly #owner: LimitOwner;
  readonly #startedAt = performance.now();
  #firstByteCame = false;
  /** Since when a packet is waited for; -1 while none is. */
  #idleFrom = -1;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires. */
  #looksAt = Number.POSITIVE_INFINITY;
  #over = false;

  constructor(timeouts: PooledTimeouts, owner: LimitOwner) {
    this.#timeouts = timeouts;
    this.#owner = owner;
    this.look();
  }

  firstByte(): void {
    this.#firstByteCame = true;
  }

  /** From now on the next packet is waited for. */
  awaitPacket(): void {
    const { idleMs } = this.#timeouts;
    if (idleMs === 0 || this.#over) return;
    this.#idleFrom = performance.now();
    if (this.#idleFrom + idleMs < this.#looksAt) this.look();
  }

  /** No packet is waited for: the client reads too slowly. */
  awaitNothing(): void {
    this.#idleFrom = -1;
  }

  end(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }

  /** Tells of a limit that is passed, else sets the timer to the soonest. */
  look(): void {
    if (this.#over) return;
    const { firstByteMs, idleMs, totalMs } = this.#timeouts;
    const now = performance.now();
    let soonest = totalMs > 0 ? this.#startedAt + totalMs : Number.POSITIVE_INFINITY;
    let limit: Limit = 'total';
    if (firstByteMs > 0 && !this.#firstByteCame && this.#startedAt + firstByteMs < soonest) {
      soonest = this.#startedAt + firstByteMs;
      limit = 'first byte';
    }
    if (this.#idleFrom !== -1 && this.#idleFrom + idleMs < soonest) {
      soonest = this.#idleFrom + idleMs;
      limit = 'idle';
    }
    clearTimeout(this.#timer);
    this.#looksAt = soonest;
    if (soonest === Number.POSITIVE_INFINITY) return;
    if (soonest > now) this.#timer = setTimeout(look, Math.ceil(soonest - now), this);
    else this.#owner.onTimeout(limit);
  }
}

function look(limits: AttemptLimits): void {
  limits.look();
}
