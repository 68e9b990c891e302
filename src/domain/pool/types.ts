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
  readonly onlyKeyId?: string;
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
