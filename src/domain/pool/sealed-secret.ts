import { Secret } from '../../base/secret.ts';

/** Opens sealed keys; `stores/sealing.ts` has it. */
export interface KeyOpener {
  /**
   * Whether a sealed text looks whole and is under a key that is known. Cheap; opening it may still show that it is
   * damaged.
   */
  knows(sealed: string): boolean;
  /** @throws AppError `ERR_ENCRYPTION_KEY`, `ERR_SEALED` */
  open(id: string, sealed: string): string;
}

/** A secret that lies sealed in memory until somebody needs it: of 100,000 keys most are never asked for. */
export class SealedSecret extends Secret {
  readonly #id: string;
  readonly #opener: Pick<KeyOpener, 'open'>;
  #sealed: string;
  #text: string | undefined;

  constructor(record: { readonly id: string; readonly sealed: string }, opener: Pick<KeyOpener, 'open'>) {
    super('');
    this.#id = record.id;
    this.#sealed = record.sealed;
    this.#opener = opener;
  }

  /** @throws AppError `ERR_ENCRYPTION_KEY`, `ERR_SEALED` */
  override reveal(): string {
    if (this.#text === undefined) {
      this.#text = this.#opener.open(this.#id, this.#sealed);
      this.#sealed = '';
    }
    return this.#text;
  }
}
