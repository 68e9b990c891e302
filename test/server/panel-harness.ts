import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import type { ExecutionContext } from 'ava';
import pino from 'pino';
import type { LiveMappings, MappingRows } from '../../src/admin/mapping-api.ts';
import { AppError } from '../../src/base/errors.ts';
import { Secret } from '../../src/base/secret.ts';
import { MappingTable } from '../../src/domain/mappings.ts';
import { createPanel, type PanelConfig, type PanelDependencies } from '../../src/server/panel.ts';

export const TOKEN = 'correct-horse-battery-staple';

/** Rows in memory, and a switch that takes the store away. */
export class MemoryRows implements MappingRows {
  readonly rows = new Map<string, string>();
  away = false;
  /** Called before a conditional write looks at its row: what another admin does in between. */
  meanwhile: (() => void) | undefined;

  async readAll(): Promise<Map<string, string>> {
    this.#answer();
    return new Map(this.rows);
  }

  async create(prefix: string, target: string): Promise<boolean> {
    this.#answer();
    if (this.rows.has(prefix)) return false;
    this.rows.set(prefix, target);
    return true;
  }

  async replace(
    prefix: string,
    target: string,
    expectedTarget?: string,
  ): Promise<'replaced' | 'missing' | 'changed'> {
    const outcome = this.#look(prefix, expectedTarget);
    if (outcome === 'here') this.rows.set(prefix, target);
    return outcome === 'here' ? 'replaced' : outcome;
  }

  async remove(prefix: string, expectedTarget?: string): Promise<'removed' | 'missing' | 'changed'> {
    const outcome = this.#look(prefix, expectedTarget);
    if (outcome === 'here') this.rows.delete(prefix);
    return outcome === 'here' ? 'removed' : outcome;
  }

  async putAll(rows: ReadonlyMap<string, string>): Promise<void> {
    this.#answer();
    for (const [prefix, target] of rows) this.rows.set(prefix, target);
  }

  #look(prefix: string, expectedTarget: string | undefined): 'here' | 'missing' | 'changed' {
    this.#answer();
    this.meanwhile?.();
    if (!this.rows.has(prefix)) return 'missing';
    return expectedTarget === undefined || this.rows.get(prefix) === expectedTarget ? 'here' : 'changed';
  }

  #answer(): void {
    if (this.away) throw new AppError('ERR_STORE_UNAVAILABLE', 'The store does not answer');
  }
}

/** A replica without a timer: it changes when it is told to. */
export class ManualReplica implements LiveMappings {
  table = MappingTable.empty;
  loaded = true;
  state: 'ok' | 'degraded' = 'ok';
  readonly #store: MappingRows;

  constructor(store: MappingRows) {
    this.#store = store;
  }

  async refresh(): Promise<void> {
    this.table = MappingTable.from(await this.#store.readAll());
    this.loaded = true;
  }
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  /** The body as a JSON object; throws where it is none. */
  readonly json: Readonly<Record<string, unknown>>;
  /** `error` of the body. */
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly field?: string;
    readonly request_id: string;
    readonly current?: unknown;
    readonly problems?: readonly Readonly<Record<string, unknown>>[];
  };
}

export interface Ask {
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
  /** Sends the admin token as Bearer. */
  readonly admin?: boolean;
}

export interface Harness {
  readonly store: MemoryRows;
  readonly replica: ManualReplica;
  readonly port: number;
  readonly server: Server;
  /** Everything that was logged, as text. */
  readonly logged: () => string;
  nowMs: number;
  ask(method: string, path: string, options?: Ask): Promise<Reply>;
  /** Logs in and gives the fields that a browser would send from then on. */
  logIn(): Promise<{ cookie: string; csrf: string }>;
}

/** Files of a small site, by path under the static folder. */
export const SITE = {
  'index.html':
    '<!doctype html><html data-base="{{base}}"><script type="module" src="{{assets}}/panel/main.js"></script><!-- modules --><p>panel</p></html>',
  'admin.html': '<!doctype html><html data-base="{{base}}"><p>console at /assets/{{hash}}</p></html>',
  'assets/panel/main.js': "import { t } from '../lib/text.js';\nt();\n",
  'assets/lib/text.js': `import './deep.js';\nexport const t = () => ${'0 + '.repeat(1000)}0;\n`,
  'assets/lib/deep.js': 'export {};\n',
  'assets/favicon.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>',
  'assets/.hidden.js': 'secret',
  'assets/vendor/x.d.ts': 'export {};',
};

export function staticFolder(t: ExecutionContext, files: Readonly<Record<string, string>> = SITE): string {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-panel-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

/** Opens a panel on a free port. */
export async function openPanel(
  t: ExecutionContext,
  options: { config?: Partial<PanelConfig>; dependencies?: Partial<PanelDependencies> } = {},
): Promise<Harness> {
  const store = new MemoryRows();
  const replica = new ManualReplica(store);
  let logged = '';
  const sink = new Writable({
    write(chunk, _encoding, done) {
      logged += String(chunk);
      done();
    },
  });
  const harness = { nowMs: 1_800_000_000_000 };
  const app = createPanel({
    config: {
      basePath: '',
      publicPanel: true,
      trustProxy: false,
      metricsToken: undefined,
      ...options.config,
    },
    log: pino({ level: 'debug' }, sink),
    mappingStore: store,
    replica,
    readStats: async window => ({ window: window ?? 'all' }),
    readMetrics: async () => 'switchyard_up 1\n',
    health: () => ({
      draining: false,
      store: { kind: 'sqlite', state: 'ok' },
      counters: { state: 'ok', queuedRows: 0 },
    }),
    tryTarget: async () => ({ status: 401, duration_ms: 12 }),
    adminSecret: new Secret(TOKEN),
    nowMs: () => harness.nowMs,
    staticFolder: options.dependencies?.staticFolder ?? staticFolder(t),
    version: '0.1.0',
    ...options.dependencies,
  });
  const server = createServer(app.callback());
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;

  async function ask(method: string, path: string, request: Ask = {}): Promise<Reply> {
    const body = typeof request.body === 'string' ? request.body : JSON.stringify(request.body);
    const headers = {
      ...(body !== undefined && {
        'content-type': 'application/json',
        // Node sends no length with a DELETE by itself.
        'content-length': String(Buffer.byteLength(body)),
      }),
      ...(request.admin && { authorization: `Bearer ${TOKEN}` }),
      ...request.headers,
    };
    return await send({ port, method, path, headers, body });
  }

  return Object.assign(harness, {
    store,
    replica,
    port,
    server,
    logged: () => logged,
    ask,
    async logIn() {
      const reply = await ask('POST', '/admin/session', { body: { token: TOKEN } });
      return { cookie: reply.headers['set-cookie']![0]!.split(';')[0]!, csrf: reply.json.csrf as string };
    },
  });
}

/** One request whose path goes out byte for byte. */
export function send(options: {
  port: number;
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { port, method, path, headers, body } = options;
    const outgoing = httpRequest(
      { host: '127.0.0.1', port, method, path, headers, agent: false },
      response => {
        const chunks: Buffer[] = [];
        response.on('data', chunk => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const bytes = Buffer.concat(chunks);
          const text = bytes.toString();
          resolve({
            status: response.statusCode!,
            headers: response.headers,
            bytes,
            text,
            get json() {
              return JSON.parse(text);
            },
            get error() {
              return JSON.parse(text).error;
            },
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
