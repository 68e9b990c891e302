import { connect } from 'node:net';
import test from 'ava';
import { type Harness, openPanel, type Reply } from '../server/panel-harness.ts';

const OPENAI = { prefix: '/openai', target: 'https://api.openai.com' };

async function withRows(harness: Harness, rows: Record<string, string>): Promise<void> {
  for (const [prefix, target] of Object.entries(rows)) harness.store.rows.set(prefix, target);
  await harness.replica.refresh();
}

test('a mapping is added, read, changed and deleted, each live in the table when its answer arrives', async t => {
  const panel = await openPanel(t);
  const added = await panel.ask('POST', '/api/mappings', { admin: true, body: OPENAI });
  t.is(added.status, 201);
  t.is(added.headers.location, '/api/mappings/openai');
  t.is(added.headers.etag, `"${added.json.etag}"`);
  t.like(added.json, OPENAI);
  t.is(panel.replica.table.find('/openai/v1')?.target.url, OPENAI.target);

  const read = await panel.ask('GET', '/api/mappings/openai', { admin: true });
  t.is(read.status, 200);
  t.deepEqual(read.json, added.json);
  t.is(read.headers['cache-control'], 'no-store');

  const changed = await panel.ask('PUT', '/api/mappings/openai', {
    admin: true,
    body: { target: 'https://proxy.example/openai' },
  });
  t.is(changed.status, 200);
  t.not(changed.json.etag, added.json.etag);
  t.is(panel.replica.table.find('/openai/v1')?.target.url, 'https://proxy.example/openai');

  const deleted = await panel.ask('DELETE', '/api/mappings/openai', { admin: true });
  t.is(deleted.status, 204);
  t.is(deleted.text, '');
  t.is(panel.replica.table.find('/openai/v1'), undefined);
  t.is((await panel.ask('GET', '/api/mappings/openai', { admin: true })).status, 404);
});

test('a prefix of several segments is named as a path, with its slashes encoded, or wholly encoded', async t => {
  const panel = await openPanel(t);
  await withRows(panel, { '/team/openai': 'https://api.openai.com', '/a+b@c': 'https://a.example' });
  for (const path of ['team/openai', 'team%2Fopenai', '%2Fteam%2Fopenai', '/team/openai', 'team/openai/']) {
    const reply = await panel.ask('GET', `/api/mappings/${path}`, { admin: true });
    t.is(reply.status, 200, path);
    t.is(reply.json.prefix, '/team/openai', path);
  }
  t.is((await panel.ask('GET', '/api/mappings/a%2Bb%40c', { admin: true })).json.prefix, '/a+b@c');
  t.is((await panel.ask('GET', '/api/mappings/team', { admin: true })).status, 404);
  const broken = await panel.ask('GET', '/api/mappings/%zz', { admin: true });
  t.is(broken.status, 400);
  t.is(broken.error.field, 'prefix');
});

test('the list is sorted, has etags, and names stored rows that cannot serve', async t => {
  const panel = await openPanel(t);
  await withRows(panel, {
    '/openai': 'https://api.openai.com',
    '/claude': 'https://api.anthropic.com',
    '/admin': 'https://evil.example',
    '/broken': 'no url',
  });
  const { json } = await panel.ask('GET', '/api/mappings', { admin: true });
  const mappings = json.mappings as { prefix: string; target: string; etag: string }[];
  t.deepEqual(
    mappings.map(row => row.prefix),
    ['/claude', '/openai'],
  );
  t.true(mappings.every(row => /^[\w-]{16}$/.test(row.etag)));
  const skipped = json.skipped as { prefix: string; problem: string }[];
  t.deepEqual(skipped.map(row => row.prefix).sort(), ['/admin', '/broken']);
  t.true(skipped.every(row => row.problem.startsWith('Expected ')));
  t.false(json.stale);
});

test('a row that cannot serve can be mended and deleted by its name', async t => {
  const panel = await openPanel(t);
  await withRows(panel, {
    '/admin': 'https://evil.example',
    '/broken': 'no url',
    noslash: 'https://a.example',
    '/slash/': 'https://b.example',
  });
  t.is(
    (await panel.ask('PUT', '/api/mappings/broken', { admin: true, body: { target: 'https://c.example' } }))
      .status,
    200,
  );
  t.is((await panel.ask('DELETE', '/api/mappings/admin', { admin: true })).status, 204);
  t.is((await panel.ask('DELETE', '/api/mappings/noslash', { admin: true })).status, 204);
  t.is((await panel.ask('DELETE', '/api/mappings/slash', { admin: true })).status, 204);
  t.deepEqual([...panel.store.rows.keys()], ['/broken']);
});

test('a list of ten thousand mappings is sent compressed', async t => {
  const panel = await openPanel(t);
  await withRows(
    panel,
    Object.fromEntries(
      Array.from({ length: 10_000 }, (_, index) => [`/p${index}`, `https://${index}.example`]),
    ),
  );
  const reply = await panel.ask('GET', '/api/mappings', {
    admin: true,
    headers: { 'accept-encoding': 'gzip' },
  });
  t.is(reply.headers['content-encoding'], 'gzip');
  t.regex(reply.headers.vary ?? '', /Accept-Encoding/i);
  t.true(reply.bytes.length < 500_000, String(reply.bytes.length));
  const plain = await panel.ask('GET', '/api/mappings', { admin: true });
  t.is((plain.json.mappings as unknown[]).length, 10_000);
});

for (const [title, body, status, code, field] of [
  [
    'a prefix without a slash',
    { prefix: 'openai', target: 'https://a.example' },
    400,
    'ERR_VALIDATION',
    'prefix',
  ],
  ['a prefix that is HTML', { prefix: '/<b>', target: 'https://a.example' }, 400, 'ERR_VALIDATION', 'prefix'],
  ['a prefix that is a number', { prefix: 1, target: 'https://a.example' }, 400, 'ERR_VALIDATION', 'prefix'],
  ['no prefix', { target: 'https://a.example' }, 400, 'ERR_VALIDATION', 'prefix'],
  [
    'a reserved prefix',
    { prefix: '/admin', target: 'https://a.example' },
    409,
    'ERR_RESERVED_PREFIX',
    'prefix',
  ],
  [
    'a prefix that would contain a reserved one',
    { prefix: '/api', target: 'https://a.example' },
    409,
    'ERR_RESERVED_PREFIX',
    'prefix',
  ],
  ['no target', { prefix: '/a' }, 400, 'ERR_VALIDATION', 'target'],
  ['another scheme', { prefix: '/a', target: 'ftp://a.example' }, 400, 'ERR_VALIDATION', 'target'],
  [
    'credentials',
    { prefix: '/a', target: 'https://me:pass-word@a.example' },
    400,
    'ERR_VALIDATION',
    'target',
  ],
  ['a query', { prefix: '/a', target: 'https://a.example/?key=1' }, 400, 'ERR_VALIDATION', 'target'],
  ['a fragment', { prefix: '/a', target: 'https://a.example/#x' }, 400, 'ERR_VALIDATION', 'target'],
  ['an unknown member', { ...OPENAI, targt: 1 }, 400, 'ERR_VALIDATION', 'targt'],
  [
    'a prototype member',
    '{"prefix":"/a","target":"https://a.example","__proto__":{}}',
    400,
    'ERR_VALIDATION',
    '__proto__',
  ],
  ['an array', '[]', 400, 'ERR_VALIDATION', undefined],
  ['null', 'null', 400, 'ERR_VALIDATION', undefined],
  ['broken JSON', '{"prefix":', 400, 'ERR_BAD_JSON', undefined],
  ['nothing', '', 400, 'ERR_BAD_JSON', undefined],
] as const) {
  test(`a new mapping with ${title} is refused and changes nothing`, async t => {
    const panel = await openPanel(t);
    const reply = await panel.ask('POST', '/api/mappings', { admin: true, body });
    t.is(reply.status, status);
    t.is(reply.error.code, code);
    t.is(reply.error.field, field);
    t.regex(reply.error.message, /^Expected /);
    t.truthy(reply.error.request_id);
    t.false(reply.text.includes('pass-word'));
    t.is(panel.store.rows.size, 0);
  });
}

test('text that is not UTF-8 is no JSON', async t => {
  const panel = await openPanel(t);
  const reply = await rawPost(panel, [
    Buffer.from('Content-Length: 15\r\n\r\n{"prefix":"/'),
    Buffer.from([0xff, 0x22, 0x7d]),
  ]);
  t.regex(reply, /^HTTP\/1\.1 400 /);
  t.regex(reply, /ERR_BAD_JSON/);
});

test('a duplicate is refused, also when another admin adds it in between, and when a slash hides it', async t => {
  const panel = await openPanel(t);
  await withRows(panel, { '/openai': 'https://first.example', '/odd/': 'https://first.example' });
  for (const prefix of ['/openai', '/openai/', '/odd']) {
    const reply = await panel.ask('POST', '/api/mappings', { admin: true, body: { ...OPENAI, prefix } });
    t.is(reply.status, 409);
    t.is(reply.error.code, 'ERR_DUPLICATE');
    t.is(reply.error.field, 'prefix');
  }
  const both = await Promise.all(
    ['https://a.example', 'https://b.example'].map(target =>
      panel.ask('POST', '/api/mappings', { admin: true, body: { prefix: '/race', target } }),
    ),
  );
  t.deepEqual(both.map(reply => reply.status).sort(), [201, 409]);
  t.is(panel.store.rows.get('/openai'), 'https://first.example');
});

test('an unknown prefix cannot be changed or deleted', async t => {
  const panel = await openPanel(t);
  const put = await panel.ask('PUT', '/api/mappings/none', {
    admin: true,
    body: { target: 'https://a.example' },
  });
  t.is(put.status, 404);
  t.is(put.error.code, 'ERR_NOT_FOUND');
  t.is((await panel.ask('DELETE', '/api/mappings/none', { admin: true })).status, 404);
  t.is(
    (await panel.ask('DELETE', '/api/mappings/none', { admin: true, headers: { 'if-match': '*' } })).status,
    404,
  );
  t.is(panel.store.rows.size, 0);
});

test('of two admins who edit the same mapping the later one is told, and sees the row as it is now', async t => {
  const panel = await openPanel(t);
  await withRows(panel, { '/openai': 'https://old.example' });
  const { etag } = (await panel.ask('GET', '/api/mappings/openai', { admin: true })).headers;
  const edit = (target: string): Promise<Reply> =>
    panel.ask('PUT', '/api/mappings/openai', {
      admin: true,
      body: { target },
      headers: { 'if-match': etag! },
    });
  t.is((await edit('https://first.example')).status, 200);
  const later = await edit('https://second.example');
  t.is(later.status, 412);
  t.is(later.error.code, 'ERR_PRECONDITION');
  t.like(later.error.current, { prefix: '/openai', target: 'https://first.example' });
  const remove = await panel.ask('DELETE', '/api/mappings/openai', {
    admin: true,
    headers: { 'if-match': etag! },
  });
  t.is(remove.status, 412);
  t.is(panel.store.rows.get('/openai'), 'https://first.example');
});

test('a change that lands between the comparison and the write is noticed as well', async t => {
  const panel = await openPanel(t);
  await withRows(panel, { '/openai': 'https://old.example' });
  const { etag } = (await panel.ask('GET', '/api/mappings/openai', { admin: true })).headers;
  panel.store.meanwhile = () => panel.store.rows.set('/openai', 'https://meanwhile.example');
  for (const [method, body] of [
    ['PUT', { target: 'https://mine.example' }],
    ['DELETE', undefined],
  ] as const) {
    const reply = await panel.ask(method, '/api/mappings/openai', {
      admin: true,
      ...(body && { body }),
      headers: { 'if-match': etag! },
    });
    t.is(reply.status, 412, method);
    t.like(reply.error.current, { target: 'https://meanwhile.example' });
  }
  panel.store.meanwhile = () => panel.store.rows.delete('/openai');
  panel.store.rows.set('/openai', 'https://old.example');
  const gone = await panel.ask('DELETE', '/api/mappings/openai', {
    admin: true,
    headers: { 'if-match': etag! },
  });
  t.is(gone.status, 404);
});

test('If-Match takes lists and the star, and never a weak tag', async t => {
  const panel = await openPanel(t);
  await withRows(panel, { '/openai': 'https://old.example' });
  const { etag } = (await panel.ask('GET', '/api/mappings/openai', { admin: true })).headers;
  const put = async (ifMatch: string): Promise<number> =>
    (
      await panel.ask('PUT', '/api/mappings/openai', {
        admin: true,
        body: { target: 'https://old.example' },
        headers: { 'if-match': ifMatch },
      })
    ).status;
  t.is(await put(`"other", ${etag}`), 200);
  t.is(await put('*'), 200);
  t.is(await put(`W/${etag}`), 412);
  t.is(await put('"other"'), 412);
});

test('while the store is away writes fail loudly, change nothing, and the list is marked as a copy', async t => {
  const panel = await openPanel(t);
  await withRows(panel, { '/openai': 'https://old.example' });
  panel.store.away = true;
  for (const [method, path, body] of [
    ['POST', '/api/mappings', { prefix: '/new', target: 'https://a.example' }],
    ['PUT', '/api/mappings/openai', { target: 'https://a.example' }],
    ['DELETE', '/api/mappings/openai', undefined],
    ['POST', '/admin/mappings/import', { mappings: { '/new': 'https://a.example' } }],
  ] as const) {
    const reply = await panel.ask(method, path, { admin: true, ...(body && { body }) });
    t.is(reply.status, 503, method);
    t.is(reply.error.code, 'ERR_STORE_UNAVAILABLE');
  }
  t.deepEqual([...panel.store.rows], [['/openai', 'https://old.example']]);
  // The replica has not noticed yet, then it has.
  t.is((await panel.ask('GET', '/api/mappings/openai', { admin: true })).status, 200);
  panel.replica.state = 'degraded';
  const list = await panel.ask('GET', '/api/mappings', { admin: true });
  t.true(list.json.stale);
  t.is((list.json.mappings as unknown[]).length, 1);
});

test('where nothing was ever loaded the list is an error and not empty', async t => {
  const panel = await openPanel(t);
  panel.store.away = true;
  panel.replica.loaded = false;
  panel.replica.state = 'degraded';
  t.is((await panel.ask('GET', '/api/mappings', { admin: true })).status, 503);
});

test('an edit whose comparison fails afterwards has still happened', async t => {
  const panel = await openPanel(t);
  const { refresh } = panel.replica;
  panel.replica.refresh = async () => {
    panel.store.away = true;
    await refresh.call(panel.replica);
  };
  const reply = await panel.ask('POST', '/api/mappings', { admin: true, body: OPENAI });
  t.is(reply.status, 201);
  t.is(panel.store.rows.get('/openai'), OPENAI.target);
});

test('a write needs JSON, said so, in UTF-8 and not compressed', async t => {
  const panel = await openPanel(t);
  const post = async (headers: Record<string, string>): Promise<Reply> =>
    await panel.ask('POST', '/api/mappings', { admin: true, body: OPENAI, headers });
  for (const headers of [
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/x-www-form-urlencoded' },
    { 'content-type': 'application/json; charset=latin1' },
    { 'content-type': '' },
    { 'content-encoding': 'gzip' },
  ]) {
    const reply = await post(headers as Record<string, string>);
    t.is(reply.status, 415, JSON.stringify(headers));
    t.is(reply.error.code, 'ERR_CONTENT_TYPE');
  }
  t.is(panel.store.rows.size, 0);
  t.is((await post({ 'content-type': 'Application/JSON; charset="UTF-8"' })).status, 201);
});

test('a body over 64 KiB is refused, whether its length is said or only shows', async t => {
  const panel = await openPanel(t);
  const body = (bytes: number): string => {
    const start = '{"prefix":"/a","target":"https://a.example","pad":"';
    return `${start}${'x'.repeat(bytes - start.length - 2)}"}`;
  };
  const declared = await panel.ask('POST', '/api/mappings', { admin: true, body: body(64 * 1024 + 1) });
  t.is(declared.status, 413);
  t.is(declared.error.code, 'ERR_BODY_TOO_LARGE');
  const fits = await panel.ask('POST', '/api/mappings', { admin: true, body: body(64 * 1024) });
  t.is(fits.error.field, 'pad');
  const chunk = `8000\r\n${'x'.repeat(0x8000)}\r\n`;
  const chunked = await rawPost(panel, [
    `Transfer-Encoding: chunked\r\n\r\n`,
    chunk,
    chunk,
    chunk,
    '0\r\n\r\n',
  ]);
  t.regex(chunked, /^HTTP\/1\.1 413 /);
  t.is(panel.store.rows.size, 0);
});

test('a refused body that never ends is cut off', async t => {
  const panel = await openPanel(t);
  const socket = connect(panel.port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  let answer = '';
  socket.on('data', data => {
    answer += data;
  });
  const closed = new Promise<void>(resolve => {
    socket.on('error', () => resolve());
    socket.on('close', () => resolve());
  });
  socket.write(head(panel, 'Transfer-Encoding: chunked\r\n\r\n'));
  const chunk = `8000\r\n${'x'.repeat(0x8000)}\r\n`;
  const more = (): void => {
    if (socket.destroyed) return;
    socket.write(chunk, error => {
      if (!error) setImmediate(more);
    });
  };
  more();
  await closed;
  t.regex(answer, /^HTTP\/1\.1 413 |^$/);
});

test('a client that leaves inside its body changes nothing and is no failure of ours', async t => {
  const panel = await openPanel(t);
  const socket = connect(panel.port, '127.0.0.1');
  const received = new Promise<void>(resolve => {
    panel.server.once('request', request => request.once('close', () => resolve()));
  });
  socket.write(head(panel, 'Content-Length: 100\r\n\r\n{"prefix":'), () => socket.destroy());
  await received;
  t.is((await panel.ask('GET', '/health/live')).status, 200);
  t.is(panel.store.rows.size, 0);
  t.false(panel.logged().includes('"level":50'));
});

test('unknown methods are answered with the ones there are', async t => {
  const panel = await openPanel(t);
  const one = await panel.ask('PATCH', '/api/mappings/openai', { admin: true, body: {} });
  t.is(one.status, 405);
  t.is(one.error.code, 'ERR_METHOD_NOT_ALLOWED');
  t.is(one.headers.allow, 'DELETE, GET, HEAD, PUT, OPTIONS');
  const many = await panel.ask('DELETE', '/api/mappings', { admin: true });
  t.is(many.status, 405);
  t.is(many.headers.allow, 'GET, HEAD, POST, OPTIONS');
  const options = await panel.ask('OPTIONS', '/api/mappings');
  t.is(options.status, 204);
  t.is(options.headers.allow, 'GET, HEAD, POST, OPTIONS');
  t.is(options.headers['access-control-allow-origin'], undefined);
});

test('an address in an answer carries the base path', async t => {
  const panel = await openPanel(t, { config: { basePath: '/switchyard' } });
  const added = await panel.ask('POST', '/api/mappings', { admin: true, body: OPENAI });
  t.is(added.headers.location, '/switchyard/api/mappings/openai');
});

function head(panel: Harness, rest: string): string {
  return `POST /api/mappings HTTP/1.1\r\nHost: 127.0.0.1:${panel.port}\r\nConnection: close\r\nContent-Type: application/json\r\nx-admin-key: correct-horse-battery-staple\r\n${rest}`;
}

/** Sends a request whose body has exactly these bytes; gives the whole answer. */
function rawPost(panel: Harness, parts: readonly (string | Buffer)[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(panel.port, '127.0.0.1');
    let answer = '';
    socket.on('data', data => {
      answer += data;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
    const [first = '', ...others] = parts;
    socket.write(head(panel, ''));
    socket.write(first);
    for (const part of others) socket.write(part);
  });
}
