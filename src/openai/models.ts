import type { ProviderName } from '../stores/pool-types.ts';
import { openAiError } from './error-shape.ts';

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

/**
 * What to ask a provider's models by: a request target for `upstreamRequestFor`. `undefined` where it has no list.
 * Anthropic's default page holds 20.
 */
export function modelsPath(provider: ProviderName): string | undefined {
  if (provider === 'factory') return undefined;
  return provider === 'anthropic' ? '/v1/models?limit=1000' : '/v1/models';
}

/**
 * Models of the body of a vendor's answer, parsed: `{data: [{id, created, owned_by}]}` of OpenAI and xAI,
 * `{data: [{id, created_at}]}` of Anthropic, ids with `models/` before them of Gemini. `undefined` where it is no list.
 */
export function parseModels(body: unknown, provider: ProviderName): ListedModel[] | undefined {
  const { data, models } = record(body);
  const rows = Array.isArray(data) ? data : models;
  if (!Array.isArray(rows)) return undefined;
  return rows.map(record).flatMap(row => {
    const name = typeof row.id === 'string' ? row.id : row.name;
    if (typeof name !== 'string' || name === '') return [];
    return [
      {
        id: name.replace(/^models\//, ''),
        created: createdSeconds(row),
        ownedBy: typeof row.owned_by === 'string' ? row.owned_by : provider,
      },
    ];
  });
}

function createdSeconds(row: Readonly<Record<string, unknown>>): number {
  if (Number.isSafeInteger(row.created)) return row.created as number;
  const ms = typeof row.created_at === 'string' ? Date.parse(row.created_at) : Number.NaN;
  return Number.isNaN(ms) ? 0 : Math.trunc(ms / 1000);
}

export interface ModelListOptions {
  /** Sources that the pool has keys for at this moment, those of resting and banned keys too. */
  readonly sources: () => readonly ModelSource[];
  /** Asks a source, with any key of it, a resting one too. Rejects where it has no list, and in bounded time. */
  readonly fetchModels: (source: ModelSource) => Promise<readonly ListedModel[]>;
  /** `MODELS`: always in the list, and alone in it where nothing could be fetched. */
  readonly fixed: readonly string[];
  readonly nowMs: () => number;
}

const FRESH_MS = 10 * 60_000;
const RETRY_MS = 60_000;

interface Known {
  models: readonly ListedModel[] | undefined;
  /** When it is to be fetched again. */
  dueMs: number;
  fetching: Promise<void> | undefined;
}

/**
 * Answers `GET /v1/models` and `GET /v1/models/<id>` from a cache over all sources. A list is fetched every 10 minutes;
 * what was known stays while that runs and when it fails, so keys that rest hide nothing.
 */
export class ModelList {
  readonly #options: ModelListOptions;
  readonly #known = new Map<string, Known>();

  constructor(options: ModelListOptions) {
    this.#options = options;
  }

  /**
   * @param path `/v1/models` or `/v1/models/<id>`, query allowed
   * @returns status 200; 404 for a model that is not in the list; 503 where no source has ever answered
   */
  async answer(path: string, requestId: string): Promise<{ readonly status: number; readonly body: string }> {
    const models = await this.#all();
    if (models === undefined) {
      const message = `No provider of the pool could be asked for its models (request ${requestId})`;
      return { status: 503, body: openAiError(503, 'models_unavailable', message) };
    }
    const id = modelOf(path);
    if (id === undefined) {
      const data = models.map(shown);
      const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
      return { status: 200, body: JSON.stringify({ object: 'list', data, has_more: false, ...ends }) };
    }
    const model = models.find(candidate => candidate.id === id);
    if (model !== undefined) return { status: 200, body: JSON.stringify(shown(model)) };
    return {
      status: 404,
      body: openAiError(404, 'model_not_found', `The model \`${id}\` is not in the list`),
    };
  }

  /** All models by id, each once; `undefined` where there is nothing to tell because no source has answered. */
  async #all(): Promise<readonly ListedModel[] | undefined> {
    const { sources, fixed } = this.#options;
    const asked = sources().map(source => this.#refreshed(source));
    const waited = asked.flatMap(({ models, fetching }) =>
      models === undefined && fetching ? [fetching] : [],
    );
    await Promise.all(waited);
    const byId = new Map<string, ListedModel>();
    for (const { models = [] } of asked) {
      for (const model of models) if (!byId.has(model.id)) byId.set(model.id, model);
    }
    for (const id of fixed) if (!byId.has(id)) byId.set(id, { id, created: 0, ownedBy: 'switchyard' });
    if (byId.size === 0 && asked.length > 0 && asked.every(({ models }) => models === undefined))
      return undefined;
    return [...byId.values()].sort((one, other) => (one.id < other.id ? -1 : 1));
  }

  #refreshed(source: ModelSource): Known {
    const name = `${source.provider} ${source.baseUrl}`;
    let known = this.#known.get(name);
    if (known === undefined) {
      known = { models: undefined, dueMs: 0, fetching: undefined };
      this.#known.set(name, known);
    }
    if (known.fetching === undefined && this.#options.nowMs() >= known.dueMs) {
      known.fetching = this.#fetch(source, known).finally(() => {
        known.fetching = undefined;
      });
    }
    return known;
  }

  async #fetch(source: ModelSource, known: Known): Promise<void> {
    const { fetchModels, nowMs } = this.#options;
    try {
      known.models = await fetchModels(source);
      known.dueMs = nowMs() + FRESH_MS;
    } catch {
      // Whoever fetches has logged why; here it only means to ask again soon, and the last list stays.
      known.dueMs = nowMs() + RETRY_MS;
    }
  }
}

function modelOf(path: string): string | undefined {
  const id = /^\/v1\/models\/([^?]+)/.exec(path)?.[1]?.replace(/\/$/, '');
  if (id === undefined || id === '') return undefined;
  try {
    return decodeURIComponent(id).replace(/^models\//, '');
  } catch (error) {
    if (error instanceof URIError) return id;
    throw error;
  }
}

/** A row that OpenAI's and Anthropic's clients both read. */
function shown(model: ListedModel): Readonly<Record<string, unknown>> & { readonly id: string } {
  return {
    id: model.id,
    object: 'model',
    created: model.created,
    owned_by: model.ownedBy,
    type: 'model',
    display_name: model.id,
    created_at: new Date(model.created * 1000).toISOString(),
  };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
