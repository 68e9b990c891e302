import type { Rest } from './pool-types.ts';

/** A process' copy of the cool-downs, read again only when the store has others. `R` is what the store calls its state. */
export class RestCopy<R> {
  #revision: R | undefined;
  #rests: readonly Rest[] = [];

  /** The state of the store that the copy shows; `undefined` before the first. */
  get revision(): R | undefined {
    return this.#revision;
  }

  replace(revision: R, rows: readonly (readonly [keyId: string, model: string, untilMs: number])[]): void {
    this.#revision = revision;
    this.#rests = rows.map(([keyId, model, untilMs]) => ({ keyId, model, untilMs }));
  }

  /** Those that end after `nowMs`. */
  at(nowMs: number): Rest[] {
    return this.#rests.filter(({ untilMs }) => untilMs > nowMs);
  }
}
