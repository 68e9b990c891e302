import test from 'ava';
import { SESSION_IDLE_MS } from '../../src/domain/access/session.ts';
import { openPanel, TOKEN } from '../server/panel-harness.ts';

const OPENAI = { prefix: '/openai', target: 'https://api.openai.com' };

test('logging in trades the token for a cookie that scripts cannot read', async t => {
  const panel = await openPanel(t);
  const reply = await panel.ask('POST', '/admin/session', { body: { token: TOKEN } });
  t.is(reply.status, 200);
  t.is(reply.json.expires_at_ms, panel.nowMs + SESSION_IDLE_MS);
  t.regex(String(reply.json.csrf), /^[\w-]{43}$/);
  const [cookie = ''] = reply.headers['set-cookie'] ?? [];
  t.regex(cookie, /^switchyard_session=[\w.-]+; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/);
  t.false(cookie.includes(TOKEN));
  t.is(reply.headers['cache-control'], 'no-store');
});

test('the cookie keeps to the base path, and to https where the trusted front says that the browser used it', async t => {
  const plain = await openPanel(t, { config: { basePath: '/switchyard' } });
  const headers = { 'x-forwarded-proto': 'https' };
  const cookieOf = async (panel: typeof plain): Promise<string> => {
    const reply = await panel.ask('POST', '/admin/session', { body: { token: TOKEN }, headers });
    return reply.headers['set-cookie']![0]!;
  };
  t.regex(await cookieOf(plain), /; Path=\/switchyard; (?!.*Secure)/);
  t.regex(await cookieOf(await openPanel(t, { config: { trustProxy: true } })), /; Secure$/);
});

test('a session reads with its cookie, and writes only with its CSRF token', async t => {
  const panel = await openPanel(t);
  const { cookie, csrf } = await panel.logIn();
  t.is((await panel.ask('GET', '/api/mappings', { headers: { cookie } })).status, 200);
  for (const headers of [{ cookie }, { cookie, 'x-csrf-token': 'wrong' }]) {
    const reply = await panel.ask('POST', '/api/mappings', { headers, body: OPENAI });
    t.is(reply.status, 403);
    t.is(reply.error.code, 'ERR_CSRF');
  }
  t.is(panel.store.rows.size, 0);
  const good = await panel.ask('POST', '/api/mappings', {
    headers: { cookie, 'x-csrf-token': csrf },
    body: OPENAI,
  });
  t.is(good.status, 201);
});

test('every admin route refuses a request without credentials, before it looks at the body', async t => {
  const panel = await openPanel(t);
  panel.store.rows.set('/openai', OPENAI.target);
  for (const [method, path] of [
    ['GET', '/api/mappings'],
    ['POST', '/api/mappings'],
    ['GET', '/api/mappings/openai'],
    ['PUT', '/api/mappings/openai'],
    ['DELETE', '/api/mappings/openai'],
    ['GET', '/admin/mappings/export'],
    ['POST', '/admin/mappings/import'],
    ['POST', '/admin/mappings/try'],
  ] as const) {
    const reply = await panel.ask(method, path, method === 'GET' ? {} : { body: '{' });
    t.is(reply.status, 401, `${method} ${path}`);
    t.is(reply.error.code, 'ERR_UNAUTHORIZED');
    t.is(reply.headers['www-authenticate'], 'Bearer realm="switchyard"');
  }
  t.is(panel.store.rows.size, 1);
});

test('the session can be looked at without being logged in', async t => {
  const panel = await openPanel(t);
  const out = await panel.ask('GET', '/admin/session');
  t.is(out.status, 200);
  t.deepEqual(out.json, { authenticated: false });
  const { cookie, csrf } = await panel.logIn();
  const within = await panel.ask('GET', '/admin/session', { headers: { cookie } });
  t.deepEqual(within.json, { authenticated: true, expires_at_ms: panel.nowMs + SESSION_IDLE_MS, csrf });
  t.is(within.headers['set-cookie'], undefined);
});

test('a session slides while it is used and ends twelve hours after its last use', async t => {
  const panel = await openPanel(t);
  const { cookie } = await panel.logIn();
  panel.nowMs += SESSION_IDLE_MS - 1;
  const used = await panel.ask('GET', '/api/mappings', { headers: { cookie } });
  t.is(used.status, 200);
  const renewed = used.headers['set-cookie']![0]!.split(';')[0]!;
  panel.nowMs += 1;
  t.is((await panel.ask('GET', '/api/mappings', { headers: { cookie } })).status, 401);
  t.is((await panel.ask('GET', '/api/mappings', { headers: { cookie: renewed } })).status, 200);
  const look = await panel.ask('GET', '/admin/session', { headers: { cookie: renewed } });
  t.true(look.json.authenticated);
});

test('logging out needs the CSRF token, deletes the cookie, and ends copies of it', async t => {
  const panel = await openPanel(t);
  const { cookie, csrf } = await panel.logIn();
  t.is((await panel.ask('DELETE', '/admin/session', { headers: { cookie } })).status, 403);
  const out = await panel.ask('DELETE', '/admin/session', { headers: { cookie, 'x-csrf-token': csrf } });
  t.is(out.status, 204);
  t.regex(out.headers['set-cookie']![0]!, /^switchyard_session=; Path=\/; Max-Age=0; /);
  t.is((await panel.ask('GET', '/api/mappings', { headers: { cookie } })).status, 401);
  t.is((await panel.ask('DELETE', '/admin/session', { headers: { cookie } })).status, 204);
  t.is((await panel.ask('DELETE', '/admin/session')).status, 204);
});

test('a cookie of another instance on the same host does not hide ours', async t => {
  const panel = await openPanel(t);
  const { cookie } = await panel.logIn();
  const reply = await panel.ask('GET', '/api/mappings', {
    headers: { cookie: `theme=dark; switchyard_session=foreign; ${cookie}` },
  });
  t.is(reply.status, 200);
});

for (const body of [{}, { token: '' }, { token: 7 }, { token: 'x'.repeat(5000) }, { token: 'x', extra: 1 }]) {
  test(`logging in with ${JSON.stringify(body).slice(0, 30)} is bad input and not a wrong token`, async t => {
    const panel = await openPanel(t);
    const reply = await panel.ask('POST', '/admin/session', { body });
    t.is(reply.status, 400);
    t.is(reply.error.code, 'ERR_VALIDATION');
  });
}

test('a form of another site cannot log in, for it cannot send JSON', async t => {
  const panel = await openPanel(t);
  const reply = await panel.ask('POST', '/admin/session', {
    body: JSON.stringify({ token: TOKEN }),
    headers: { 'content-type': 'text/plain' },
  });
  t.is(reply.status, 415);
  t.is(reply.headers['set-cookie'], undefined);
});

test('ten wrong tokens close the door for five minutes, and the answer says for how long', async t => {
  const panel = await openPanel(t);
  const { cookie } = await panel.logIn();
  for (let count = 0; count < 10; count += 1) {
    const reply =
      count % 2 === 0
        ? await panel.ask('POST', '/admin/session', { body: { token: 'wrong' } })
        : await panel.ask('GET', '/api/mappings', { headers: { 'x-admin-key': 'wrong' } });
    t.is(reply.status, 401);
  }
  const closed = await panel.ask('POST', '/admin/session', { body: { token: TOKEN } });
  t.is(closed.status, 429);
  t.is(closed.error.code, 'ERR_TOO_MANY_ATTEMPTS');
  t.is(closed.headers['retry-after'], '300');
  t.is((await panel.ask('GET', '/api/mappings', { admin: true })).status, 429);
  t.is((await panel.ask('GET', '/api/mappings', { headers: { cookie } })).status, 200);
  panel.nowMs += 300_000;
  t.is((await panel.ask('POST', '/admin/session', { body: { token: TOKEN } })).status, 200);
});

test('behind a trusted front each client has its own count, and cannot hide behind what it sends', async t => {
  const panel = await openPanel(t, { config: { trustProxy: true } });
  const attempt = async (forwardedFor: string): Promise<number> => {
    const headers = { 'x-forwarded-for': forwardedFor };
    return (await panel.ask('POST', '/admin/session', { body: { token: 'wrong' }, headers })).status;
  };
  for (let count = 0; count < 10; count += 1) t.is(await attempt(`198.51.100.${count}, 192.0.2.1`), 401);
  t.is(await attempt('203.0.113.1, 192.0.2.1'), 429);
  t.is(await attempt('192.0.2.1:1234'), 429);
  t.is(await attempt('192.0.2.1, 192.0.2.2'), 401);
});

test('without a trusted front X-Forwarded-For says nothing', async t => {
  const panel = await openPanel(t);
  let last = 0;
  for (let count = 0; count <= 10; count += 1) {
    const headers = { 'x-forwarded-for': `192.0.2.${count}` };
    last = (await panel.ask('POST', '/admin/session', { body: { token: 'wrong' }, headers })).status;
  }
  t.is(last, 429);
});

test('a failed login is logged with its address and without anything that was sent', async t => {
  const panel = await openPanel(t);
  await panel.ask('POST', '/admin/session', {
    body: { token: 'almost-the-right-token' },
    headers: { cookie: 'private=cookie-value', 'x-custom': 'custom-value' },
  });
  await panel.ask('GET', '/api/mappings?key=query-value', {
    headers: { authorization: 'Bearer bearer-value' },
  });
  await panel.logIn();
  const logged = panel.logged();
  t.regex(logged, /"status":401,"code":"ERR_UNAUTHORIZED","client":"127\.0\.0\.1"/);
  for (const text of [
    'almost-the-right',
    'cookie-value',
    'custom-value',
    'query-value',
    'bearer-value',
    TOKEN,
  ]) {
    t.false(logged.includes(text), text);
  }
});
