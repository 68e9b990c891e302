import test from 'ava';
import { AppError } from '../../src/base/errors.ts';
import { openPanel, SITE, staticFolder } from '../server/panel-harness.ts';
import { freshKey, NOW_MS, openPool } from './pool-harness.ts';

interface Status {
  readonly keys: readonly { readonly hint: string; readonly status: string }[];
  readonly keysLeftOut: number;
  readonly retired: readonly Readonly<Record<string, unknown>>[];
  readonly pools: readonly unknown[];
}

test('status shows the pool to everybody who may see the panel: hints, and neither ids, notes nor addresses', async t => {
  const { add, stores, replica, panel, pool } = await openPool(t);
  const keys = [freshKey(), freshKey('sk-ant-'), freshKey('xai-')];
  const first = await add({ key: keys[0], notes: 'private note', baseUrl: 'http://10.1.2.3/v1' });
  const second = await add({ key: keys[1] });
  const third = await add({ key: keys[2] });
  await stores.keys.update(third.id, { status: 'banned', statusReason: 'invalid key', statusAtMs: 9 });
  await replica.refresh();
  const request = { providers: ['anthropic' as const], model: '*', tried: new Set<string>() };
  const lease = pool.lease(request, NOW_MS);
  t.true('key' in lease);

  const reply = await panel.ask('GET', '/status');
  t.is(reply.status, 200);
  const status = reply.json.pool as Status;
  t.like(status, {
    algorithm: 'round-robin',
    autoBan: { enabled: true, threshold: 5, ban_401: false, ban_402: true },
    counts: { total: 3, active: 2, resting: 0, disabled: 0, banned: 1 },
    runningDry: false,
    stale: false,
    keysLeftOut: 0,
    retiredLeftOut: 0,
  });
  t.deepEqual(
    status.keys.map(({ hint }) => hint),
    [second.hint, first.hint],
  );
  t.like(status.keys[0], {
    source: 'stored',
    provider: 'anthropic',
    requests: 1,
    inFlight: 1,
    status: 'active',
  });
  t.deepEqual(status.retired, [
    { hint: third.hint, provider: 'xai', poolGroup: 'default', reason: 'invalid key', sinceMs: 9 },
  ]);
  t.deepEqual((reply.json.pool as { endpoints: unknown }).endpoints, [
    { endpoint: 'POST /v1/chat/completions', requests: 3, errors: 1 },
  ]);
  for (const text of [...keys, first.id, second.id, 'private note', '10.1.2.3']) {
    t.false(reply.text.includes(text), text);
  }
});

test('status names the busiest 200 of many keys, and looks at them once a second', async t => {
  const { ask, panel, pool } = await openPool(t);
  await ask('POST', '/admin/keys/batch', { keys: Array.from({ length: 250 }, () => freshKey()) });
  const request = { providers: ['openai' as const], model: '*', tried: new Set<string>() };
  const lease = pool.lease(request, NOW_MS);
  const busiest = 'key' in lease ? lease.key.hint : '';
  const read = async (): Promise<Status> => (await panel.ask('GET', '/status')).json.pool as Status;
  const before = await read();
  t.is(before.keys.length, 200);
  t.is(before.keysLeftOut, 50);
  t.is(before.keys[0]!.hint, busiest);
  await ask('POST', '/admin/keys', { key: freshKey() });
  t.is((await read()).keysLeftOut, 50);
  panel.nowMs += 1000;
  t.is((await read()).keysLeftOut, 51);
});

test('status tells the requests of all time, whatever process answers, and puts the busiest first', async t => {
  const { add, statistics, panel } = await openPool(t);
  const idle = await add({ key: freshKey() });
  const busy = await add({ key: freshKey() });
  const times = { minuteMs: -1, hourMs: -1, dayMs: -1, lastSeenMs: NOW_MS };
  const rows = [
    { series: `k ${idle.id}`, ...times, values: { requests: 1 } },
    { series: `k ${busy.id}`, ...times, values: { requests: 9, errors: 2 } },
  ];
  await statistics.add({ writer: 'w', sequence: 1, rows });
  const { keys } = (await panel.ask('GET', '/status')).json.pool as Status;
  t.like(keys, [
    { hint: busy.hint, requests: 0, allTime: { requests: 9, successes: 7, failures: 2 } },
    { hint: idle.hint, allTime: { requests: 1, successes: 1, failures: 0 } },
  ]);
});

test('while the store is away status shows what is known', async t => {
  const { api, add, panel } = await openPool(t);
  await add({ key: freshKey() });
  Object.assign(api, {
    readEndpoints: async () => {
      throw new AppError('ERR_STORE_UNAVAILABLE', 'The store does not answer');
    },
  });
  const reply = await panel.ask('GET', '/status');
  t.is(reply.status, 200);
  t.like(reply.json.pool, { counts: { total: 1 }, endpoints: [] });
});

test('without a key pool status has none', async t => {
  const panel = await openPanel(t);
  t.deepEqual(Object.keys((await panel.ask('GET', '/status')).json), [
    'status',
    'version',
    'mappings',
    'store',
  ]);
});

test('a browser gets status as a page, a machine as JSON', async t => {
  const page = '<!doctype html><p>status</p>';
  const folder = staticFolder(t, { ...SITE, 'status.html': page });
  const open = await openPanel(t, { dependencies: { staticFolder: folder } });
  const accept = 'text/html,application/xhtml+xml,*/*;q=0.8';
  const html = await open.ask('GET', '/status', { headers: { accept } });
  t.is(html.text, page);
  t.is(html.headers['content-type'], 'text/html; charset=utf-8');
  t.regex(html.headers.vary ?? '', /Accept/);
  for (const type of ['*/*', 'application/json']) {
    const json = await open.ask('GET', '/status', { headers: { accept: type } });
    t.is(json.json.status, 'ok');
    t.regex(json.headers.vary ?? '', /Accept/);
  }
  const closed = await openPanel(t, {
    config: { publicPanel: false },
    dependencies: { staticFolder: folder },
  });
  t.is((await closed.ask('GET', '/status', { headers: { accept } })).status, 302);
  t.is((await closed.ask('GET', '/status')).status, 401);
});
