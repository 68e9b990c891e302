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
 * Access by one key. The time it takes does not depend on where a credential differs: every one is compared in a block of
 * the same size, its length included, and all of them are compared.
 */
export function createClientAccess(options: ClientAccessOptions): ClientAccess {
  const blockOf = (secret: Secret) => block(secret.reveal(), Buffer.alloc(BLOCK_BYTES));
  const accessKey = options.accessKey === undefined ? undefined : blockOf(options.accessKey);
  const ours = [options.accessKey, ...(options.otherSecrets ?? [])]
    .filter(secret => secret !== undefined)
    .map(blockOf);
  const shown = Buffer.alloc(BLOCK_BYTES);
  return {
    admits(credentials) {
      if (options.allowAnonymous) return true;
      if (accessKey === undefined) return false;
      let found = false;
      for (const credential of credentials)
        found = timingSafeEqual(accessKey, block(credential, shown)) || found;
      return found;
    },

    isOurs(credential) {
      block(credential, shown);
      let found = false;
      for (const secret of ours) found = timingSafeEqual(secret, shown) || found;
      return found;
    },
  };
}

const BLOCK_BYTES = 260;
/** In UTF-8 it fills no more than the block; what is longer goes in as its hash. */
const LONGEST_PLAIN = 64;

/** Length and text in a block of fixed size: hashing would cost more than all else that admits a request. */
function block(text: string, bytes: Buffer): Buffer {
  bytes.fill(0);
  bytes.writeUInt32BE(text.length, 0);
  bytes.write(text.length > LONGEST_PLAIN ? hash('sha256', text, 'hex') : text, 4, 'utf8');
  return bytes;
}
