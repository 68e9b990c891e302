import type { LeaseStore, ProviderName, SealedStore } from '../../../stores/pool-types.ts';
import type { KeySourceName, LiveKey } from '../types.ts';
import type { OAuthTokens } from './oauth-tokens.ts';

/** How a source of keys does. */
export interface SourceReport {
  /** Keys that it yields now. */
  readonly keys: number;
  /** `off`: not configured. `empty`: configured, without keys. `failing`: see `detail`; keys it had may still serve. */
  readonly state: 'ok' | 'empty' | 'off' | 'failing';
  /** For people, without secrets and without places on the disk; may be empty. */
  readonly detail: string;
}

/** Where the tokens of a login lie, so that they outlive the process. */
export interface TokenVault {
  /** What lies there; `undefined`: nothing. @throws AppError whose message may be shown, where it cannot be told */
  read(): Promise<KeptTokens | undefined>;
  /** Rejects as `replace` would for lack of rights, before anything that cannot be undone. */
  prepare(): Promise<void>;
  /**
   * Puts other tokens in the place of those that were read, as a whole. False, and nothing written, where somebody else
   * did before. @throws AppError as `read`
   */
  replace(tokens: OAuthTokens, known: KeptTokens): Promise<boolean>;
}

export interface KeptTokens {
  readonly tokens: OAuthTokens;
  /** Differs whenever what lies there differs. */
  readonly version: string | number;
}

/** What the sources need of the stores, the pool and the vendors. */
export interface SourcePorts {
  readonly stores: { readonly leases: LeaseStore; readonly sealed: SealedStore };
  /** Seals texts under a name; throws AppError where there is no key. */
  readonly sealer: { seal(name: string, text: string): string; open(name: string, sealed: string): string };
  readonly pool: { replaceAll(source: KeySourceName, keys: Iterable<LiveKey>): void };
  /** The provider that a key's format names, `openai` where it names none. */
  readonly detectProvider: (key: string) => ProviderName;
}
