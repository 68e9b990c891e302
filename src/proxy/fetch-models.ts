import { isLease } from '../domain/pool/key-pool.ts';
import type { LiveKey } from '../domain/pool/types.ts';
import { type ListedModel, type ModelSource, modelsPath, parseModels } from '../openai/models.ts';
import { parsedJson } from './pooled-attempt.ts';
import type { PooledContext } from './pooled-context.ts';
import { askWithKey } from './test-key.ts';

const LIST_BYTES = 4 * 1024 * 1024;
const TIMEOUT_MS = 10_000;
const MOST_KEYS = 4;

/**
 * Asks a provider for its models: with keys that are ready, else with any, resting or not.
 *
 * @throws Error where there is no key, or none gets a list
 */
export async function fetchModels(
  context: PooledContext,
  source: ModelSource,
): Promise<readonly ListedModel[]> {
  const path = modelsPath(source.provider);
  if (path === undefined) throw new Error(`${source.provider} has no list of models`);
  let problem = 'no key';
  for (const key of candidates(context, source)) {
    const { head, body, failure } = await askWithKey(context, key, {
      path,
      body: undefined,
      timeoutMs: TIMEOUT_MS,
      bodyBytes: LIST_BYTES,
    });
    const models = head?.status === 200 ? parseModels(parsedJson(body), source.provider) : undefined;
    if (models !== undefined) return models;
    problem = failure?.code ?? `status ${head?.status}`;
  }
  throw new Error(`no list of models from ${source.provider}: ${problem}`);
}

function candidates(context: PooledContext, source: ModelSource): readonly LiveKey[] {
  const isOfSource = (key: LiveKey) =>
    key.provider === source.provider && (key.baseUrl ?? context.baseUrlOf(key.provider)) === source.baseUrl;
  const found = new Map<string, LiveKey>();
  const tried = new Set<string>();
  const avoids = (upstream: string) =>
    upstream !== source.baseUrl &&
    !(upstream === source.provider && context.baseUrlOf(source.provider) === source.baseUrl);
  while (found.size < MOST_KEYS - 1) {
    const lease = context.pool.lease(
      { providers: [source.provider], model: '*', tried, avoids },
      context.nowMs(),
    );
    if (!isLease(lease)) break;
    context.pool.abandon(lease);
    tried.add(lease.key.id);
    if (isOfSource(lease.key)) found.set(lease.key.id, lease.key);
  }
  for (const key of context.pool.keys()) {
    if (found.size >= MOST_KEYS) break;
    if (isOfSource(key) && key.status === 'active' && !tried.has(key.id)) found.set(key.id, key);
  }
  return [...found.values()];
}
