import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { KeySourceReport, PoolApi } from './admin/pool-api.ts';
import { AppError } from './base/errors.ts';
import type { Log } from './base/log.ts';
import { POOL_CONFIG_NAMES } from './config/pool-settings.ts';
import type { Config } from './config/settings.ts';
import type { ClientAccess } from './domain/access/client-access.ts';
import { Circuits } from './domain/pool/circuit.ts';
import { KeyPool } from './domain/pool/key-pool.ts';
import { mergePoolConfig } from './domain/pool/pool-config.ts';
import { poolCopyText } from './domain/pool/pool-copy.ts';
import { PoolReplica } from './domain/pool/pool-replica.ts';
import { Recovery } from './domain/pool/recovery.ts';
import { SharedTestRun } from './domain/pool/shared-test-run.ts';
import { SourceBans } from './domain/pool/source-bans.ts';
import { TestRun } from './domain/pool/test-run.ts';
import type { Calendar } from './domain/statistics/calendar.ts';
import { readKeyCounts } from './domain/tokens/key-counts.ts';
import { KeyTokensFeed } from './domain/tokens/key-tokens.ts';
import { TokenReports } from './domain/tokens/token-reports.ts';
import { ModelList } from './openai/models.ts';
import { checkBaseUrl, detectProvider } from './openai/providers.ts';
import { fetchModels } from './proxy/fetch-models.ts';
import type { CommonContext } from './proxy/passage.ts';
import type { ObjectOwners, PooledContext } from './proxy/pooled-context.ts';
import { testKey } from './proxy/test-key.ts';
import { KeySources } from './server/sources/key-sources.ts';
import { createPostForm } from './server/sources/post-form.ts';
import { openEncryption } from './stores/encryption.ts';
import { jsonFile } from './stores/json-file.ts';
import type { KeyTest, OwnerStore, ProviderName } from './stores/pool-types.ts';
import type { Stores } from './stores/types.ts';

/** A stored object's key is remembered for so long: the vendors keep most of them for 30 days. */
const OWNER_MS = 30 * 86_400_000;
const TESTS_AT_ONCE = 8;
/** How often it is looked whether the pool runs dry. */
const WATCH_MS = 10_000;

export interface PoolOptions {
  readonly config: Config;
  readonly log: Log;
  readonly stores: Stores;
  readonly common: CommonContext;
  readonly access: ClientAccess;
  readonly calendar: Calendar;
  /** Writes the counts that wait in this process. Never rejects. */
  readonly flush: () => Promise<void>;
  readonly nowMs: () => number;
}

/** The key pool, running. */
export interface PoolPart {
  readonly context: PooledContext;
  readonly api: PoolApi;
  stop(): Promise<void>;
}

/**
 * Wires what `/v1` needs.
 *
 * @throws AppError `ERR_ENCRYPTION_KEY`, with words for the operator
 */
export async function startPool(options: PoolOptions): Promise<PoolPart> {
  const { config, stores, common, access, nowMs } = options;
  const log = options.log.child({ part: 'pool' });
  const encryption = await openEncryption({
    configured: config.encryptionKey,
    kind: stores.kind,
    folder: config.dataDir,
    log,
    pool: stores.pool,
  });
  const { sealer } = encryption;
  const environment = poolEnvironment(config);
  const holder = randomUUID();
  const merged = mergePoolConfig(environment, new Map());
  const circuits = new Circuits(merged.config.circuit);
  const pool: KeyPool = new KeyPool({
    config: merged.config,
    onEffect: effect => {
      log.info({ ...effect }, 'key judged');
      sourceBans.note(effect);
      replica.record(effect);
    },
  });
  const sourceBans = new SourceBans(pool);
  const replica = new PoolReplica({
    stores: stores.pool,
    pool,
    opener: sealer,
    learnKeys: () => encryption.learn(),
    // An embedded store is as local as its copy would be.
    localCopy:
      stores.kind === 'sqlite'
        ? undefined
        : jsonFile(join(config.dataDir, 'key-pool.json'), log, poolCopyText),
    onSettings: saved => {
      const { config: poolConfig } = mergePoolConfig(environment, saved);
      pool.configure(poolConfig);
      circuits.configure(poolConfig.circuit);
    },
    log,
    now: nowMs,
  });

  const baseUrls = baseUrlsOf(config);
  const context: PooledContext = {
    ...common,
    pool,
    circuits,
    access,
    models: new ModelList({
      sources: () => modelSources(pool, provider => baseUrls[provider]),
      fetchModels: source => fetchModels(context, source),
      fixed: config.models,
      nowMs,
    }),
    owners: objectOwners(stores.pool.owners, { log, nowMs }),
    baseUrlOf: provider => baseUrls[provider],
    lastModels: new Map(),
    timeouts: {
      firstByteMs: config.upstreamFirstByteTimeoutMs,
      idleMs: config.upstreamIdleTimeoutMs,
      totalMs: config.upstreamTotalTimeoutMs,
    },
    maxBodyBytes: config.maxBodyBytes,
    maxUploadBytes: config.maxUploadBytes,
    wait: ms => new Promise(resolve => setTimeout(resolve, ms)),
    nowMs,
  };
  const test = (keyId: string, signal?: AbortSignal) =>
    testStoredKey({ context, stores, replica }, keyId, signal);
  const feed = new KeyTokensFeed({ store: stores.statistics, flush: options.flush, pool, log });
  const tokens = new TokenReports({
    store: stores.statistics,
    calendar: options.calendar,
    flush: options.flush,
    syncKeys: () => feed.refresh(),
    labelOf: keyId => replica.records.get(keyId),
  });
  const recovery = new Recovery({
    stores: stores.pool,
    records: () => replica.records.values(),
    sourceBans,
    config: () => pool.config.recovery,
    test,
    holder,
    log,
    now: nowMs,
  });

  const testRun = new SharedTestRun({
    run: new TestRun({ test, concurrency: TESTS_AT_ONCE, now: nowMs }),
    stores: stores.pool,
    holder,
    log,
    now: nowMs,
  });

  const sources = new KeySources({
    environmentKeys: [...config.factoryApiKeys, ...config.openaiApiKeys],
    keysFile: config.factoryKeysFile,
    refreshKey: config.droidRefreshKey,
    authFile: join(config.dataDir, 'auth.json'),
    tokenUrl: config.oauthTokenUrl,
    clientId: config.oauthClientId,
    post: createPostForm(common.upstreams),
    stores: stores.pool,
    sealer,
    pool,
    detectProvider,
    holder,
    log,
    nowMs,
  });

  await replica.start();
  await sources.start();
  await feed.start();
  recovery.start();
  const stopWatching = watchDryness(pool, log, nowMs);

  return {
    context,
    api: {
      stores: stores.pool,
      live: replica,
      pool,
      encryption,
      providers: { detect: detectProvider, checkBaseUrl },
      environment,
      testKey: test,
      testRun,
      tokens,
      sourceBanOf: keyId => sourceBans.get(keyId),
      sources: () => sourceReports(sources, replica),
      readEndpoints: () => tokens.readEndpoints(nowMs()),
      readKeyCounts: keyIds => readKeyCounts(keyIds, { store: stores.statistics, flush: options.flush }),
      basePath: config.basePath,
      log,
    },
    async stop() {
      stopWatching();
      feed.stop();
      await sources.stop();
      await recovery.stop();
      await testRun.stop();
      await replica.stop();
    },
  };
}

/** The pool's settings that the environment gives, by dotted name. */
function poolEnvironment(config: Config): ReadonlyMap<string, unknown> {
  const given = new Map<string, unknown>();
  for (const [name, dotted] of Object.entries(POOL_CONFIG_NAMES)) {
    const value = config[name as keyof typeof POOL_CONFIG_NAMES];
    if (value !== undefined) given.set(dotted, value);
  }
  return given;
}

function baseUrlsOf(config: Config): Record<ProviderName, string> {
  return {
    openai: config.openaiBaseUrl,
    anthropic: config.anthropicBaseUrl,
    gemini: config.geminiBaseUrl,
    xai: config.xaiBaseUrl,
    factory: config.factoryBaseUrl,
    // No key of this provider can be added: every customer has a base URL of its own.
    azure: '',
  };
}

/** All sources, in the order in which they are asked. */
function sourceReports(sources: KeySources, replica: PoolReplica): readonly KeySourceReport[] {
  const [environment, file, ...logins] = sources
    .status()
    .map(({ source, state, detail }): KeySourceReport => ({ name: source, state, detail }));
  const stored: KeySourceReport = {
    name: 'stored',
    state: replica.state === 'degraded' ? 'failing' : replica.records.size === 0 ? 'empty' : 'ok',
    detail: replica.state === 'degraded' ? 'the store does not answer; what was known last is used' : '',
  };
  return [environment!, file!, stored, ...logins, { name: 'client', state: 'ok', detail: '' }];
}

/** Every upstream that the pool has keys for, once. */
function modelSources(pool: KeyPool, baseUrlOf: (provider: ProviderName) => string) {
  const sources = new Map<string, { provider: ProviderName; baseUrl: string }>();
  for (const { provider, baseUrl = baseUrlOf(provider) } of pool.keys()) {
    sources.set(`${provider} ${baseUrl}`, { provider, baseUrl });
  }
  return [...sources.values()];
}

/** Best effort: where the store is away an object loses its pin, the request goes on. */
function objectOwners(store: OwnerStore, { log, nowMs }: { log: Log; nowMs: () => number }): ObjectOwners {
  return {
    find: id =>
      store.find(id, nowMs()).catch(error => void log.warn({ err: error }, 'owner of an object not read')),
    remember: (id, keyId) => {
      store
        .remember(id, keyId, nowMs() + OWNER_MS)
        .catch(error => log.warn({ err: error }, 'owner of an object not written'));
    },
  };
}

/**
 * Tests a key of the pool and stores the result. A banned key that works is taken back.
 *
 * @throws AppError `ERR_NOT_FOUND`, `ERR_STORE_UNAVAILABLE`
 */
async function testStoredKey(
  { context, stores, replica }: { context: PooledContext; stores: Stores; replica: PoolReplica },
  keyId: string,
  signal: AbortSignal | undefined,
): Promise<KeyTest> {
  const key = context.pool.get(keyId);
  const model = key === undefined ? undefined : context.lastModels.get(key.provider);
  const lease = context.pool.leaseForTest(keyId, model ?? '*');
  if (lease === undefined) throw new AppError('ERR_NOT_FOUND', 'Expected the id of a key of the pool');
  const { test, verdict } = await testKey(context, lease, {
    timeoutMs: context.pool.config.requestTimeoutMs,
    model,
    ...(signal === undefined ? {} : { signal }),
  });
  if (signal?.aborted === true) {
    context.pool.abandon(lease);
    return test;
  }
  context.pool.release(lease, verdict, context.nowMs());
  const record = replica.records.get(keyId);
  if (record === undefined) return test;
  await stores.pool.keys.update(keyId, { lastTest: test });
  if (test.ok && record.status === 'banned') {
    const back = {
      status: 'active',
      statusReason: 'the test passed',
      statusAtMs: test.atMs,
      failedRecoveries: 0,
    } as const;
    await stores.pool.keys.update(keyId, back, 'banned');
    await stores.pool.rests.wake(keyId);
  }
  await replica.refresh();
  return test;
}

/** Warns once each time the pool begins to run dry, and says when it no longer does. */
function watchDryness(pool: KeyPool, log: Log, nowMs: () => number): () => void {
  let dry = false;
  const timer = setInterval(() => {
    const now = pool.runningDry(nowMs());
    if (now === dry) return;
    dry = now;
    const counts = pool.counts(nowMs());
    if (dry) log.warn({ counts }, 'the key pool runs dry: fewer keys are usable than the threshold');
    else log.info({ counts }, 'the key pool has enough usable keys again');
  }, WATCH_MS).unref();
  return () => clearInterval(timer);
}
