import { randomBytes, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startPool } from './app-pool.ts';
import type { Log } from './base/log.ts';
import { ConfigError } from './config/read.ts';
import type { Config } from './config/settings.ts';
import { createClientAccess } from './domain/access/client-access.ts';
import { type MappingCopy, MappingReplica } from './domain/replica.ts';
import { Calendar } from './domain/statistics/calendar.ts';
import { Flusher, type SpooledCounters } from './domain/statistics/flusher.ts';
import { ProcessSampler } from './domain/statistics/performance.ts';
import { Recorder } from './domain/statistics/recorder.ts';
import { buildStatsReport } from './domain/statistics/statistics-report.ts';
import { TotalsReader } from './domain/statistics/totals.ts';
import type { WindowName } from './domain/statistics/window-plan.ts';
import { WindowReader } from './domain/statistics/windows.ts';
import { WELL_KNOWN_MAPPINGS } from './domain/well-known.ts';
import { tryTarget } from './proxy/try-target.ts';
import { Upstreams } from './proxy/upstreams.ts';
import { ADMIN_TOKEN, API_ACCESS_KEY, loadSecret } from './server/generated-secret.ts';
import { createListener } from './server/listener.ts';
import { renderMetrics } from './server/metrics-text.ts';
import { createPanel } from './server/panel.ts';
import { jsonFile } from './stores/json-file.ts';
import { openStores } from './stores/open.ts';
import type { StoreState, Stores } from './stores/types.ts';
import { createAddressGuard } from './wire/address-guard.ts';
import { createDial } from './wire/dial.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const version: string = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
const TRY_TIMEOUT_MS = 10_000;
/** Probes of balancers give up after a second, and a store that hangs is no reason to take this process out. */
const PING_PATIENCE_MS = 700;

export interface App {
  readonly port: number;
  /** Finishes open requests (up to `SHUTDOWN_GRACE_MS`), writes all counters, closes the store. */
  stop(): Promise<void>;
}

/**
 * Wires everything and begins to listen.
 *
 * @throws ConfigError, AppError or the system's error (`EADDRINUSE`), each with a message for the operator
 */
export async function startApp(config: Config, log: Log): Promise<App> {
  const nowMs = Date.now;
  const startedAtMs = nowMs();
  const extraCa = readCaFiles(config.upstreamCaFiles);
  await mkdir(config.dataDir, { recursive: true });
  const adminSecret = await loadSecret({
    of: ADMIN_TOKEN,
    configured: config.adminToken,
    folder: config.dataDir,
    log,
  });

  const stores = await openStores(config, { log });
  const upstreams = new Upstreams({
    dial: createDial({
      connectTimeoutMs: config.upstreamConnectTimeoutMs,
      guard: createAddressGuard({ allowPrivate: config.allowPrivateTargets }),
      httpsProxy: config.httpsProxy,
      httpProxy: config.httpProxy,
      noProxy: config.noProxy,
    }),
    extraCa,
    insecure: config.upstreamInsecure,
    http2: config.upstreamHttp2,
  });
  if (stores.kind === 'sqlite') await stores.mappings.seed(WELL_KNOWN_MAPPINGS, { force: false });
  const replica = new MappingReplica({
    store: stores.mappings,
    // An embedded store is as local as its copy would be.
    localCopy:
      stores.kind === 'sqlite'
        ? undefined
        : jsonFile<MappingCopy>(join(config.dataDir, 'mappings.json'), log),
    log,
    onChange: table => upstreams.keepOnly(table),
  });
  await replica.start();

  const calendar = new Calendar(config.timeZone);
  const recorder = new Recorder({ calendar });
  const flusher = new Flusher({
    recorder,
    store: stores.statistics,
    spool: jsonFile<SpooledCounters>(join(config.dataDir, 'counters-spool.json'), log),
    log,
    nowMs,
  });
  await flusher.start();
  const windows = new WindowReader({ store: stores.statistics, calendar });
  const totals = new TotalsReader({ store: stores.statistics, log });
  const sampler = new ProcessSampler();
  sampler.start();

  const common = {
    upstreams,
    recorder,
    log,
    via: viaOf(config.via),
    forwarded: config.forwarded,
    cors: config.cors,
    logRequests: config.logRequests,
  };
  const accessKey = await loadSecret({
    of: API_ACCESS_KEY,
    configured: config.apiAccessKey,
    folder: config.dataDir,
    log,
  });
  const pool = await startPool({
    config,
    log,
    stores,
    common,
    access: createClientAccess({
      accessKey,
      allowAnonymous: config.allowAnonymous,
      otherSecrets: [adminSecret, config.proxyAccessKey, config.metricsToken],
    }),
    calendar,
    flush: () => flusher.flush(),
    nowMs,
  });

  const panel = createPanel({
    config,
    pool: pool.api,
    log,
    mappingStore: stores.mappings,
    replica,
    adminSecret,
    nowMs,
    version,
    staticFolder: join(root, 'static'),
    readStats: window =>
      buildStatsReport({
        nowMs: nowMs(),
        startedAtMs,
        version,
        timeZone: calendar.timeZone,
        storeKind: stores.kind,
        prefixes: [...replica.table.values()].map(({ prefix }) => prefix).sort(),
        workers: 1,
        recent: recorder.recent(nowMs()),
        openStreams: recorder.openStreams,
        process: sampler.sample(),
        flusher,
        windows,
        log,
        ...(window === undefined ? {} : { window: window as WindowName }),
      }),
    readMetrics: async () => {
      await flusher.flush();
      const { totals: prefixes, models, isCurrent } = await totals.read(nowMs());
      return renderMetrics({
        version,
        totals: prefixes,
        models,
        isStoreUp: isCurrent,
        openStreams: recorder.openStreams,
        queuedRows: flusher.queuedRows,
        droppedRows: flusher.droppedRows,
        startedAtMs,
        process: sampler.sample(),
        pool: { keys: pool.context.pool.counts(nowMs()), isDry: pool.context.pool.runningDry(nowMs()) },
      });
    },
    health: async () => ({
      draining: listener.draining,
      store: { kind: stores.kind, state: await stateOf(stores) },
      counters: { state: flusher.state, queuedRows: flusher.queuedRows },
    }),
    tryTarget: mapping =>
      tryTarget(upstreams, mapping, { timeoutMs: TRY_TIMEOUT_MS, userAgent: `switchyard/${version}` }),
  });

  const listener = createListener({
    basePath: config.basePath,
    log,
    panel: panel.callback(),
    pooled: pool.context,
    proxy: { ...common, mappings: () => replica.table, accessKey: config.proxyAccessKey },
  });

  async function release(): Promise<void> {
    await replica.stop();
    await pool.stop();
    await flusher.stop();
    sampler.stop();
    upstreams.close();
    await stores.close();
  }

  let port: number;
  try {
    port = await listener.listen(config.port, config.host);
  } catch (error) {
    await release();
    throw error;
  }
  log.info({ host: config.host, port, store: stores.kind, mappings: replica.table.size }, 'listening');

  return {
    port,
    async stop() {
      log.info({ open: recorder.openStreams, grace_ms: config.shutdownGraceMs }, 'stopping');
      await listener.drain(config.shutdownGraceMs);
      await release();
      log.info('stopped');
    },
  };
}

/** What the store says of itself; `degraded` when it takes longer than a probe would wait. */
function stateOf(stores: Stores): Promise<StoreState> {
  return Promise.race([stores.ping(), setTimeout(PING_PATIENCE_MS, 'degraded' as const, { ref: false })]);
}

/** The member that we add to `Via`. Without a name of its own, each process has a random pseudonym. */
function viaOf(setting: string): string | undefined {
  if (setting === 'off') return undefined;
  return `1.1 ${setting === 'on' ? `switchyard-${randomBytes(4).toString('hex')}` : setting}`;
}

function readCaFiles(files: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const problems: string[] = [];
  const read = new Map<string, string>();
  for (const [prefix, file] of files) {
    try {
      const text = readFileSync(file, 'utf8');
      // OpenSSL would take a file without a certificate in silence, and every request would fail instead.
      new X509Certificate(text);
      read.set(prefix, text);
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code ?? 'an unknown error';
      problems.push(
        `Expected \`UPSTREAM_CA\` of \`${prefix}\` to name a readable PEM file, got ${reason} for \`${file}\``,
      );
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return read;
}
