import { AppError } from '../../base/errors.ts';
import { parseTokens, serializeTokens } from '../../domain/pool/sources/oauth-tokens.ts';
import { digestOf } from '../../domain/pool/sources/source-key.ts';
import type { SourcePorts, TokenVault } from '../../domain/pool/sources/types.ts';

/** Name of a login's tokens in the store, and of the right to refresh them: another `DROID_REFRESH_KEY`, another login. */
export function loginName(refreshKey: string): string {
  return `oauth:${digestOf(refreshKey)}`;
}

/** The tokens of `DROID_REFRESH_KEY`, sealed in the store that all instances share. */
export function sealedVault(
  refreshKey: string,
  { stores, sealer }: Pick<SourcePorts, 'stores' | 'sealer'>,
): TokenVault {
  const name = loginName(refreshKey);
  const beginning = {
    refreshToken: refreshKey,
    accessToken: undefined,
    expiresAtMs: undefined,
    refreshedAtMs: undefined,
    refusedAtMs: undefined,
  };
  return {
    async read() {
      const kept = await stores.sealed.read(name);
      if (kept === undefined) return { tokens: beginning, version: 0 };
      const tokens = parseTokens(sealer.open(name, kept.sealed));
      if (tokens === undefined) {
        throw new AppError('ERR_INTERNAL', 'The kept OAuth tokens are of another version of this program');
      }
      return { tokens, version: kept.version };
    },

    async prepare() {
      sealer.seal(name, '');
    },

    replace: (tokens, { version }) =>
      stores.sealed.replace(name, sealer.seal(name, serializeTokens(tokens)), Number(version)),
  };
}
