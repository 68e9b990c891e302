import { AppError } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import { isLease } from '../domain/pool/key-pool.ts';
import type { Lease, LeaseRequest, LiveKey, Unavailable } from '../domain/pool/types.ts';
import { DEFAULT_POOL, type ProviderName } from '../stores/pool-types.ts';
import { hasUpstreamCredential, shownCredentials } from './client-credential.ts';
import type { Passage } from './passage.ts';
import type { PooledContext } from './pooled-context.ts';
import type { Plan } from './pooled-plan.ts';

/** What became of a request so far. */
export interface Tried {
  /** Keys that were refused. */
  refused: ReadonlySet<string>;
  /** Keys whose upstream failed. */
  failed: ReadonlySet<string>;
  failedUpstreams: ReadonlySet<string>;
  /** Of the last try, where its upstream failed. */
  failure: AppError | undefined;
}

export const NO_KEYS: ReadonlySet<string> = new Set();

/**
 * Takes a key: one of the providers that fit, of an upstream that did not just fail this request where there is another,
 * else another key, else the one that was asked before: the upstream failed then, not the key.
 *
 * @throws AppError that says why there is none
 */
export function takeKey(
  passage: Passage,
  context: PooledContext,
  { planned, tried }: { planned: Plan; tried: Tried },
): Lease {
  const { refused, failed, failedUpstreams } = tried;
  const nowMs = context.nowMs();
  let unfit: Unavailable = { kind: 'none' };
  for (const providers of choicesOf(context, planned)) {
    if (providers.length === 0) continue;
    const request = requestFor(context, planned, { providers, tried: refused });
    let found: Lease | Unavailable;
    if (failed.size === 0) {
      found = context.pool.lease(request, nowMs);
    } else {
      const others = { ...request, tried: union(refused, failed) };
      const avoids = (upstream: string) => request.avoids(upstream) || failedUpstreams.has(upstream);
      found = context.pool.lease({ ...others, avoids }, nowMs);
      if (!isLease(found)) found = context.pool.lease(others, nowMs);
      if (!isLease(found)) found = context.pool.lease(request, nowMs);
    }
    if (isLease(found)) return found;
    unfit = found;
    if (found.kind !== 'none') break;
  }
  if (unfit.kind === 'none') {
    const own = clientsOwn(passage, context, planned);
    if (own !== undefined && !refused.has(own.key.id)) return own;
  }
  throw tried.failure !== undefined &&
    (unfit.kind === 'avoided' || unfit.kind === 'unusable') &&
    failed.size > 0
    ? tried.failure
    : unavailable(unfit, context);
}

/** Whether the request could go on to another key than this one and those that it tried. */
export function hasOtherKey(
  context: PooledContext,
  lease: Lease,
  { planned, tried }: { planned: Plan; tried: Tried },
): boolean {
  const providers = choicesOf(context, planned).find(choice => choice.includes(lease.key.provider));
  if (providers === undefined) return false;
  const known = union(tried.refused, tried.failed).add(lease.key.id);
  return context.pool.hasKeyFor(requestFor(context, planned, { providers, tried: known }), context.nowMs());
}

/** Providers to ask, the later ones only where the pool has no key of the earlier. */
function choicesOf(context: PooledContext, { route, onlyKeyId }: Plan): readonly (readonly ProviderName[])[] {
  // The key that made the object is the only one that will do, whatever the path says of its provider.
  const pinned = onlyKeyId === undefined ? undefined : context.pool.get(onlyKeyId)?.provider;
  return pinned === undefined ? [route.preferred, route.otherwise] : [[pinned]];
}

/** What is wanted of a key; upstreams whose circuit is open are avoided. */
function requestFor(
  context: PooledContext,
  { model, onlyKeyId, wholeBody }: Plan,
  { providers, tried }: Pick<LeaseRequest, 'providers' | 'tried'>,
) {
  return {
    providers,
    model: model ?? '*',
    tried,
    isOnlyTry: wholeBody === undefined,
    avoids: (upstream: string) => context.circuits.isOpen(upstream, context.nowMs()),
    onlyKeyId,
  };
}

function union(one: ReadonlySet<string>, other: ReadonlySet<string>): Set<string> {
  return new Set([...one, ...other]);
}

/** The client's own credential, where the pool has no key for the request and the credential is not our access key. */
function clientsOwn(passage: Passage, context: PooledContext, planned: Plan): Lease | undefined {
  const { request, path } = passage;
  if (!hasUpstreamCredential(request)) return undefined;
  const credential = shownCredentials(request, path).find(
    text => text !== '' && !context.access.isOurs(text),
  );
  if (credential === undefined) return undefined;
  const key: LiveKey = {
    id: 'client',
    source: 'client',
    secret: new Secret(credential),
    hint: '***',
    provider: planned.route.preferred[0] ?? 'openai',
    baseUrl: undefined,
    pool: DEFAULT_POOL,
    quotaTokens: undefined,
    status: 'active',
  };
  return context.pool.lendForeign(key, planned.model ?? '*');
}

function unavailable(reason: Unavailable, context: PooledContext): AppError {
  switch (reason.kind) {
    case 'resting':
      return new AppError('ERR_KEYS_RESTING', 'All keys for this model are cooling down', {
        retryAfterSeconds: Math.max(1, Math.ceil(reason.retryAfterMs / 1000)),
      });
    case 'busy':
      return new AppError('ERR_KEYS_BUSY', 'All keys are at their limit of requests in flight', {
        retryAfterSeconds: 1,
      });
    case 'avoided': {
      const waitMs = context.circuits.retryAfterMs(reason.upstreams, context.nowMs());
      return new AppError(
        'ERR_UPSTREAM_DOWN',
        'The upstream has failed repeatedly and is left alone for a while',
        {
          retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)),
        },
      );
    }
    case 'unusable':
      return new AppError('ERR_NO_USABLE_KEY', 'No usable key is left in the pool');
    case 'none':
      return new AppError('ERR_NO_USABLE_KEY', 'The pool has no key for this request');
  }
}

/** The last key that could be tried was no good either. */
export function spent(context: PooledContext, lease: Lease): AppError {
  const next = context.pool.lease(
    { providers: [lease.key.provider], model: lease.model, tried: NO_KEYS },
    context.nowMs(),
  );
  if (!isLease(next)) return unavailable(next, context);
  context.pool.abandon(next);
  return new AppError('ERR_NO_USABLE_KEY', 'None of the keys that were tried was accepted');
}
