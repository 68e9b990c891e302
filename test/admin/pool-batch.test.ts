import test from 'ava';
import { freshKey, NOW_MS, openPool } from './pool-harness.ts';

interface Report {
  readonly taken: number;
  readonly refused: number;
  readonly problems: readonly { readonly line: number; readonly code: string; readonly message: string }[];
  readonly problemsLeftOut: number;
}

test('a pasted text is taken line by line, and what is refused is named by its line', async t => {
  const { ask, add, replica, logged } = await openPool(t);
  const known = freshKey();
  await add({ key: known });
  const [first, second, third, fourth] = [freshKey(), freshKey('xai-'), freshKey('AIza'), freshKey()];
  const keys = [
    '\uFEFF# keys of the team',
    first,
    '',
    `  ${second}  `,
    `"${third}", ${fourth}`,
    first,
    known,
    'sk-with a space in it',
    'sk-ключ',
  ].join('\r\n');
  const reply = await ask('POST', '/admin/keys/batch', { keys });
  t.is(reply.status, 200);
  const report = reply.json as unknown as Report;
  t.is(report.taken, 4);
  t.is(report.refused, 4);
  t.deepEqual(
    report.problems.map(({ line, code }) => [line, code]),
    [
      [6, 'ERR_DUPLICATE'],
      [7, 'ERR_DUPLICATE'],
      [8, 'ERR_VALIDATION'],
      [9, 'ERR_VALIDATION'],
    ],
  );
  t.regex(report.problems[0]!.message, /\b2\b/);
  t.is(report.problemsLeftOut, 0);
  t.deepEqual([...replica.records.values()].map(({ provider }) => provider).sort(), [
    'gemini',
    'openai',
    'openai',
    'openai',
    'xai',
  ]);
  for (const key of [first, second, third, fourth, known, 'with a space']) {
    t.false(reply.text.includes(key));
    t.false(logged().includes(key));
  }
});

test('a list is taken as it is, with what all its keys share', async t => {
  const { ask, pool } = await openPool(t);
  await ask('POST', '/admin/pool-groups', { id: 'free', name: 'Free' });
  const report = await ask('POST', '/admin/keys/batch', {
    keys: ['a,b;c-one-key', 7, freshKey()],
    poolGroup: 'free',
    provider: 'openai',
    baseUrl: 'http://127.0.0.1:11434/v1',
    notes: 'local',
  });
  t.like(report.json, { taken: 2, refused: 1 });
  t.deepEqual(
    (report.json as unknown as Report).problems.map(problem => problem.line),
    [2],
  );
  for (const key of pool.keys()) t.like(key, { pool: 'free', baseUrl: 'http://127.0.0.1:11434/v1' });
});

test('the same list once more takes nothing and harms nothing', async t => {
  const { ask, replica } = await openPool(t);
  const keys = Array.from({ length: 1200 }, () => freshKey());
  t.like((await ask('POST', '/admin/keys/batch', { keys })).json, { taken: 1200, refused: 0 });
  const ids = [...replica.records.keys()];
  const again = (await ask('POST', '/admin/keys/batch', { keys })).json as unknown as Report;
  t.like(again, { taken: 0, refused: 1200, problemsLeftOut: 200 });
  t.is(again.problems.length, 1000);
  t.deepEqual([...replica.records.keys()], ids);
});

test('a batch that is no batch is refused and changes nothing', async t => {
  const { ask, replica } = await openPool(t);
  const key = freshKey();
  for (const [body, field] of [
    [{}, 'keys'],
    [{ keys: '' }, 'keys'],
    [{ keys: '# only a comment\n' }, 'keys'],
    [{ keys: [] }, 'keys'],
    [{ keys: { a: key } }, 'keys'],
    [{ keys: Array.from({ length: 100_001 }, () => 'x') }, 'keys'],
    [{ keys: [key], poolGroup: 'nowhere' }, 'poolGroup'],
    [{ keys: [key], provider: 'azure' }, 'provider'],
    [{ keys: [key], quotaTokens: 1 }, 'quotaTokens'],
  ] as const) {
    const reply = await ask('POST', '/admin/keys/batch', body);
    t.is(reply.status, 400, JSON.stringify(body).slice(0, 60));
    t.is(reply.error.field, field);
  }
  const tooLong = await ask('POST', '/admin/keys/batch', { keys: 'x'.repeat(33 * 1024 * 1024) });
  t.is(tooLong.status, 413);
  t.is(replica.records.size, 0);
});

test('a store that goes away in the middle keeps what was taken, and says how much', async t => {
  const harness = await openPool(t);
  const keys = Array.from({ length: 3000 }, () => freshKey());
  const { add } = harness.stores.keys;
  let calls = 0;
  harness.api.stores.keys.add = async records => {
    calls += 1;
    if (calls === 2) harness.away = true;
    return await add(records);
  };
  const reply = await harness.ask('POST', '/admin/keys/batch', { keys });
  t.is(reply.status, 503);
  t.is(reply.error.code, 'ERR_STORE_UNAVAILABLE');
  t.regex(reply.error.message, /first 2000 keys/);
  harness.away = false;
  await harness.replica.refresh();
  t.is(harness.replica.records.size, 2000);
  t.like((await harness.ask('POST', '/admin/keys/batch', { keys })).json, { taken: 1000, refused: 2000 });
});

test('the export gives the clear keys, oldest first, and can be pasted back', async t => {
  const { ask, add, panel, logged } = await openPool(t);
  const keys = [freshKey(), freshKey('sk-ant-'), freshKey('xai-')];
  const ids: string[] = [];
  for (const key of keys) {
    panel.nowMs += 1;
    ids.push((await add({ key })).id);
  }
  await ask('PATCH', `/admin/keys/${ids[1]}/toggle`);
  const all = await ask('GET', '/admin/keys/export');
  t.is(all.status, 200);
  t.is(all.text, `${keys.join('\n')}\n`);
  t.is(all.headers['content-type'], 'text/plain; charset=utf-8');
  t.is(all.headers['cache-control'], 'no-store');
  t.is(all.headers['content-disposition'], 'attachment; filename="switchyard-keys.txt"');
  t.is(all.headers['x-left-out'], '0');
  t.is((await ask('GET', '/admin/keys/export?status=disabled')).text, `${keys[1]}\n`);
  t.is((await ask('GET', '/admin/keys/export?status=banned')).text, '');
  t.is((await ask('GET', '/admin/keys/export?status=x')).status, 400);
  t.regex(logged(), /"count":3,"status":"all","by":"127\.0\.0\.1","msg":"clear keys exported"/);

  const other = await openPool(t);
  t.like((await other.ask('POST', '/admin/keys/batch', { keys: all.text })).json, { taken: 3, refused: 0 });
});

test('a page of another site cannot make a browser fetch the export or a backup', async t => {
  const { panel, add } = await openPool(t);
  const key = freshKey();
  await add({ key });
  const { cookie, csrf } = await panel.logIn();
  for (const path of ['/admin/keys/export', '/admin/backup']) {
    const extra = { 'x-backup-passphrase': 'correct horse battery' };
    t.is((await panel.ask('GET', path, { headers: extra })).status, 401);
    const forged = await panel.ask('GET', path, { headers: { cookie, ...extra } });
    t.is(forged.status, 403, path);
    t.is(forged.error.code, 'ERR_CSRF');
    // A browser that follows a link asks for a page, and gets the console.
    const link = await panel.ask('GET', path, { headers: { cookie, accept: 'text/html', ...extra } });
    t.is(link.headers['content-type'], 'text/html; charset=utf-8');
    t.false(link.text.includes(key));
    const headers = { cookie, 'x-csrf-token': csrf, ...extra };
    t.is((await panel.ask('GET', path, { headers })).status, 200, path);
  }
});

test('a record that does not open is shown as damaged, and left out of the export', async t => {
  const { ask, add, stores } = await openPool(t);
  const key = freshKey();
  const { id } = await add({ key });
  const broken = await add({ key: freshKey() });
  await stores.keys.update(broken.id, { sealed: 'v1:AAAAAAAA:AAAA' });
  t.like((await ask('GET', `/admin/keys/${broken.id}`)).json, { damaged: true });
  t.like((await ask('GET', `/admin/keys/${id}`)).json, { damaged: false });
  t.is((await ask('PATCH', `/admin/keys/${broken.id}/notes`, { notes: 'to be replaced' })).status, 200);
  const { counts, total } = (await ask('GET', '/admin/keys')).json;
  t.like(counts, { total: 2, active: 2 }, 'what is listed is counted');
  t.is(total, 2);
  const all = await ask('GET', '/admin/keys/export');
  t.is(all.text, `${key}\n`);
  t.is(all.headers['x-left-out'], '1');
});

test('without the right encryption key nothing is stored', async t => {
  const { AppError } = await import('../../src/base/errors.ts');
  const { ask, api, replica } = await openPool(t);
  api.encryption.verify = async () => {
    throw new AppError('ERR_ENCRYPTION_KEY', 'Expected `ENCRYPTION_KEY` to be set');
  };
  for (const [path, body] of [
    ['/admin/keys', { key: freshKey() }],
    ['/admin/keys/batch', { keys: [freshKey()] }],
  ] as const) {
    const reply = await ask('POST', path, body);
    t.is(reply.status, 503);
    t.is(reply.error.code, 'ERR_ENCRYPTION_KEY');
  }
  t.is(replica.records.size, 0);
});

test('a key is shown nowhere but in the export', async t => {
  const { ask, panel, stores, testKey: _, ...harness } = await openPool(t);
  const keys = [freshKey(), freshKey('sk-ant-'), freshKey('fk-'), 'short-one'];
  const seen: string[] = [];
  const look = async (method: string, path: string, body?: unknown): Promise<string> => {
    const reply = await ask(method, path, body);
    seen.push(reply.text, JSON.stringify(reply.headers));
    return reply.text;
  };
  const ids: string[] = [];
  for (const key of keys) {
    const text = await look('POST', '/admin/keys', { key, notes: `pasted ${key} here` });
    ids.push((JSON.parse(text) as { id: string }).id);
    await look('POST', '/admin/keys', { key });
    await look('POST', '/admin/keys', { key, provider: key });
    await look('POST', '/admin/keys', { key, poolGroup: key });
    await look('POST', '/admin/keys', { key, baseUrl: key });
    await look('POST', '/admin/keys/batch', { keys: `${key}\n${key}\n${key} x` });
    await look('GET', `/admin/keys/${key}`);
    await look('GET', `/admin/keys?q=${key}`);
    await look('GET', `/admin/keys?status=${key}`);
    await look('GET', `/admin/keys?limit=${key}`);
    await look('PATCH', `/admin/keys/${ids.at(-1)}/notes`, { notes: `again ${key}` });
    await look('PATCH', `/admin/keys/${key}/toggle`);
    await look('POST', `/admin/keys/${key}/test`);
    await look('DELETE', `/admin/keys/${key}`);
    await look('POST', `/admin/keys/${ids.at(-1)}/test`);
    await look('PATCH', `/admin/pool-groups/${key}`, { name: 'x' });
    await look('DELETE', `/admin/pool-groups/${key}`);
  }
  await stores.keys.update(ids[0]!, { status: 'banned', statusReason: '401', statusAtMs: NOW_MS });
  for (const path of ['/admin/keys', '/admin/stats', '/status', '/admin/config', '/admin/pool-groups']) {
    await look('GET', path);
  }
  const backup = await panel.ask('GET', '/admin/backup', {
    admin: true,
    headers: { 'x-backup-passphrase': 'correct horse battery' },
  });
  seen.push(backup.text);
  const everything = seen.join('\n') + panel.logged() + harness.logged();
  for (const key of keys) t.false(everything.includes(key), key.slice(0, 6));
  t.true((await ask('GET', '/admin/keys/export')).text.includes(keys[0]!));
});
