import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { type Setting, settings } from '../../src/config/settings.ts';
import type { ProcessReport } from './preload.ts';

const main = join(import.meta.dirname, '../../src/main.ts');
const preloaded = join(import.meta.dirname, 'preload.ts');
const compileCache = join(import.meta.dirname, '../../node_modules/.cache/e2e');
/** `/stats` reads its store at most once a second. */
const POLL_MS = 50;

export const ADMIN_TOKEN = 'e2e-admin-token-f3b1c9';

export interface ServerOptions {
  /** Settings by their environment names, over those of every test: free port, loopback, own folder, JSON log lines. */
  readonly env?: Readonly<Record<string, string>>;
  /** Folder for data and logs. Left out: a new one, deleted by `stop`. */
  readonly folder?: string;
  /** Names that resolve, in the server alone, to these addresses. */
  readonly names?: Readonly<Record<string, readonly string[]>>;
  /** Makes `report` possible. */
  readonly reports?: boolean;
}

/** A line of the server's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string };

export interface AdminAnswer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into many shapes of JSON
  readonly body: any;
}

/** The real server, as a process of its own. */
export interface Server {
  readonly port: number;
  readonly url: string;
  readonly folder: string;
  readonly process: ChildProcess;
  /** What it wrote to stdout, line by line; stderr follows in `errors`. */
  readonly lines: readonly string[];
  readonly errors: readonly string[];
  /** The first log line, written already or yet to come, that passes. */
  line(passes: (line: LogLine) => boolean): Promise<LogLine>;
  /** A request to the admin API. */
  admin(method: string, path: string, body?: unknown): Promise<AdminAnswer>;
  /** Adds or changes a mapping. */
  map(prefix: string, target: string): Promise<void>;
  /** `GET` of one of the JSON pages. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into many shapes of JSON
  json(path: string): Promise<any>;
  /** Requests ever counted, for one prefix or for all; up to a second old. */
  counted(prefix?: string): Promise<number>;
  /** Resolves with the count when it has reached `expected` (see `counted`). */
  untilCounted(expected: number, prefix?: string): Promise<number>;
  /** What the process holds at this moment; with the option `reports`. */
  report(): Promise<ProcessReport>;
  /** SIGTERM. @returns exit code */
  stop(): Promise<number | null>;
  /** SIGKILL; the folder stays. */
  kill(): Promise<void>;
}

/** Processes and folders that a test which died could not clear away. */
const atExit = new Set<() => void>();
process.on('exit', () => {
  for (const clear of atExit) clear();
});

/** Starts the server and waits until it answers `/health`. */
export async function startServer(options: ServerOptions = {}): Promise<Server> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'switchyard-e2e-'));
  const removeFolder = () => {
    if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
  };
  const child = launch(folder, options);
  const output = readOutput(child);
  const clear = () => {
    child.kill('SIGKILL');
    removeFolder();
  };
  atExit.add(clear);
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const port = await Promise.race([output.listening, exited.then(() => undefined)]);
  if (port === undefined) {
    atExit.delete(clear);
    removeFolder();
    throw new Error(`The server ended at once: ${[...output.errors, ...output.lines].join('\n')}`);
  }
  const url = `http://127.0.0.1:${port}`;
  const base = url + (options.env?.BASE_PATH ?? '');
  const token = options.env?.ADMIN_TOKEN ?? ADMIN_TOKEN;

  async function admin(method: string, path: string, body?: unknown): Promise<AdminAnswer> {
    const response = await fetch(base + path, {
      method,
      headers: {
        'x-admin-key': token,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  }

  await (await fetch(`${base}/health`)).arrayBuffer();
  const server: Server = {
    port,
    url,
    folder,
    process: child,
    lines: output.lines,
    errors: output.errors,
    line: output.line,
    admin,
    map: async (prefix, target) => {
      let answer = await admin('POST', '/api/mappings', { prefix, target });
      if (answer.status === 409) answer = await admin('PUT', `/api/mappings${prefix}`, { target });
      if (answer.status >= 300) throw new Error(`Expected a mapping, got ${JSON.stringify(answer)}`);
    },
    json: async path => (await admin('GET', path)).body,
    counted: async prefix => {
      let total:
        | { totals: { requests: number }; prefixes: { prefix: string; requests: number }[] }
        | undefined;
      // On a busy machine the store may be too late for an answer, which then goes without windows.
      while (total === undefined) ({ total } = (await server.json('/stats?window=total')).windows);
      if (prefix === undefined) return total.totals.requests;
      return total.prefixes.find(row => row.prefix === prefix)?.requests ?? 0;
    },
    untilCounted: async (expected, prefix) => {
      for (;;) {
        const count = await server.counted(prefix);
        if (count >= expected) return count;
        await setTimeout(POLL_MS);
      }
    },
    report: async () => {
      child.send('report');
      return (await once(child, 'message'))[0] as ProcessReport;
    },
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      const [code] = await exited;
      atExit.delete(clear);
      removeFolder();
      return code;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
      atExit.delete(clear);
    },
  };
  return server;
}

/** Starts the server where it cannot start. */
export async function startInVain(
  options: ServerOptions & { folder: string },
): Promise<{ code: number | null; lines: readonly string[]; errors: readonly string[] }> {
  const child = launch(options.folder, options);
  const output = readOutput(child);
  const clear = () => child.kill('SIGKILL');
  atExit.add(clear);
  const [code] = (await once(child, 'close')) as [number | null];
  atExit.delete(clear);
  return { code, lines: output.lines, errors: output.errors };
}

function launch(folder: string, { env = {}, names, reports = false }: ServerOptions): ChildProcess {
  const preload =
    names === undefined && !reports ? [] : ['--expose-gc', '--import', pathToFileURL(preloaded).href];
  return spawn(process.execPath, [...preload, main], {
    cwd: folder,
    env: {
      ...foreignEnvironment(),
      ...SETTINGS,
      // Dozens of servers start here, and what they spend of their start is mostly the compiling of the same files.
      NODE_COMPILE_CACHE: compileCache,
      ...(names === undefined ? {} : { E2E_NAMES: JSON.stringify(names) }),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe', ...(reports ? ['ipc' as const] : [])],
  });
}

const SETTINGS = {
  NODE_ENV: 'production',
  HOST: '127.0.0.1',
  PORT: '0',
  DATA_DIR: 'data',
  LOG_DIR: 'logs',
  ADMIN_TOKEN,
};

/** The environment without anything that would be a setting: the tester's own are not the test's. */
function foreignEnvironment(): NodeJS.ProcessEnv {
  const ours = new Set(Object.values<Setting<unknown>>(settings).flatMap(setting => setting.names));
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.has(name)));
}

function readOutput(child: ChildProcess) {
  const lines: string[] = [];
  const errors: string[] = [];
  const events = new EventEmitter().setMaxListeners(0);
  const listening = Promise.withResolvers<number>();
  createInterface({ input: child.stdout! }).on('line', text => {
    lines.push(text);
    // As JSON, or in the lines for people outside of production.
    const port = /"port":(\d+).*"msg":"listening"|^\s+port: (\d+)$/.exec(text);
    if (port !== null) listening.resolve(Number(port[1] ?? port[2]));
    events.emit('line', text);
  });
  createInterface({ input: child.stderr! }).on('line', text => errors.push(text));

  function line(passes: (line: LogLine) => boolean): Promise<LogLine> {
    return new Promise(resolve => {
      const look = (text: string) => {
        const parsed = text.startsWith('{') ? (JSON.parse(text) as LogLine) : undefined;
        if (parsed === undefined || !passes(parsed)) return false;
        events.off('line', look);
        resolve(parsed);
        return true;
      };
      if (!lines.some(look)) events.on('line', look);
    });
  }
  return { lines, errors, line, listening: listening.promise };
}
