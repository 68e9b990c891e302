import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import pino from 'pino';
import { MappingReplica } from '../../src/domain/replica.ts';
import { openSqlite } from '../../src/stores/sqlite/open-sqlite.ts';
import type { MappingStore } from '../../src/stores/types.ts';
import { type Harness, openPanel } from './panel-harness.ts';

/** Two processes over one embedded database, and the database itself as a third writer. */
async function openTwo(
  t: ExecutionContext,
): Promise<{ first: Harness; second: Harness; store: MappingStore; close: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-real-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const open = async (): Promise<{ panel: Harness; store: MappingStore; close: () => Promise<void> }> => {
    const stores = await openSqlite(folder);
    const replica = new MappingReplica({ store: stores.mappings, log: pino({ level: 'silent' }) });
    await replica.start();
    const close = async (): Promise<void> => {
      await replica.stop();
      await stores.close();
    };
    t.teardown(close);
    const panel = await openPanel(t, { dependencies: { mappingStore: stores.mappings, replica } });
    return { panel, store: stores.mappings, close };
  };
  const first = await open();
  const second = await open();
  return { first: first.panel, second: second.panel, store: first.store, close: first.close };
}

test('what one process wrote is in the next answer of the other', async t => {
  const { first, second } = await openTwo(t);
  const body = { prefix: '/openai', target: 'https://api.openai.com' };
  t.is((await first.ask('POST', '/api/mappings', { admin: true, body })).status, 201);
  const seen = await second.ask('GET', '/api/mappings/openai', { admin: true });
  t.is(seen.json.target, body.target);
  t.is((await second.ask('POST', '/api/mappings', { admin: true, body })).error.code, 'ERR_DUPLICATE');

  const headers = { 'if-match': String(seen.headers.etag) };
  const target = 'https://changed.example';
  t.is(
    (await first.ask('PUT', '/api/mappings/openai', { admin: true, headers, body: { target } })).status,
    200,
  );
  const later = await second.ask('DELETE', '/api/mappings/openai', { admin: true, headers });
  t.is(later.status, 412);
  t.like(later.error.current, { target });
  t.is((await second.ask('DELETE', '/api/mappings/openai', { admin: true })).status, 204);
  t.deepEqual((await first.ask('GET', '/api/mappings', { admin: true })).json, {
    mappings: [],
    skipped: [],
    stale: false,
  });
});

test('a session of one process is good in the other', async t => {
  const { first, second } = await openTwo(t);
  const { cookie, csrf } = await first.logIn();
  const headers = { cookie, 'x-csrf-token': csrf };
  const body = { prefix: '/openai', target: 'https://api.openai.com' };
  t.is((await second.ask('POST', '/api/mappings', { headers, body })).status, 201);
});

test('an import is one step, and rows that cannot serve are shown', async t => {
  const { first, second, store } = await openTwo(t);
  await store.putAll(new Map([['/admin', 'https://evil.example']]));
  const mappings = Object.fromEntries(
    Array.from({ length: 1000 }, (_, index) => [`/team/${index}`, `https://host-${index}.example`]),
  );
  const reply = await first.ask('POST', '/admin/mappings/import', { admin: true, body: { mappings } });
  t.deepEqual(reply.json, { added: 1000, changed: 0, unchanged: 0 });
  const { json } = await second.ask('GET', '/api/mappings', { admin: true });
  t.is((json.mappings as unknown[]).length, 1000);
  t.like((json.skipped as unknown[])[0], { prefix: '/admin' });
  t.is((await second.ask('DELETE', '/api/mappings/admin', { admin: true })).status, 204);
});

test('a database that is gone makes writes fail and leaves the list', async t => {
  const { first, close } = await openTwo(t);
  const body = { prefix: '/openai', target: 'https://api.openai.com' };
  await first.ask('POST', '/api/mappings', { admin: true, body });
  await close();
  const write = await first.ask('DELETE', '/api/mappings/openai', { admin: true });
  t.is(write.status, 503);
  t.is(write.error.code, 'ERR_STORE_UNAVAILABLE');
  const list = await first.ask('GET', '/api/mappings', { admin: true });
  t.is(list.status, 200);
  t.is((list.json.mappings as unknown[]).length, 1);
});
