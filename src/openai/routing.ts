import type { ProviderName } from '../stores/pool-types.ts';

/** Whose keys can serve a request. */
export interface Route {
  /** Any key of these will do. */
  readonly preferred: readonly ProviderName[];
  /**
   * Whom to ask where the pool has no key of `preferred`. `openai` stands here for aggregators, which have models of
   * all vendors under OpenAI's format and keys of any form.
   */
  readonly otherwise: readonly ProviderName[];
}

export interface RouteQuestion {
  /** Request target that begins with `/v1`, query included. */
  readonly path: string;
  /** `undefined` where the request names none. */
  readonly model: string | undefined;
  /** The client sent `anthropic-version`: of the paths that both vendors have, it means Anthropic's. */
  readonly anthropic?: boolean;
}

/** Names of models, in lower case → who makes them. The first that fits wins. */
const FAMILIES: readonly (readonly [RegExp, ProviderName])[] = [
  [/^claude/, 'anthropic'],
  [/^(?:models\/|tunedmodels\/)?(?:gemini|gemma|learnlm|imagen|veo|(?:text-)?embedding-0|aqa$)/, 'gemini'],
  [/^(?:tuned)?models\//, 'gemini'],
  [/^grok/, 'xai'],
  [
    /^(?:ft:)?(?:gpt|o\d|chatgpt|codex|computer-use|text-embedding|text-moderation|omni-moderation|dall-e|whisper|tts|sora|davinci|babbage)/,
    'openai',
  ],
];

const OPENAI: Route = { preferred: ['openai'], otherwise: ['factory'] };
/** Factory takes a model at the endpoint of its maker's format (`/o/v1/responses`, `/a/v1/messages`) only. */
const RESPONSES: Route = { preferred: ['openai', 'factory'], otherwise: [] };
const MESSAGES: Route = { preferred: ['anthropic', 'factory'], otherwise: ['openai'] };
const CLAUDE: Route = { preferred: ['anthropic'], otherwise: ['openai', 'factory'] };
const NATIVE_ANTHROPIC: Route = { preferred: ['anthropic'], otherwise: ['openai'] };
const GEMINI: Route = { preferred: ['gemini'], otherwise: ['openai', 'factory'] };
const NATIVE_GEMINI: Route = { preferred: ['gemini'], otherwise: ['openai'] };
const XAI: Route = { preferred: ['xai'], otherwise: ['openai'] };
/** Other makers' models under Anthropic's format: only an aggregator may have them. */
const FOREIGN_MESSAGES: Route = { preferred: ['openai'], otherwise: ['anthropic', 'factory'] };
/** No model to go by, or none that is known: OpenAI's format, so whoever is there may know it. */
const ANY: Route = { preferred: ['openai'], otherwise: ['xai', 'gemini', 'anthropic', 'factory'] };

/** Whose keys can serve a request, by its path and its model. */
export function providersFor({ path, model, anthropic = false }: RouteQuestion): Route {
  const maker = model === undefined ? undefined : makerOf(model);
  if (/^\/v1\/(?:messages|complete)(?![\w-])/.test(path)) {
    if (maker === 'xai') return XAI;
    if (maker === 'gemini' || maker === 'openai') return FOREIGN_MESSAGES;
    return /^\/v1\/messages(?:\/count_tokens)?\/?(?:\?|$)/.test(path) ? MESSAGES : NATIVE_ANTHROPIC;
  }
  if (/^\/v1\/(?:models|tunedModels)\/[^/?]+:[A-Za-z]+(?:\?|$)/.test(path)) return NATIVE_GEMINI;
  switch (maker) {
    case 'anthropic':
      return CLAUDE;
    case 'gemini':
      return GEMINI;
    case 'xai':
      return XAI;
    case 'openai':
      return /^\/v1\/responses(?![\w-])/.test(path) ? RESPONSES : OPENAI;
    default:
      // A model that is named and not known is asked of OpenAI's format all the same.
      return anthropic && model === undefined ? NATIVE_ANTHROPIC : ANY;
  }
}

/** Names are the clients' texts: no more than so many, and none that is longer, are remembered. */
const MOST_MAKERS = 1000;
const LONGEST_REMEMBERED = 64;
const makers = new Map<string, ProviderName | undefined>();

function makerOf(model: string): ProviderName | undefined {
  const known = makers.get(model);
  if (known !== undefined || makers.has(model)) return known;
  const name = model.toLowerCase();
  const maker = FAMILIES.find(([pattern]) => pattern.test(name))?.[1];
  if (makers.size >= MOST_MAKERS) makers.clear();
  if (model.length <= LONGEST_REMEMBERED) makers.set(model, maker);
  return maker;
}
