import type { Verdict } from '../domain/pool/types.ts';
import type { WireFailure } from '../wire/types.ts';

/** How one attempt with one key ended. */
export type PooledOutcome =
  /** Nothing was said to the client; `verdict` says what comes next. `failure` where there was no answer at all. */
  | { readonly kind: 'again'; readonly verdict: Verdict; readonly failure: WireFailure | undefined }
  /** The client has the answer, good or bad. */
  | { readonly kind: 'relayed'; readonly verdict: Verdict }
  /** The answer had begun and broke. */
  | { readonly kind: 'broken'; readonly failure: WireFailure }
  | { readonly kind: 'client-left' };
