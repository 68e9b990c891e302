import type { Secret } from '../../base/secret.ts';
import type { ProviderName, StoredStatus } from '../../stores/pool-types.ts';

/** Why a source of keys has nothing to give, or what it gives. Shown in `/status`, never with a clear key. */
export type KeySourceName = 'environment' | 'file' | 'stored' | 'oauth' | 'auth-file' | 'client';

/** An upstream key in memory, ready to be used. */
export interface LiveKey {
  readonly id: string;
  readonly source: KeySourceName;
  readonly secret: Secret;
  /** What may be shown: `sk-…a1b2`. */
  readonly hint: string;
  readonly provider: ProviderName;
  readonly baseUrl: string | undefined;
  readonly pool: string;
  readonly quotaTokens: number | undefined;
  readonly status: StoredStatus;
}

/** What a request needs of a key. */
export interface LeaseRequest {
  /** Providers that can serve it; any key of one of them will do. */
  readonly providers: readonly ProviderName[];
  /** Cool-downs are per key and model; `*` where the request names no model. */
  readonly model: string;
  /** Keys this request has tried already. */
  readonly tried: ReadonlySet<string>;
  /** Only this key will do: it made the stored object that the request is about. */
  readonly onlyKeyId?: string | undefined;
  /** It can be sent only once (an upload that is streamed): keys with a strike, or a cool-down for any model, come last. */
  readonly isOnlyTry?: boolean;
  /** True for upstreams (see `upstreamOf`) that must not be asked now: their circuit is open, or they failed this request. */
  readonly avoids?: (upstream: string) => boolean;
}

/** The right to use a key for one request. Exactly one `release` follows, whatever happens. */
export interface Lease {
  readonly key: LiveKey;
  readonly model: string;
}

/** Why there is no key. */
export type Unavailable =
  /** All that could serve are cooling down; the soonest is back in so many ms. */
  | { readonly kind: 'resting'; readonly retryAfterMs: number }
  /** All that could serve are at their limit of requests in flight. */
  | { readonly kind: 'busy' }
  /** Keys are ready, but every one belongs to an upstream that the request avoids; these, or the first hundred of them. */
  | { readonly kind: 'avoided'; readonly upstreams: readonly string[] }
  /** All that could serve are banned or disabled, or were tried by this request. */
  | { readonly kind: 'unusable' }
  /** No key of a fitting provider exists. */
  | { readonly kind: 'none' };

/** What an answer, or the lack of one, says about whom (design section 5). */
export interface Verdict {
  /** About the key. `strike`: counts towards the threshold; `ban`: at once; `rest`: cool down, no blame. */
  readonly key:
    | { readonly kind: 'success' }
    | { readonly kind: 'none' }
    | { readonly kind: 'strike'; readonly reason: string }
    | { readonly kind: 'ban'; readonly reason: string }
    | { readonly kind: 'rest'; readonly untilMs: number; readonly model: string; readonly reason: string };
  /** About the upstream (base URL). */
  readonly upstream: 'success' | 'none' | 'strike';
  /** `relay`: this is the answer; `another-key`: not charged to the retry budget; `retry`: ask again, charged. */
  readonly then: 'relay' | 'another-key' | 'retry';
}

/** What the pool decided about a key and other processes must learn. */
export type PoolEffect =
  | {
      readonly kind: 'ban';
      readonly keyId: string;
      readonly source: KeySourceName;
      readonly reason: string;
      readonly atMs: number;
    }
  | {
      readonly kind: 'rest';
      readonly keyId: string;
      readonly source: KeySourceName;
      readonly model: string;
      readonly untilMs: number;
    };

/** Where a key stands right now. `resting` and `busy` end by themselves. */
export type KeyState = 'ready' | 'resting' | 'busy' | 'disabled' | 'banned';

/** How many keys are in each state. Every key is in exactly one. A key that rests for some models only is `ready`. */
export type StateCounts = Readonly<Record<KeyState, number>>;

/** What this process knows of a key beyond its record. */
export interface KeyView {
  readonly state: KeyState;
  readonly inFlight: number;
  /** Consecutive strikes. */
  readonly strikes: number;
  /** Requests that used the key, and how they ended, since this process started. */
  readonly picks: number;
  readonly successes: number;
  readonly failures: number;
  /** Cool-downs that have not ended; `*` holds for all models. */
  readonly rests: readonly { readonly model: string; readonly untilMs: number }[];
  /** All-time tokens as far as known. */
  readonly usedTokens: number;
  /** Epoch ms of the last use; 0: not used by this process. */
  readonly lastUsedMs: number;
}

/**
 * Names the upstream a key is used at, for circuits and `LeaseRequest.avoids`: its own base URL, else the provider (all
 * keys of a provider without one share its base URL).
 */
export function upstreamOf(key: Pick<LiveKey, 'provider' | 'baseUrl'>): string {
  return key.baseUrl ?? key.provider;
}
