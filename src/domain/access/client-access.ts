import { hash, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../base/secret.ts';

/** Who may use `/v1`. */
export interface ClientAccess {
  /** Whether one of the shown credentials opens the door. */
  admits(credentials: readonly string[]): boolean;
  /** Whether a credential is ours, so that it must never go to an upstream. */
  isOurs(credential: string): boolean;
}

export interface ClientAccessOptions {
  /** `API_ACCESS_KEY`. Without one, nobody gets in but where everybody does. */
  readonly accessKey: Secret | undefined;
  /** `ALLOW_ANONYMOUS`: everybody gets in. */
  readonly allowAnonymous: boolean;
  /** Other secrets of this installation. They open nothing here, but a client may show one by mistake. */
  readonly otherSecrets?: readonly (Secret | undefined)[];
}

/**
 * Access by one key. The time it takes does not depend on what is shown: a credential is hashed before it is compared,
 * and all of them are compared.
 */
export function createClientAccess(options: ClientAccessOptions): ClientAccess {
  const accessKey = options.accessKey === undefined ? undefined : digest(options.accessKey.reveal());
  const ours = [options.accessKey, ...(options.otherSecrets ?? [])]
    .filter(secret => secret !== undefined)
    .map(secret => digest(secret.reveal()));
  return {
    admits(credentials) {
      if (options.allowAnonymous) return true;
      if (accessKey === undefined) return false;
      let found = false;
      for (const credential of credentials) found = timingSafeEqual(accessKey, digest(credential)) || found;
      return found;
    },

    isOurs(credential) {
      const shown = digest(credential);
      let found = false;
      for (const secret of ours) found = timingSafeEqual(secret, shown) || found;
      return found;
    },
  };
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}
