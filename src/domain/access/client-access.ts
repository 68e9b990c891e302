import type { Secret } from '../../base/secret.ts';

/**
 * Who may use `/v1`. Without anonymous access one of the shown credentials must be the access key; compared in constant
 * time, each shown one.
 */
export class ClientAccess {
  readonly #key: Secret;
  readonly #anonymous: boolean;

  constructor(options: { key: Secret; anonymous: boolean }) {
    this.#key = options.key;
    this.#anonymous = options.anonymous;
  }

  /** @param credentials what the request shows, in any place where clients put keys */
  admits(credentials: readonly string[]): boolean {
    return this.#anonymous || credentials.some(credential => this.isOurs(credential));
  }

  /** Whether a credential is ours, so that it must never go to an upstream. */
  isOurs(credential: string): boolean {
    return this.#key.matches(credential);
  }
}
