import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import type { PoolVendor } from './pool-vendor.ts';
import { ADMIN_TOKEN, type Server, startServer } from './server.ts';

export const ACCESS_KEY = 'pool-access-key-5b7e21d9';
const POLL_MS = 20;

export interface Asked {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into many shapes of JSON
  readonly json: any;
}

/** The real server with a key pool. */
export interface PoolServer extends Server {
  /** Adds a key that is used at its vendor's address. @returns its id */
  add(vendor: PoolVendor, key: string, further?: object): Promise<string>;
  /** Adds many, in this order. @returns their ids */
  addAll(vendor: PoolVendor, keys: readonly string[], further?: object): Promise<string[]>;
  /** A request to `/v1` with the access key, read to its end. */
  ask(path: string, options?: RequestInit): Promise<Asked>;
  /** A chat completion. @param further members of its body */
  chat(further?: object): Promise<Asked>;
  /** `PUT /admin/config`. */
  configure(change: object): Promise<void>;
  /** A key as `/admin/keys/:id` shows it. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into many members
  row(id: string): Promise<any>;
  /** Resolves with the row when it passes. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into many members
  untilRow(id: string, passes: (row: any) => boolean): Promise<any>;
  /** Resolves when no key is in use. */
  untilIdle(): Promise<void>;
  /** Deletes all keys and takes back all settings. */
  clear(): Promise<void>;
  /**
   * Reads all pages, ends the server and looks for every key that was ever added, and for our own secrets, in all that it
   * showed or wrote: logs, pages, answers, files. @returns where one was found
   */
  leaks(): Promise<string[]>;
}

/** @param options.folder data and logs; left out: a new one, deleted by `leaks` and `stop` */
export async function startPoolServer(
  options: { env?: Record<string, string>; folder?: string } = {},
): Promise<PoolServer> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'switchyard-pool-'));
  const removeFolder = () => {
    if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
  };
  const server = await startServer({
    folder,
    env: {
      API_ACCESS_KEY: ACCESS_KEY,
      KEY_POOL_RETRY_DELAY_MS: '1',
      LOG_LEVEL: 'trace',
      LOG_REQUESTS: 'all',
      ...options.env,
    },
  });
  const secrets = new Set([ACCESS_KEY, ADMIN_TOKEN]);
  const shown: { where: string; text: string }[] = [];
  const base = server.url + (options.env?.BASE_PATH ?? '');

  async function addOne(body: object): Promise<string> {
    const answer = await server.admin('POST', '/admin/keys', body);
    if (answer.status !== 201) throw new Error(`Expected a key, got ${JSON.stringify(answer)}`);
    shown.push({ where: 'POST /admin/keys', text: JSON.stringify(answer.body) });
    return answer.body.id;
  }

  const pool: PoolServer = {
    ...server,
    add: (vendor, key, further = {}) => {
      secrets.add(key);
      return addOne({ key, baseUrl: vendor.url, ...further });
    },
    addAll: async (vendor, keys, further) => {
      const ids: string[] = [];
      for (const key of keys) ids.push(await pool.add(vendor, key, further));
      return ids;
    },
    ask: async (path, given = {}) => {
      const answer = await fetch(`${base}${path}`, {
        ...given,
        headers: { authorization: `Bearer ${ACCESS_KEY}`, ...(given.headers as Record<string, string>) },
      });
      const text = await answer.text();
      shown.push({
        where: `${answer.status} of ${path}`,
        text: `${text}${JSON.stringify([...answer.headers])}`,
      });
      const isJson = /json/.test(answer.headers.get('content-type') ?? '');
      return {
        status: answer.status,
        headers: answer.headers,
        text,
        json: isJson ? JSON.parse(text) : undefined,
      };
    },
    chat: (further = {}) =>
      pool.ask('/v1/chat/completions', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hi' }], ...further }),
      }),
    configure: async change => {
      const answer = await server.admin('PUT', '/admin/config', change);
      if (answer.status !== 200) throw new Error(`Expected the settings, got ${JSON.stringify(answer)}`);
    },
    row: async id => (await server.admin('GET', `/admin/keys/${id}`)).body,
    untilRow: async (id, passes) => {
      for (;;) {
        const row = await pool.row(id);
        if (passes(row)) return row;
        await setTimeout(POLL_MS);
      }
    },
    untilIdle: async () => {
      for (;;) {
        const { keys } = await server.json('/admin/keys?limit=500');
        if (keys.every((row: { inFlight: number }) => row.inFlight === 0)) return;
        await setTimeout(POLL_MS);
      }
    },
    clear: async () => {
      const { keys } = await server.json('/admin/keys?limit=500');
      for (const { id } of keys) await server.admin('DELETE', `/admin/keys/${id}`);
      const { fallback } = await server.json('/admin/config');
      await pool.configure(Object.fromEntries(Object.keys(fallback).map(name => [name, null])));
    },
    leaks: async () => {
      for (const path of PAGES) {
        const answer = await fetch(base + path, { headers: { 'x-admin-key': ADMIN_TOKEN } });
        shown.push({ where: path, text: await answer.text() });
      }
      await server.stop();
      shown.push({ where: 'stdout', text: server.lines.join('\n') });
      shown.push({ where: 'stderr', text: server.errors.join('\n') });
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name);
        if (entry.isFile()) shown.push({ where: path, text: readFileSync(path, 'latin1') });
      }
      removeFolder();
      return [...secrets].flatMap(secret =>
        shown
          .filter(({ text }) => formsOf(secret).some(form => text.includes(form)))
          .map(({ where }) => `${secret} in ${where}`),
      );
    },
    stop: async () => {
      const code = await server.stop();
      removeFolder();
      return code;
    },
  };
  return pool;
}

const PAGES = [
  ...['/', '/stats', '/stats?window=total', '/status', '/metrics', '/health', '/health/ready'],
  ...['/admin/stats', '/admin/keys?limit=500', '/admin/config', '/admin/pool-groups', '/admin/audit'],
  ...['/admin/token/usage', '/admin/token/summary'],
];

/** A text as it may stand somewhere: as it is, and as a part of base64, which has three shapes. */
function formsOf(secret: string): string[] {
  const encoded = [0, 1, 2].map(shift =>
    Buffer.from('x'.repeat(shift) + secret)
      .toString('base64')
      .slice(4, -4),
  );
  return [secret, ...encoded];
}

/** A server that all tests of a file share, one after the other. Every test begins with an empty pool. */
export function cleared(t: ExecutionContext, server: PoolServer): PoolServer {
  t.teardown(() => server.clear());
  return server;
}
