import type { ClientAccess } from '../domain/access/client-access.ts';
import type { Circuits } from '../domain/pool/circuit.ts';
import type { KeyPool } from '../domain/pool/key-pool.ts';
import type { ModelList } from '../openai/models.ts';
import type { ProviderName } from '../stores/pool-types.ts';
import type { CommonContext } from './passage.ts';

/** Which key made a stored object. Both are best effort: a store that is away costs the pin, not the request. */
export interface ObjectOwners {
  find(objectId: string): Promise<string | undefined>;
  remember(objectId: string, keyId: string): void;
}

/** Limits of `/v1` requests; 0 is no limit. */
export interface PooledTimeouts {
  /** To the first byte of the answer's body, so it bounds the first token too. */
  readonly firstByteMs: number;
  /** Between two packets of an answer. */
  readonly idleMs: number;
  readonly totalMs: number;
}

/** What `/v1` needs to serve. */
export interface PooledContext extends CommonContext {
  readonly pool: KeyPool;
  readonly circuits: Circuits;
  readonly access: ClientAccess;
  readonly models: ModelList;
  readonly owners: ObjectOwners;
  /** Configured base URL of a provider. */
  readonly baseUrlOf: (provider: ProviderName) => string;
  /** What each provider last answered a request for: the test of a key asks for it too. */
  readonly lastModels: Map<ProviderName, string>;
  readonly timeouts: PooledTimeouts;
  /** Bodies that are kept for another try. */
  readonly maxBodyBytes: number;
  /** Multipart uploads, which are streamed once. */
  readonly maxUploadBytes: number;
  /** Resolves after that time; injected so that tests need not wait. */
  readonly wait: (ms: number) => Promise<void>;
  readonly nowMs: () => number;
}
