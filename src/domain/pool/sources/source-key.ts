import { createHash } from 'node:crypto';
import { Secret } from '../../../base/secret.ts';
import { DEFAULT_POOL, type ProviderName } from '../../../stores/pool-types.ts';
import { hintOf } from '../key-text.ts';
import type { KeySourceName, LiveKey } from '../types.ts';

/** Sources other than the store and the client. */
export type OwnSource = Extract<KeySourceName, 'environment' | 'file' | 'oauth' | 'auth-file'>;

const ID_PREFIXES: Readonly<Record<OwnSource, string>> = {
  environment: 'env',
  file: 'file',
  oauth: 'oauth',
  'auth-file': 'auth-file',
};

/** A key of a read-only source. Equal texts have equal ids, in every process and after every start. */
export function listedKey(
  source: 'environment' | 'file',
  text: string,
  detectProvider: (key: string) => ProviderName,
): LiveKey {
  return liveKey(source, {
    id: `${ID_PREFIXES[source]}-${digestOf(text)}`,
    text,
    provider: detectProvider(text),
  });
}

/**
 * The key that an OAuth login stands for: it stays the same one while its access token changes. Factory's login gives
 * tokens whose format names no provider.
 */
export function loginKey(
  source: 'oauth' | 'auth-file',
  text: string,
  detectProvider: (key: string) => ProviderName,
): LiveKey {
  const named = detectProvider(text);
  const provider = named === 'openai' && !text.startsWith('sk-') ? 'factory' : named;
  return liveKey(source, { id: ID_PREFIXES[source], text, provider });
}

/** Names a secret without telling it, independently of the encryption key, so that a rotation changes no name. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex').slice(0, 16);
}

function liveKey(source: OwnSource, key: { id: string; text: string; provider: ProviderName }): LiveKey {
  return {
    id: key.id,
    source,
    secret: new Secret(key.text),
    hint: hintOf(key.text),
    provider: key.provider,
    baseUrl: undefined,
    pool: DEFAULT_POOL,
    quotaTokens: undefined,
    status: 'active',
  };
}
