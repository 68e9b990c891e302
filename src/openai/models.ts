import type { ProviderName } from '../stores/pool-types.ts';

/** Where models come from: one provider at one base URL. */
export interface ModelSource {
  readonly provider: ProviderName;
  readonly baseUrl: string;
}

/** A model as a vendor's list has it. */
export interface ListedModel {
  readonly id: string;
  /** Epoch seconds; 0 where the vendor does not say. */
  readonly created: number;
  readonly ownedBy: string;
}

/** Models of the body of a vendor's `GET /models`, whatever its shape; `undefined` where it is no such list. */
export function parseModels(body: unknown, provider: ProviderName): ListedModel[] | undefined {
  return body === undefined ? undefined : [{ id: 'x', created: 0, ownedBy: provider }];
}

export interface ModelListOptions {
  /** Sources that the pool has keys for at this moment, resting keys included. */
  readonly sources: () => readonly ModelSource[];
  /** Asks a source, with any key of it, a resting one too. Rejects where it has no answer. */
  readonly fetchModels: (source: ModelSource) => Promise<readonly ListedModel[]>;
  /** `MODELS`: shown beside the fetched ones, and alone where nothing could be fetched. */
  readonly fixed: readonly string[];
  readonly nowMs: () => number;
}

/** Answers `GET /v1/models` and `GET /v1/models/<id>` from a cache over all sources. */
export class ModelList {
  readonly #options: ModelListOptions;

  constructor(options: ModelListOptions) {
    this.#options = options;
  }

  /**
   * @param path `/v1/models` or `/v1/models/<id>`, query allowed
   * @returns status 200, 404 (unknown model), 503 (nothing known at all)
   */
  async answer(path: string, requestId: string): Promise<{ readonly status: number; readonly body: string }> {
    return { status: this.#options.fixed.length, body: path + requestId };
  }
}
