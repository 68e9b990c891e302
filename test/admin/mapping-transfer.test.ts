import test from 'ava';
import { openPanel } from '../server/panel-harness.ts';

test('an export is a download that import takes as it is', async t => {
  const panel = await openPanel(t);
  panel.store.rows
    .set('/openai', 'https://api.openai.com')
    .set('/claude', 'https://api.anthropic.com')
    .set('x', 'y');
  const file = await panel.ask('GET', '/admin/mappings/export', {
    admin: true,
    headers: { accept: 'text/html,*/*;q=0.8' },
  });
  t.is(file.status, 200);
  t.is(file.headers['content-disposition'], 'attachment; filename="switchyard-mappings.json"');
  t.deepEqual(file.json, {
    mappings: { '/claude': 'https://api.anthropic.com', '/openai': 'https://api.openai.com' },
  });
  t.regex(file.text, /claude[\s\S]*openai/);

  const other = await openPanel(t);
  const imported = await other.ask('POST', '/admin/mappings/import', { admin: true, body: file.text });
  t.is(imported.status, 200);
  t.deepEqual(imported.json, { added: 2, changed: 0, unchanged: 0 });
  t.is(other.replica.table.size, 2);
});

test('an import adds and overwrites, leaves the rest, and says how many', async t => {
  const panel = await openPanel(t);
  panel.store.rows
    .set('/same', 'https://same.example')
    .set('/old', 'https://old.example')
    .set('/rest', 'https://rest.example');
  const reply = await panel.ask('POST', '/admin/mappings/import', {
    admin: true,
    body: {
      mode: 'merge',
      mappings: {
        '/same': 'https://same.example',
        '/old/': 'https://new.example',
        '/new': 'https://n.example',
      },
    },
  });
  t.deepEqual(reply.json, { added: 1, changed: 1, unchanged: 1 });
  t.deepEqual(Object.fromEntries(panel.store.rows), {
    '/same': 'https://same.example',
    '/old': 'https://new.example',
    '/rest': 'https://rest.example',
    '/new': 'https://n.example',
  });
  t.is(panel.replica.table.size, 4);
});

test('an import with any problem changes nothing and lists every problem', async t => {
  const panel = await openPanel(t);
  const reply = await panel.ask('POST', '/admin/mappings/import', {
    admin: true,
    body: {
      mappings: {
        '/good': 'https://good.example',
        '/good/': 'https://again.example',
        '/admin': 'https://a.example',
        '/<b>': 'https://a.example',
        '/ftp': 'ftp://a.example',
        '/null': null,
      },
    },
  });
  t.is(reply.status, 400);
  t.is(reply.error.code, 'ERR_VALIDATION');
  t.is(reply.error.field, 'mappings');
  t.deepEqual(
    reply.error.problems?.map(({ prefix, code, field }) => [prefix, code, field]),
    [
      ['/good/', 'ERR_DUPLICATE', 'prefix'],
      ['/admin', 'ERR_RESERVED_PREFIX', 'prefix'],
      ['/<b>', 'ERR_VALIDATION', 'prefix'],
      ['/ftp', 'ERR_VALIDATION', 'target'],
      ['/null', 'ERR_VALIDATION', 'target'],
    ],
  );
  t.is(panel.store.rows.size, 0);
});

test('an import of ten thousand mappings fits, one of more than 4 MiB does not', async t => {
  const panel = await openPanel(t);
  const mappings = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, index) => [
      `/team-${index}/openai`,
      `https://host-${index}.example/base/path`,
    ]),
  );
  const reply = await panel.ask('POST', '/admin/mappings/import', { admin: true, body: { mappings } });
  t.is(reply.json.added, 10_000);
  const large = await panel.ask('POST', '/admin/mappings/import', {
    admin: true,
    body: { mappings: { '/a': 'x'.repeat(4 * 1024 * 1024) } },
  });
  t.is(large.status, 413);
});

for (const [title, body, field] of [
  ['mappings as a list', { mappings: [] }, 'mappings'],
  ['no mappings', {}, 'mappings'],
  ['another mode', { mappings: {}, mode: 'replace' }, 'mode'],
  ['an unknown member', { mappings: {}, force: true }, 'force'],
] as const) {
  test(`an import with ${title} is refused`, async t => {
    const panel = await openPanel(t);
    const reply = await panel.ask('POST', '/admin/mappings/import', { admin: true, body });
    t.is(reply.status, 400);
    t.is(reply.error.field, field);
  });
}

test('an empty import is no error', async t => {
  const panel = await openPanel(t);
  const reply = await panel.ask('POST', '/admin/mappings/import', { admin: true, body: { mappings: {} } });
  t.deepEqual(reply.json, { added: 0, changed: 0, unchanged: 0 });
});

test('trying a mapping tells the status and time, or the code of what went wrong', async t => {
  const tried: string[] = [];
  const panel = await openPanel(t, {
    dependencies: {
      tryTarget: async mapping => {
        tried.push(mapping.target.url);
        return mapping.prefix === '/openai'
          ? { status: 401, duration_ms: 12 }
          : { error: 'ERR_UPSTREAM_DNS', duration_ms: 3 };
      },
    },
  });
  panel.store.rows.set('/openai', 'https://api.openai.com').set('/gone', 'https://gone.example');
  const good = await panel.ask('POST', '/admin/mappings/try', { admin: true, body: { prefix: '/openai' } });
  t.deepEqual(good.json, {
    prefix: '/openai',
    target: 'https://api.openai.com',
    status: 401,
    duration_ms: 12,
  });
  const bad = await panel.ask('POST', '/admin/mappings/try', { admin: true, body: { prefix: '/gone' } });
  t.is(bad.status, 200);
  t.deepEqual(bad.json, {
    prefix: '/gone',
    target: 'https://gone.example',
    error: { code: 'ERR_UPSTREAM_DNS', message: "The target's host name was not found" },
    duration_ms: 3,
  });
  t.deepEqual(tried, ['https://api.openai.com', 'https://gone.example']);
  const none = await panel.ask('POST', '/admin/mappings/try', { admin: true, body: { prefix: '/none' } });
  t.is(none.status, 404);
});
