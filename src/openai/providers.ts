import { AppError } from '../base/errors.ts';
import { parseTarget, type Target } from '../domain/mappings.ts';
import type { ProviderName } from '../stores/pool-types.ts';

/** A vendor of models, and how it is asked. */
export interface Provider {
  readonly name: ProviderName;
  /** As the vendor documents it. Empty where every customer has an own one (Azure). */
  readonly baseUrl: string;
}

/** A request as a provider takes it: where to, which path, and who asks. */
export interface UpstreamRequest {
  readonly target: Target;
  /** Whole path for the request line, `target.basePath` included already; query included. */
  readonly path: string;
  /** Flat list of fields that carry the key. The client's own (`CLIENT_CREDENTIAL_FIELDS`) must not go beside them. */
  readonly credentialFields: readonly string[];
  /** Flat list of fields that the provider insists on: each is to be added where the client sent none of its name. */
  readonly defaultFields: readonly string[];
}

const PROVIDERS: ReadonlyMap<ProviderName, Provider> = new Map(
  (
    [
      // https://platform.openai.com/docs/api-reference/introduction
      ['openai', 'https://api.openai.com/v1'],
      // https://platform.claude.com/docs/en/api/openai-sdk
      ['anthropic', 'https://api.anthropic.com/v1'],
      // https://ai.google.dev/gemini-api/docs/openai
      ['gemini', 'https://generativelanguage.googleapis.com/v1beta/openai'],
      // https://docs.x.ai/docs/api-reference
      ['xai', 'https://api.x.ai/v1'],
      // As droid2api's config.json has it: `/o/v1/…` speaks OpenAI's formats, `/a/v1/…` Anthropic's.
      ['factory', 'https://api.factory.ai/api/llm'],
      ['azure', ''],
    ] as const
  ).map(([name, baseUrl]) => [name, { name, baseUrl }]),
);

/** A provider by its name. */
export function providerNamed(name: ProviderName): Provider {
  return PROVIDERS.get(name)!;
}

/** Prefix of a key → provider. The first that fits wins. */
const KEY_PREFIXES: readonly (readonly [string, ProviderName])[] = [
  ['sk-ant-', 'anthropic'],
  // Standard keys, and the auth keys that replace them (https://ai.google.dev/gemini-api/docs/api-key).
  ['AIza', 'gemini'],
  ['AQ.', 'gemini'],
  ['xai-', 'xai'],
  ['fk-', 'factory'],
];

/** The provider that a key's format names; `openai` where it names none, for aggregators give their keys any format. */
export function detectProvider(key: string): ProviderName {
  return KEY_PREFIXES.find(([prefix]) => key.startsWith(prefix))?.[1] ?? 'openai';
}

/**
 * Fields by which clients say who they are, in lower case. All go before a key of the pool is put in; the key in the
 * query (`withoutKeyParameter`) and in a WebSocket's subprotocols (`withoutKeyProtocol`) go too.
 */
export const CLIENT_CREDENTIAL_FIELDS: ReadonlySet<string> = new Set([
  'authorization',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
]);

/** Takes `key` out of a query, however often and however it is written; every other byte stays. */
export function withoutKeyParameter(path: string): string {
  const query = path.indexOf('?');
  if (query === -1 || !/[?&][k%]/i.test(path)) return path;
  const parameters = path.slice(query + 1).split('&');
  const kept = parameters.filter(parameter => !isKey(parameter));
  if (kept.length === parameters.length) return path;
  return kept.length === 0 ? path.slice(0, query) : `${path.slice(0, query)}?${kept.join('&')}`;
}

function isKey(parameter: string): boolean {
  const name = /^[^=]*/.exec(parameter)![0];
  return /^(?:k|%[46]b)(?:e|%[46]5)(?:y|%[57]9)$/i.test(name);
}

/** Takes the key out of `Sec-WebSocket-Protocol`, where browsers put it for OpenAI's realtime API. */
export function withoutKeyProtocol(value: string): string {
  if (!value.includes('api-key.')) return value;
  return value
    .split(',')
    .map(part => part.trim())
    .filter(part => !/^openai-(?:insecure-)?api-key\./i.test(part))
    .join(', ');
}

interface Base {
  readonly target: Target;
  /** What comes before the part of the path after `/v1`. */
  readonly prefix: string;
}

/** By provider and base URL. */
const bases = new Map<ProviderName, Map<string, Base>>();
const MOST_BASES = 10_000;

/**
 * What to ask a provider for.
 *
 * How a base URL and a path are joined: what the client's path has after `/v1` is put behind the base URL's path, byte
 * for byte. A base URL without a path gets the provider's own (`/v1`, Gemini `/v1beta/openai`, Factory `/api/llm`,
 * Azure `/openai/v1`), one that names an endpoint (`…/v1/chat/completions`) stands for what is before it. For Anthropic,
 * `/v1` is added to a path that ends in no version, because its clients' base URLs leave it out.
 *
 * @param question.baseUrl the key's own, else the one configured for its provider
 * @param question.path request target that begins with `/v1`, query included; a key in the query is left out
 * @throws AppError `ERR_VALIDATION` where the base URL is none
 */
export function upstreamRequestFor(question: {
  readonly provider: ProviderName;
  readonly baseUrl: string;
  readonly path: string;
  readonly secret: string;
}): UpstreamRequest {
  const { provider, secret } = question;
  const { target, prefix } = baseOf(provider, question.baseUrl);
  const rest = withoutKeyParameter(question.path).slice('/v1'.length);
  const native = isNative(provider, rest);
  return {
    target,
    path: joined(provider, { prefix, rest, native }),
    credentialFields: credential(provider, { secret, native }),
    defaultFields: provider === 'anthropic' && native ? ANTHROPIC_VERSION : [],
  };
}

/** Every native request must name it (https://platform.claude.com/docs/en/api/versioning). */
const ANTHROPIC_VERSION = ['anthropic-version', '2023-06-01'] as const;

/** Whether the path is the vendor's own API and not its OpenAI-compatible one. */
function isNative(provider: ProviderName, rest: string): boolean {
  if (provider === 'anthropic')
    return !/^\/(?:chat\/completions|completions|embeddings|responses)\b/.test(rest);
  return provider === 'gemini' && isGeminiMethod(rest);
}

/** `/models/<model>:generateContent` and its like, which Gemini also has under `/v1`. */
function isGeminiMethod(rest: string): boolean {
  return /^\/(?:models|tunedModels)\/[^/?]+:[A-Za-z]+(?:\?|$)/.test(rest);
}

function joined(
  provider: ProviderName,
  { prefix, rest, native }: { prefix: string; rest: string; native: boolean },
): string {
  if (provider === 'factory') return `${prefix}/${/^\/messages\b/.test(rest) ? 'a' : 'o'}/v1${rest}`;
  if (provider === 'gemini' && native)
    return `${prefix.replace(/(?:\/v1(?:beta)?)?\/openai$/, '')}/v1${rest}`;
  return prefix + rest;
}

function credential(
  provider: ProviderName,
  { secret, native }: { secret: string; native: boolean },
): readonly string[] {
  if (provider === 'azure') return ['api-key', secret];
  if (native) return [provider === 'gemini' ? 'x-goog-api-key' : 'x-api-key', secret];
  return ['Authorization', `Bearer ${secret}`];
}

/**
 * Checks a base URL that a user wrote.
 *
 * @throws AppError `ERR_VALIDATION` (field `baseUrl`)
 */
export function checkBaseUrl(provider: ProviderName, text: string): void {
  baseOf(provider, text);
}

function baseOf(provider: ProviderName, baseUrl: string): Base {
  let known = bases.get(provider);
  if (known === undefined) {
    known = new Map();
    bases.set(provider, known);
  }
  let base = known.get(baseUrl);
  if (base !== undefined) return base;
  base = readBase(provider, baseUrl);
  if (known.size >= MOST_BASES) known.clear();
  known.set(baseUrl, base);
  return base;
}

function readBase(provider: ProviderName, baseUrl: string): Base {
  let target: Target;
  try {
    target = parseTarget(baseUrl);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError('ERR_VALIDATION', error.message.replaceAll('`target`', 'the base URL'), {
      field: 'baseUrl',
    });
  }
  return { target, prefix: prefixOf(provider, target.basePath) };
}

const ENDPOINT = /\/(?:chat\/completions|completions|responses|messages|embeddings|models)$/;

function prefixOf(provider: ProviderName, basePath: string): string {
  const path = basePath.replace(ENDPOINT, '');
  switch (provider) {
    case 'anthropic':
      return /\/v\d[^/]*$/.test(path) ? path : `${path}/v1`;
    case 'gemini':
      if (path === '') return '/v1beta/openai';
      return /\/v\d[^/]*$/.test(path) ? `${path}/openai` : path;
    case 'factory':
      return path === '' ? '/api/llm' : path.replace(/\/[ao](?:\/v1)?$/, '');
    case 'azure':
      return /\/openai$/.test(path) || path === '' ? `${path || '/openai'}/v1` : path;
    default:
      return path === '' ? '/v1' : path;
  }
}
