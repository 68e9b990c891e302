import test from 'ava';
import { AppError } from '../../src/base/errors.ts';
import { Secret } from '../../src/base/secret.ts';
import { openPanel } from './panel-harness.ts';

test('every answer of our own carries the strict headers', async t => {
  const panel = await openPanel(t);
  for (const path of ['/', '/admin', '/stats', '/robots.txt', '/api/mappings', '/nowhere']) {
    const { headers } = await panel.ask('GET', path);
    const policy = String(headers['content-security-policy']);
    t.regex(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/, path);
    t.regex(policy, /frame-ancestors 'none'/);
    t.notRegex(policy, /unsafe|\*/);
    t.is(headers['x-content-type-options'], 'nosniff');
    t.is(headers['referrer-policy'], 'no-referrer');
    t.is(headers['x-robots-tag'], 'noindex');
    t.is(headers['cross-origin-opener-policy'], 'same-origin');
  }
});

test('an asset repeats only what concerns it', async t => {
  const panel = await openPanel(t);
  const { headers } = await panel.ask('GET', '/assets/lib/text.js');
  t.is(headers['x-content-type-options'], 'nosniff');
  t.is(headers['cross-origin-resource-policy'], 'same-origin');
  t.is(headers['content-security-policy'], undefined);
});

test('crawlers are told to stay out', async t => {
  const panel = await openPanel(t);
  const reply = await panel.ask('GET', '/robots.txt');
  t.is(reply.text, 'User-agent: *\nDisallow: /\n');
  t.is(reply.headers['content-type'], 'text/plain; charset=utf-8');
});

test('what does not exist is 404 in JSON, and what exists with another method is 405', async t => {
  const panel = await openPanel(t);
  for (const path of [
    '/nowhere',
    '/v1/chat/completions',
    '/health/other',
    '/assets/',
    '/assets/none.js',
    '/STATS',
  ]) {
    const reply = await panel.ask('GET', path);
    t.is(reply.status, 404, path);
    t.is(reply.error.code, 'ERR_NOT_FOUND', path);
  }
  for (const path of ['/', '/stats', '/admin', '/assets/lib/text.js', '/health/live']) {
    const reply = await panel.ask('POST', path);
    t.is(reply.status, 405, path);
    t.is(reply.headers.allow, 'GET, HEAD, OPTIONS', path);
  }
});

test('HEAD answers as GET does, without the body', async t => {
  const panel = await openPanel(t);
  for (const path of [
    '/',
    '/admin',
    '/stats',
    '/metrics',
    '/health/ready',
    '/assets/lib/text.js',
    '/openapi.yaml',
  ]) {
    const get = await panel.ask('GET', path);
    const head = await panel.ask('HEAD', path);
    t.is(head.status, get.status, path);
    t.is(head.text, '');
    t.is(head.headers['content-length'], get.headers['content-length'], path);
    t.is(head.headers['content-type'], get.headers['content-type'], path);
  }
});

test('statistics are asked for by a known window, never cached, and one reading serves all who ask at once', async t => {
  const asked: (string | undefined)[] = [];
  const panel = await openPanel(t, {
    dependencies: {
      readStats: async window => {
        asked.push(window);
        await new Promise(resolve => setImmediate(resolve));
        return { window: window ?? 'all' };
      },
    },
  });
  const reply = await panel.ask('GET', '/stats?window=7d');
  t.deepEqual(reply.json, { window: '7d' });
  t.is(reply.headers['cache-control'], 'no-store');
  t.is(reply.headers['content-type'], 'application/json');
  t.deepEqual((await panel.ask('GET', '/stats')).json, { window: 'all' });
  for (const window of ['1h', '', '7d ', '__proto__']) {
    const bad = await panel.ask('GET', `/stats?window=${encodeURIComponent(window)}`);
    t.is(bad.status, 400, window);
    t.is(bad.error.field, 'window');
  }
  t.deepEqual(asked, ['7d', undefined]);
});

test('a reading of the statistics that fails is not handed on to those who ask later', async t => {
  let calls = 0;
  const panel = await openPanel(t, {
    dependencies: {
      readStats: async () => {
        calls += 1;
        if (calls === 1) throw new AppError('ERR_STORE_UNAVAILABLE', 'The store does not answer');
        return {};
      },
    },
  });
  t.is((await panel.ask('GET', '/stats')).status, 503);
  t.is((await panel.ask('GET', '/stats')).status, 200);
});

test("a failure inside never shows a library's text or a stack, and the log has it under the request id", async t => {
  const panel = await openPanel(t, {
    dependencies: {
      readStats: async () => {
        throw new TypeError('connect ECONNREFUSED 10.1.2.3:6379');
      },
    },
  });
  const reply = await panel.ask('GET', '/stats?secret=in-the-query');
  t.is(reply.status, 500);
  t.is(reply.error.code, 'ERR_INTERNAL');
  t.notRegex(reply.text, /ECONNREFUSED|10\.1\.2\.3|TypeError|at /);
  t.is(reply.headers['content-type'], 'application/json; charset=utf-8');
  const line = panel
    .logged()
    .split('\n')
    .find(text => text.includes(reply.error.request_id));
  t.regex(line ?? '', /ECONNREFUSED/);
  t.notRegex(line ?? '', /in-the-query/);
});

test('metrics are open without METRICS_TOKEN and need it as Bearer with it', async t => {
  const open = await openPanel(t);
  const reply = await open.ask('GET', '/metrics');
  t.is(reply.text, 'switchyard_up 1\n');
  t.is(reply.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');

  const closed = await openPanel(t, { config: { metricsToken: new Secret('metrics-token-of-length') } });
  t.is((await closed.ask('GET', '/metrics')).status, 401);
  t.is((await closed.ask('GET', '/metrics', { admin: true })).status, 401);
  const authorization = 'Bearer metrics-token-of-length';
  t.is((await closed.ask('GET', '/metrics', { headers: { authorization } })).status, 200);
});

test('a scraper with a wrong token is slowed, and does not lock its address out of the console', async t => {
  const panel = await openPanel(t, { config: { metricsToken: new Secret('metrics-token-of-length') } });
  const wrong = { headers: { authorization: 'Bearer wrong' } };
  for (let count = 0; count < 10; count += 1) t.is((await panel.ask('GET', '/metrics', wrong)).status, 401);
  t.is((await panel.ask('GET', '/metrics', wrong)).status, 429);
  t.is((await panel.ask('GET', '/api/mappings', { admin: true })).status, 200);
});

test('health tells each dependency; only a process with nothing to serve, or on its way out, is not ready', async t => {
  const facts = {
    draining: false,
    store: { kind: 'redis' as const, state: 'ok' as 'ok' | 'degraded' },
    counters: { state: 'ok' as 'ok' | 'degraded', queuedRows: 0 },
  };
  const panel = await openPanel(t, { dependencies: { health: () => facts } });
  const look = async (): Promise<[number, unknown, number, number]> => {
    const ready = await panel.ask('GET', '/health/ready');
    return [
      ready.status,
      ready.json.status,
      (await panel.ask('GET', '/health')).status,
      (await panel.ask('GET', '/health/live')).status,
    ];
  };
  t.deepEqual(await look(), [200, 'ok', 200, 200]);
  facts.store.state = 'degraded';
  facts.counters = { state: 'degraded', queuedRows: 7 };
  panel.replica.state = 'degraded';
  t.deepEqual(await look(), [200, 'degraded', 200, 200]);
  t.deepEqual((await panel.ask('GET', '/health')).json, {
    status: 'degraded',
    version: '0.1.0',
    dependencies: {
      mappings: { state: 'degraded', count: 0, skipped: 0 },
      store: { kind: 'redis', state: 'degraded' },
      counters: { state: 'degraded', queued_rows: 7 },
    },
  });
  panel.replica.loaded = false;
  t.deepEqual(await look(), [503, 'unavailable', 200, 200]);
  panel.replica.loaded = true;
  facts.draining = true;
  t.deepEqual(await look(), [503, 'draining', 200, 200]);
});

test('status tells what is served and from where', async t => {
  const panel = await openPanel(t);
  panel.store.rows.set('/openai', 'https://api.openai.com').set('/bad', 'x');
  await panel.replica.refresh();
  t.deepEqual((await panel.ask('GET', '/status')).json, {
    status: 'ok',
    version: '0.1.0',
    mappings: { count: 1, skipped: 1 },
    store: { kind: 'sqlite', state: 'ok' },
  });
});

test('with PUBLIC_PANEL=false the panel sends people to the login and machines away', async t => {
  const panel = await openPanel(t, { config: { publicPanel: false, basePath: '/switchyard' } });
  for (const path of ['/', '/index.html']) {
    const page = await panel.ask('GET', path, { headers: { accept: 'text/html' } });
    t.is(page.status, 302, path);
    t.is(page.headers.location, '/switchyard/admin');
    t.is(page.headers['cache-control'], 'no-store');
  }
  for (const path of ['/stats', '/status']) {
    t.is((await panel.ask('GET', path)).status, 401, path);
    t.is((await panel.ask('GET', path, { admin: true })).status, 200, path);
  }
  for (const path of [
    '/admin',
    '/health',
    '/health/ready',
    '/metrics',
    '/robots.txt',
    '/assets/lib/text.js',
  ]) {
    t.is((await panel.ask('GET', path)).status, 200, path);
  }
  const { cookie } = await panel.logIn();
  t.is((await panel.ask('GET', '/', { headers: { cookie } })).status, 200);
  t.is((await panel.ask('GET', '/stats', { headers: { cookie } })).status, 200);
});

test('the client behind a trusted front is the last entry, with or without a port; nonsense is not believed', async t => {
  const panel = await openPanel(t, { config: { trustProxy: true } });
  for (const [field, client] of [
    ['192.0.2.7', '192.0.2.7'],
    ['198.51.100.1, 192.0.2.8:4711', '192.0.2.8'],
    ['2001:db8::7', '2001:db8::7'],
    ['[2001:db8::8]:4711', '2001:db8::8'],
    ['[2001:db8::9]', '2001:db8::9'],
    ['192.0.2.7, unknown', '127.0.0.1'],
    ['192.0.2.7,', '127.0.0.1'],
  ] as const) {
    const reply = await panel.ask('GET', '/api/mappings', { headers: { 'x-forwarded-for': field } });
    const line = panel
      .logged()
      .split('\n')
      .find(text => text.includes(`"${reply.error.request_id}"`));
    t.true(line?.includes(`"client":"${client}"`), `${field}: ${line}`);
  }
});
