import { isIPv6 } from 'node:net';
import { AppError } from '../../base/errors.ts';

export interface ThrottleLimits {
  /** Failures that one address may have within a window. */
  readonly failures: number;
  readonly windowMs: number;
  /** Addresses remembered at once; the one whose window began first is forgotten when there are more. */
  readonly addresses: number;
}

export const DEFAULT_LIMITS: ThrottleLimits = { failures: 10, windowMs: 5 * 60 * 1000, addresses: 10_000 };

/**
 * Slows the guessing of a secret: an address with too many failures in a window is refused until the window ends, with
 * the right secret too, for otherwise a guesser would just go on. Each process counts for itself.
 */
export class FailureThrottle {
  readonly #limits: ThrottleLimits;
  /** In order of window start, because a window that begins anew is put at the end. */
  readonly #windows = new Map<string, { startedMs: number; failures: number }>();

  constructor(limits: ThrottleLimits = DEFAULT_LIMITS) {
    this.#limits = limits;
  }

  /**
   * @throws AppError `ERR_TOO_MANY_ATTEMPTS` with the seconds to wait
   */
  admit(address: string, nowMs: number): void {
    const window = this.#current(networkOf(address), nowMs);
    if (window === undefined || window.failures < this.#limits.failures) return;
    const waitMs = window.startedMs + this.#limits.windowMs - nowMs;
    const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1000));
    throw new AppError(
      'ERR_TOO_MANY_ATTEMPTS',
      `Too many wrong tokens from this address; try again in ${retryAfterSeconds} seconds`,
      { retryAfterSeconds },
    );
  }

  fail(address: string, nowMs: number): void {
    const network = networkOf(address);
    const window = this.#current(network, nowMs);
    if (window !== undefined) {
      window.failures += 1;
      return;
    }
    this.#windows.delete(network);
    this.#windows.set(network, { startedMs: nowMs, failures: 1 });
    if (this.#windows.size > this.#limits.addresses) {
      const oldest = this.#windows.keys().next().value;
      if (oldest !== undefined) this.#windows.delete(oldest);
    }
  }

  succeed(address: string): void {
    this.#windows.delete(networkOf(address));
  }

  #current(network: string, nowMs: number): { startedMs: number; failures: number } | undefined {
    const window = this.#windows.get(network);
    if (window === undefined) return undefined;
    // A start in the future means that the clock was set back: the window would otherwise last that much longer.
    const ageMs = nowMs - window.startedMs;
    return ageMs >= 0 && ageMs < this.#limits.windowMs ? window : undefined;
  }
}

/**
 * What counts as one address: an IPv4 address, also when written as IPv6 (`::ffff:192.0.2.1`), or the /64 of an IPv6
 * address, since one host can pick any address in it.
 */
export function networkOf(address: string): string {
  const bare = address.replace(/%.*$/, '').toLowerCase();
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(bare);
  if (mapped !== null) return mapped[1]!;
  if (!isIPv6(bare)) return bare;
  const [head = '', tail] = bare.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  // A dotted IPv4 ending fills two groups; it lies in the last four, which are not part of the network.
  const groups = left.length + right.length + (bare.includes('.') ? 1 : 0);
  const full = tail === undefined ? left : [...left, ...Array(8 - groups).fill('0'), ...right];
  return `${full
    .slice(0, 4)
    .map(group => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
