import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import pino from 'pino';
import type { PoolApi } from '../../src/admin/pool-api.ts';
import type { TokenSource } from '../../src/admin/tokens.ts';
import { AppError } from '../../src/base/errors.ts';
import { KeyPool } from '../../src/domain/pool/key-pool.ts';
import { DEFAULT_POOL_CONFIG, mergePoolConfig } from '../../src/domain/pool/pool-config.ts';
import { PoolReplica } from '../../src/domain/pool/pool-replica.ts';
import { SharedTestRun } from '../../src/domain/pool/shared-test-run.ts';
import { TestRun } from '../../src/domain/pool/test-run.ts';
import { readKeyCounts } from '../../src/domain/tokens/key-counts.ts';
import type { TokenFigures } from '../../src/domain/tokens/token-figures.ts';
import { checkBaseUrl, detectProvider } from '../../src/openai/providers.ts';
import type { KeyTest, PoolStores } from '../../src/stores/pool-types.ts';
import { createSealer } from '../../src/stores/sealing.ts';
import { openSqlite } from '../../src/stores/sqlite/open-sqlite.ts';
import type { StatisticsStore } from '../../src/stores/types.ts';
import { type Ask, type Harness, openPanel, type Reply } from '../server/panel-harness.ts';

export const NOW_MS = 1_800_000_000_000;

/** A key that no other test has, so that its text can be looked for everywhere. */
export function freshKey(prefix = 'sk-'): string {
  return `${prefix}${randomBytes(24).toString('hex')}`;
}

export interface PoolHarness {
  readonly panel: Harness;
  readonly api: PoolApi;
  readonly pool: KeyPool;
  readonly replica: PoolReplica;
  readonly stores: PoolStores;
  readonly statistics: StatisticsStore;
  /** Takes the store away and brings it back. */
  away: boolean;
  /** What the test of a key shows; rejects never. */
  testKey: (keyId: string, signal?: AbortSignal) => Promise<KeyTest>;
  /** Everything that was logged, as text. */
  readonly logged: () => string;
  /** Asks as the admin. */
  ask(method: string, path: string, body?: unknown): Promise<Reply>;
  /** Adds a key and gives its row. */
  add(fields: Ask['body'] & object): Promise<Readonly<Record<string, unknown>> & { readonly id: string }>;
}

export const NO_TOKENS: TokenFigures = {
  requests: 0,
  successes: 0,
  failures: 0,
  successRate: null,
  inputTokens: 0,
  outputTokens: 0,
  cachedTokens: 0,
  reasoningTokens: 0,
  totalTokens: 0,
  unknownUsage: 0,
};

/** A panel over a real embedded store and a real pool. */
export async function openPool(
  t: ExecutionContext,
  options: {
    environment?: ReadonlyMap<string, unknown>;
    tokens?: Partial<TokenSource>;
    dataDir?: string;
  } = {},
): Promise<PoolHarness> {
  const folder = options.dataDir ?? mkdtempSync(join(tmpdir(), 'switchyard-pool-'));
  const opened = await openSqlite(folder);
  const harness = { away: false } as { away: boolean; testKey: PoolHarness['testKey'] };
  const stores = breakable(opened.pool, () => harness.away);
  const statistics = breakable(opened.statistics, () => harness.away);
  const sealer = createSealer({ current: randomBytes(32) });
  const environment = options.environment ?? new Map();
  const config = mergePoolConfig(environment, new Map()).config;
  const pool = new KeyPool({ config: { ...DEFAULT_POOL_CONFIG, ...config } });
  const replica = new PoolReplica({
    stores,
    pool,
    opener: sealer,
    onSettings: settings => pool.configure(mergePoolConfig(environment, settings).config),
    log: pino({ level: 'silent' }),
    now: () => NOW_MS,
    // Nothing runs by itself: a change is only seen where somebody asked for it.
    schedule: () => () => {},
  });
  await replica.start();
  harness.testKey = async keyId => {
    const test = { atMs: NOW_MS, ok: true, status: 200, detail: 'accepted' };
    await stores.keys.update(keyId, { lastTest: test });
    return test;
  };
  const lines: string[] = [];
  const api: PoolApi = {
    stores,
    live: replica,
    pool,
    encryption: { sealer, verify: async () => {} },
    providers: { detect: detectProvider, checkBaseUrl },
    environment,
    testKey: keyId => harness.testKey(keyId),
    testRun: new SharedTestRun({
      run: new TestRun({
        test: (id, signal) => harness.testKey(id, signal),
        concurrency: 2,
        now: () => NOW_MS,
      }),
      stores,
      holder: 'one',
      log: pino({ level: 'silent' }),
      now: () => NOW_MS,
      schedule: () => () => {},
    }),
    tokens: { ...noReports, ...options.tokens },
    sourceBanOf: () => undefined,
    sources: () => [
      { name: 'environment', state: 'off', detail: '' },
      { name: 'stored', state: 'ok', detail: '' },
    ],
    readEndpoints: async () => [{ endpoint: 'POST /v1/chat/completions', requests: 3, errors: 1 }],
    readKeyCounts: keyIds => readKeyCounts(keyIds, { store: statistics, flush: async () => {} }),
    basePath: '',
    log: pino({ level: 'debug' }, { write: line => lines.push(line) }),
  };
  const panel = await openPanel(t, { dependencies: { pool: api } });
  panel.nowMs = NOW_MS;
  t.teardown(async () => {
    await replica.stop();
    await opened.close();
    if (options.dataDir === undefined) rmSync(folder, { recursive: true, force: true });
  });
  const ask: PoolHarness['ask'] = (method, path, body) =>
    panel.ask(method, path, { admin: true, ...(body !== undefined && { body }) });
  return Object.assign(harness, {
    panel,
    logged: () => panel.logged() + lines.join(''),
    api,
    pool,
    replica,
    stores,
    statistics,
    ask,
    async add(fields: object) {
      const reply = await ask('POST', '/admin/keys', fields);
      t.is(reply.status, 201, reply.text);
      return reply.json as { id: string };
    },
  });
}

/** What no test of its own looks at. */
const noReports: TokenSource = {
  readUsage: async ({ window, by }) => ({
    window,
    by,
    fromMs: null,
    toMs: null,
    totals: NO_TOKENS,
    rows: [],
  }),
  readSummary: async () => ({
    timeZone: 'UTC',
    today: NO_TOKENS,
    totals: NO_TOKENS,
    heatMap: { days: [], tokens: [] },
    days: [],
    keys: [],
    models: [],
  }),
  sync: async () => 0,
  cleanUp: async () => {},
};

/** The same stores, but every verb fails while `isAway`. */
export function breakable<T extends object>(stores: T, isAway: () => boolean): T {
  return new Proxy(stores, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown;
      if (typeof value === 'object' && value !== null) return breakable(value, isAway);
      if (typeof value !== 'function') return value;
      return (...parameters: unknown[]) => {
        if (!isAway()) return value.apply(target, parameters);
        return Promise.reject(new AppError('ERR_STORE_UNAVAILABLE', 'The store does not answer'));
      };
    },
  });
}
