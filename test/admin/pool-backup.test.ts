import test from 'ava';
import { recordOf } from '../../src/domain/transfer/key-record.ts';
import { CHECK_NAME } from '../../src/stores/encryption.ts';
import { NEXT_KEY_NAME } from '../../src/stores/next-key.ts';
import type { Reply } from '../server/panel-harness.ts';
import { freshKey, NOW_MS, openPool, type PoolHarness } from './pool-harness.ts';

const PASSPHRASE = '正确 horse battery %41';

function backup({ panel }: PoolHarness, passphrase = PASSPHRASE): Promise<Reply> {
  const headers = { 'x-backup-passphrase': encodeURIComponent(passphrase) };
  return panel.ask('GET', '/admin/backup', { admin: true, headers });
}

/** A pool with something of everything. */
async function filled(harness: PoolHarness): Promise<{ keys: string[]; ids: string[] }> {
  const { ask, add, api, stores } = harness;
  const keys = [freshKey(), freshKey('sk-ant-'), freshKey('xai-')];
  await ask('POST', '/admin/pool-groups', { id: 'free', name: '白嫖池', description: 'first' });
  const ids = [
    (await add({ key: keys[0], notes: 'one', poolGroup: 'free', quotaTokens: 1000 })).id,
    (await add({ key: keys[1], baseUrl: 'https://claude.example' })).id,
    (await add({ key: keys[2] })).id,
  ];
  await stores.keys.update(ids[2]!, {
    status: 'banned',
    statusReason: '401',
    statusAtMs: 5,
    failedRecoveries: 2,
    lastTest: { atMs: 6, ok: false, status: 401, detail: 'refused' },
  });
  await ask('PUT', '/admin/config', { algorithm: 'random', retry: { max: 1 } });
  await ask('POST', '/api/mappings', { prefix: '/openai', target: 'https://api.openai.com' });
  const { sealer } = api.encryption;
  await stores.sealed.replace('oauth', sealer.seal('oauth', 'refresh-token-of-the-team'), 0);
  for (const name of [CHECK_NAME, NEXT_KEY_NAME]) {
    await stores.sealed.replace(name, sealer.seal(name, 'of this store alone'), 0);
  }
  return { keys, ids };
}

const NOTHING = { added: 0, changed: 0, unchanged: 0 };

test('a backup restores everything into an empty installation with another encryption key', async t => {
  const from = await openPool(t);
  const { keys, ids } = await filled(from);
  const reply = await backup(from);
  t.is(reply.status, 200);
  t.is(reply.headers['cache-control'], 'no-store');
  t.is(reply.headers['content-disposition'], 'attachment; filename="switchyard-backup.json"');
  t.is(reply.headers['x-left-out'], '0');
  for (const text of [...keys, 'refresh-token', 'openai.com', 'one']) t.false(reply.text.includes(text));

  const into = await openPool(t);
  const body = { passphrase: PASSPHRASE, backup: reply.json };
  const expected = {
    mappings: { added: 1, changed: 0, unchanged: 0 },
    keys: { added: 3, changed: 0, unchanged: 0 },
    poolGroups: { added: 1, changed: 0, unchanged: 1 },
    settings: { added: 2, changed: 0, unchanged: 0 },
    secrets: { added: 1, changed: 0, unchanged: 0 },
  };
  const dry = await into.ask('POST', '/admin/restore', { ...body, dryRun: true });
  t.deepEqual(dry.json, { dryRun: true, ...expected });
  t.is(into.replica.records.size, 0);
  t.is(into.panel.store.rows.size, 0);
  t.deepEqual(await into.stores.sealed.names(), []);

  const done = await into.ask('POST', '/admin/restore', body);
  t.is(done.status, 200);
  t.deepEqual(done.json, { dryRun: false, ...expected });
  const page = async (harness: PoolHarness): Promise<unknown> =>
    (await harness.ask('GET', '/admin/keys')).json.keys;
  t.deepEqual(await page(into), await page(from));
  t.is(into.pool.get(ids[0]!)?.secret.reveal(), keys[0]);
  t.deepEqual((await into.ask('GET', '/admin/config')).json, (await from.ask('GET', '/admin/config')).json);
  t.is(into.pool.config.algorithm, 'random');
  t.is(into.panel.replica.table.find('/openai')?.target.url, 'https://api.openai.com');
  const secret = await into.stores.sealed.read('oauth');
  t.is(into.api.encryption.sealer.open('oauth', secret!.sealed), 'refresh-token-of-the-team');
  t.deepEqual(await into.stores.sealed.names(), ['oauth']);

  const again = await into.ask('POST', '/admin/restore', body);
  t.deepEqual(again.json, {
    dryRun: false,
    mappings: { ...NOTHING, unchanged: 1 },
    keys: { ...NOTHING, unchanged: 3 },
    poolGroups: { ...NOTHING, unchanged: 2 },
    settings: { ...NOTHING, unchanged: 2 },
    secrets: { ...NOTHING, unchanged: 1 },
  });
});

test('a restore puts back what was changed since, leaves what is new, and keeps a newer token', async t => {
  const harness = await openPool(t);
  const { ask, add, stores, api } = harness;
  const { ids } = await filled(harness);
  const { json } = await backup(harness);
  const later = await add({ key: freshKey() });
  await ask('PATCH', `/admin/keys/${ids[0]}`, { notes: 'two', poolGroup: 'default', quotaTokens: null });
  await ask('PATCH', `/admin/keys/${ids[2]}/toggle`);
  await ask('DELETE', `/admin/keys/${ids[1]}`);
  await ask('PUT', '/admin/config', { algorithm: null, dryThreshold: 4 });
  await ask('PATCH', '/admin/pool-groups/free', { name: 'Free' });
  await ask('PUT', '/api/mappings/openai', { target: 'https://other.example' });
  await stores.sealed.replace('oauth', api.encryption.sealer.seal('oauth', 'newer'), 1);

  const report = await ask('POST', '/admin/restore', { passphrase: PASSPHRASE, backup: json });
  t.like(report.json, {
    keys: { added: 1, changed: 2, unchanged: 0 },
    mappings: { added: 0, changed: 1, unchanged: 0 },
    poolGroups: { added: 0, changed: 1, unchanged: 1 },
    settings: { added: 1, changed: 0, unchanged: 1 },
    secrets: { added: 0, changed: 0, unchanged: 1 },
  });
  t.like((await ask('GET', `/admin/keys/${ids[0]}`)).json, {
    notes: 'one',
    poolGroup: 'free',
    quotaTokens: 1000,
  });
  t.like((await ask('GET', `/admin/keys/${ids[1]}`)).json, { baseUrl: 'https://claude.example' });
  t.like((await ask('GET', `/admin/keys/${ids[2]}`)).json, {
    status: 'banned',
    statusReason: '401',
    statusAtMs: 5,
  });
  t.is((await ask('GET', `/admin/keys/${later.id}`)).status, 200);
  t.is(harness.pool.config.dryThreshold, 4);
  t.is(harness.pool.config.algorithm, 'random');
  t.is(api.encryption.sealer.open('oauth', (await stores.sealed.read('oauth'))!.sealed), 'newer');
});

test('a wrong passphrase and a damaged backup change nothing, and say so', async t => {
  const harness = await openPool(t);
  await filled(harness);
  const { json } = await backup(harness);
  const into = await openPool(t);
  const kdf = json.kdf as Readonly<Record<string, unknown>>;
  const data = Buffer.from(String(json.data), 'base64');
  data[data.length >> 1]! ^= 1;
  for (const [title, body, status, code, field] of [
    ['wrong passphrase', { passphrase: 'wrong', backup: json }, 403, 'ERR_PASSPHRASE', 'passphrase'],
    [
      'damaged data',
      { backup: { ...json, data: data.toString('base64') } },
      403,
      'ERR_PASSPHRASE',
      'passphrase',
    ],
    ['changed time', { backup: { ...json, createdAtMs: NOW_MS + 1 } }, 403, 'ERR_PASSPHRASE', 'passphrase'],
    ['no passphrase', { passphrase: '', backup: json }, 400, 'ERR_VALIDATION', 'passphrase'],
    ['no backup', {}, 400, 'ERR_VALIDATION', 'backup'],
    ['a text', { backup: 'x' }, 400, 'ERR_VALIDATION', 'backup'],
    ['another format', { backup: { ...json, format: 'zip' } }, 400, 'ERR_VALIDATION', 'backup'],
    ['a later version', { backup: { ...json, version: 2 } }, 400, 'ERR_VALIDATION', 'backup'],
    ['a short tag', { backup: { ...json, tag: 'AAAA' } }, 400, 'ERR_VALIDATION', 'backup'],
    ['all memory', { backup: { ...json, kdf: { ...kdf, cost: 2 ** 30 } } }, 400, 'ERR_VALIDATION', 'backup'],
    [
      'a cost of a fraction',
      { backup: { ...json, kdf: { ...kdf, cost: 3 } } },
      400,
      'ERR_VALIDATION',
      'backup',
    ],
    ['a word for dryRun', { backup: json, dryRun: 'yes' }, 400, 'ERR_VALIDATION', 'dryRun'],
  ] as const) {
    const reply = await into.ask('POST', '/admin/restore', { passphrase: PASSPHRASE, ...body });
    t.is(reply.status, status, title);
    t.is(reply.error.code, code, title);
    t.is(reply.error.field, field, title);
  }
  t.is(into.replica.records.size, 0);
  t.is(into.panel.store.rows.size, 0);
});

test('a backup wants a passphrase that is worth the name', async t => {
  const harness = await openPool(t);
  for (const passphrase of ['', 'eleven char', ' '.repeat(20), 'x'.repeat(1025)]) {
    const reply = await backup(harness, passphrase);
    t.is(reply.status, 400);
    t.is(reply.error.field, 'passphrase');
  }
  const broken = await harness.panel.ask('GET', '/admin/backup', {
    admin: true,
    headers: { 'x-backup-passphrase': 'a broken %zz escape' },
  });
  t.is(broken.status, 400);
  t.is((await harness.ask('GET', '/admin/backup')).status, 400);
  harness.away = true;
  t.is((await backup(harness)).status, 503);
});

test('a record that does not open is left out of the backup, and counted', async t => {
  const harness = await openPool(t);
  const { ids } = await filled(harness);
  await harness.stores.keys.update(ids[0]!, { sealed: 'v1:AAAAAAAA:AAAA' });
  const reply = await backup(harness);
  t.is(reply.status, 200);
  t.is(reply.headers['x-left-out'], '1');
  const into = await openPool(t);
  const body = { passphrase: PASSPHRASE, backup: reply.json };
  t.like((await into.ask('POST', '/admin/restore', body)).json, { keys: { added: 2 } });
});

test('what an imported key brought with it goes into the backup too', async t => {
  const from = await openPool(t);
  const draft = {
    text: freshKey(),
    provider: 'openai',
    pool: 'default',
    notes: '',
    status: 'active',
  } as const;
  const times = { statusReason: '', statusAtMs: 1, createdAtMs: 1 };
  const earlier = { requests: 1200, failures: 34, lastUsedMs: 7 };
  await from.stores.keys.add([
    recordOf({ ...draft, ...times, earlier }, from.api.encryption.sealer, 'imported'),
  ]);
  const into = await openPool(t);
  const body = { passphrase: PASSPHRASE, backup: (await backup(from)).json };
  t.is((await into.ask('POST', '/admin/restore', body)).status, 200);
  t.like((await into.ask('GET', '/admin/keys/imported')).json, {
    allTime: { requests: 1200, successes: 1166, failures: 34 },
    lastUsedMs: 7,
  });
});
