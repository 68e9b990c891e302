import type { LiveKey } from '../domain/pool/types.ts';
import { type ListedModel, type ModelSource, modelsPath, parseModels } from '../openai/models.ts';
import { parsedJson } from './pooled-attempt.ts';
import type { PooledContext } from './pooled-context.ts';
import { askWithKey } from './test-key.ts';

const LIST_BYTES = 4 * 1024 * 1024;
const TIMEOUT_MS = 10_000;

/**
 * Asks a provider for its models with any key of it, a resting one too.
 *
 * @throws Error where there is no key, or no list comes back
 */
export async function fetchModels(
  context: PooledContext,
  source: ModelSource,
): Promise<readonly ListedModel[]> {
  const path = modelsPath(source.provider);
  const key = keyFor(context, source);
  if (path === undefined || key === undefined) throw new Error(`no list of models for ${source.provider}`);
  const { head, body, failure } = await askWithKey(context, key, {
    path,
    body: undefined,
    timeoutMs: TIMEOUT_MS,
    bodyBytes: LIST_BYTES,
  });
  const models = head?.status === 200 ? parseModels(parsedJson(body), source.provider) : undefined;
  if (models === undefined) throw new Error(`no list of models: ${failure?.code ?? head?.status}`);
  return models;
}

function keyFor(context: PooledContext, source: ModelSource): LiveKey | undefined {
  for (const key of context.pool.keys()) {
    const sameUpstream = (key.baseUrl ?? context.baseUrlOf(key.provider)) === source.baseUrl;
    if (key.provider === source.provider && key.status === 'active' && sameUpstream) return key;
  }
  return undefined;
}
