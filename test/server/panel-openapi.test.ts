import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import pino from 'pino';
import { parse } from 'yaml';
import type { PoolApi } from '../../src/admin/pool-api.ts';
import type { Route } from '../../src/admin/route.ts';
import { errorStatus } from '../../src/base/errors.ts';
import { Secret } from '../../src/base/secret.ts';
import { AdminAccess } from '../../src/domain/access/admin-access.ts';
import { allRoutes } from '../../src/server/panel.ts';
import { ManualReplica, MemoryRows, openPanel } from './panel-harness.ts';

interface Operation {
  readonly summary?: string;
  readonly operationId?: string;
  readonly security?: readonly Readonly<Record<string, unknown>>[];
  readonly requestBody?: unknown;
  readonly responses?: Readonly<Record<string, unknown>>;
}

const root = join(import.meta.dirname, '../..');
const text = readFileSync(join(root, 'openapi.yaml'), 'utf8');
const document = parse(text) as {
  openapi: string;
  info: { version: string };
  paths: Record<string, Record<string, Operation>>;
};

const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options'];

/** `GET /path` → operation. */
const described = new Map<string, Operation>(
  Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([method]) => METHODS.includes(method))
      .map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const),
  ),
);

function routes(): Map<string, Route> {
  const store = new MemoryRows();
  const list = allRoutes(
    {
      config: { basePath: '', publicPanel: true, trustProxy: false, metricsToken: undefined },
      log: pino({ level: 'silent' }),
      mappingStore: store,
      replica: new ManualReplica(store),
      readStats: async () => ({}),
      readMetrics: async () => '',
      health: () => ({
        draining: false,
        store: { kind: 'sqlite', state: 'ok' },
        counters: { state: 'ok', queuedRows: 0 },
      }),
      tryTarget: async () => ({ status: 200, duration_ms: 1 }),
      version: '0.1.0',
      // No route looks at it before it is asked.
      pool: { tokens: {} } as unknown as PoolApi,
    },
    new AdminAccess(new Secret('secret-of-sixteen-or-more')),
  );
  return new Map(list.map(route => [`${route.method} ${route.path.replace(/[*:](\w+)/g, '{$1}')}`, route]));
}

test('the description and the routes name the same operations', t => {
  t.deepEqual([...described.keys()].sort(), [...routes().keys()].sort());
});

test('summaries are those of the routes', t => {
  for (const [name, route] of routes()) t.is(described.get(name)?.summary, route.summary, name);
});

test('who may use a route is described as it is', t => {
  for (const [name, route] of routes()) {
    const operation = described.get(name)!;
    const open = operation.security?.some(way => Object.keys(way).length === 0) ?? false;
    t.is(open, route.audience !== 'admin', name);
    const responses = Object.keys(operation.responses ?? {});
    if (route.audience !== 'none') t.true(responses.includes('401') && responses.includes('429'), name);
    const writes = route.method !== 'GET' || route.discloses === true;
    if (route.audience === 'admin' && writes) t.true(responses.includes('403'), name);
    if (operation.requestBody !== undefined)
      t.true(responses.includes('413') && responses.includes('415'), name);
  }
});

test('every operation has a name of its own', t => {
  const names = [...described.values()].map(operation => operation.operationId);
  t.true(names.every(name => /^[a-z]\w+$/i.test(name ?? '')));
  t.is(new Set(names).size, names.length);
});

test('every reference leads somewhere, and everything that can be referred to is', t => {
  const references = new Set<string>();
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [name, child] of Object.entries(value)) {
      if (name === '$ref' && typeof child === 'string') references.add(child);
      else walk(child);
    }
  };
  walk(document);
  const components = (document as unknown as { components: Record<string, Record<string, unknown>> })
    .components;
  const defined = Object.entries(components)
    .filter(([kind]) => kind !== 'securitySchemes')
    .flatMap(([kind, items]) => Object.keys(items).map(name => `#/components/${kind}/${name}`));
  t.deepEqual([...references].sort(), defined.sort());
});

test('error codes in the description exist, under the status they stand for', t => {
  const codes = new Set([...text.matchAll(/`(ERR_[A-Z_]+)`/g)].map(match => match[1]!));
  t.true(codes.size > 5);
  for (const code of codes) t.true(Object.hasOwn(errorStatus, code), code);
});

test('the description carries the version of the package', t => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  t.is(document.info.version, version);
  t.regex(document.openapi, /^3\.1\./);
});

test('the description is served as it lies in the repository', async t => {
  const panel = await openPanel(t);
  const reply = await panel.ask('GET', '/openapi.yaml');
  t.is(reply.status, 200);
  t.is(reply.headers['content-type'], 'application/yaml; charset=utf-8');
  t.is(reply.text, text);
});
