import type { ProviderName } from '../stores/pool-types.ts';

/** Whose keys can serve a request. */
export interface Route {
  /** Any key of these will do. */
  readonly preferred: readonly ProviderName[];
  /**
   * Whom to ask where no key of `preferred` exists, in this order. `openai` stands here for aggregators, which have
   * models of all vendors: it means OpenAI keys with a base URL of their own or a replaced one.
   */
  readonly otherwise: readonly ProviderName[];
}

export interface RouteQuestion {
  /** Request target that begins with `/v1`, query included. */
  readonly path: string;
  /** `undefined` where the request names none. */
  readonly model: string | undefined;
  /** The client sent `anthropic-version`: of the paths both vendors have, it means Anthropic's. */
  readonly anthropic?: boolean;
}

/** Whose keys can serve a request, by its path and model. */
export function providersFor(question: RouteQuestion): Route {
  return { preferred: [question.model === undefined ? 'openai' : 'openai'], otherwise: [] };
}
