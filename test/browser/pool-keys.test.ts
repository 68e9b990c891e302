import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Browser, Locator, Page } from 'playwright-core';
import { openSqlite } from '../../src/stores/sqlite/open-sqlite.ts';
import { openPage, signedIn, startBrowser } from '../support/browser.ts';
import { type PoolServer, startPoolServer } from '../support/pool-server.ts';
import {
  good,
  limited,
  outOfQuota,
  refused,
  silent,
  startPoolVendor,
  type Treatment,
} from '../support/pool-vendor.ts';

let browser: Browser;
let server: PoolServer;
test.before(async () => {
  browser = await startBrowser();
  server = await startPoolServer();
});
test.after.always(async () => {
  await browser.close();
  await server.stop();
});

/** The page of keys, over a pool that is empty but for these keys. */
async function openKeys(
  t: ExecutionContext,
  treatments: readonly Treatment[] = [],
  options: { locale?: string; leave?: boolean } = {},
) {
  if (!options.leave) t.teardown(() => server.clear());
  const vendor = await startPoolVendor(t);
  const keys = treatments.map(treatment => vendor.key(treatment));
  const ids = await server.addAll(vendor, keys);
  const { page, problems } = await openPage(t, browser, {
    locale: options.locale ?? 'en-US',
    storageState: await signedIn(server.url),
  });
  await page.goto(`${server.url}/admin#/keys`);
  await page.locator('.keys').waitFor();
  return { page, problems, vendor, keys, ids };
}

const dialog = (page: Page): Locator => page.locator('dialog');
const field = (page: Page, name: string): Locator => dialog(page).locator(`[name=${name}]`);
const submit = (page: Page): Locator => dialog(page).locator('[type=submit]');
const row = (page: Page, id: string): Locator => page.locator(`tr[data-row="${id}"]`);
const rows = (page: Page): Locator => page.locator('tr[data-row]');
const hint = (key: string) => `${/^(?:[a-z]+-){1,2}/.exec(key)?.[0] ?? ''}…${key.slice(-4)}`;
async function shows(locator: Locator, text: string | RegExp): Promise<true> {
  await locator.filter({ hasText: text }).first().waitFor();
  return true;
}
async function errorOf(page: Page, name: string): Promise<string> {
  const input = page.locator(`[name=${name}][aria-invalid=true]`);
  await input.waitFor();
  const id = (await input.getAttribute('aria-describedby'))!.split(' ')[0]!;
  return await page.locator(`[id="${id}"]`).innerText();
}
/** How many keys each choice of the status filter names. */
async function countOf(page: Page, status: string): Promise<number> {
  const label = page.locator('.filter-bar .segments label', { hasText: new RegExp(`^${status}`, 'i') });
  return Number((await label.locator('small').innerText()).replaceAll(',', ''));
}

test.serial('a key is added, tested, edited, moved, switched off and deleted', async t => {
  const { page, problems, vendor } = await openKeys(t);
  await server.admin('POST', '/admin/pool-groups', { id: 'spare', name: 'Spare' });
  t.teardown(() => server.admin('DELETE', '/admin/pool-groups/spare'));
  await page.reload();
  await shows(page.locator('.empty'), 'No keys are stored yet');
  const key = vendor.key(good);
  await page.getByRole('button', { name: 'Add key' }).first().click();
  await field(page, 'key').fill(` ${key} `);
  await field(page, 'notes').fill('<b>team</b>');
  await field(page, 'baseUrl').fill(vendor.url);
  await submit(page).click();
  await shows(page.locator('.toast'), `${hint(key)} was added`);
  const [added] = (await server.json('/admin/keys')).keys;
  await shows(row(page, added.id), hint(key));
  await shows(row(page, added.id), '<b>team</b>');
  t.false((await page.content()).includes(key), 'the key itself is nowhere in the page');

  await row(page, added.id).getByRole('button', { name: /^Test/ }).click();
  await shows(row(page, added.id), /works/i);
  t.is(vendor.calls(key).length, 1);

  await row(page, added.id).getByRole('button', { name: /^Edit/ }).click();
  await field(page, 'poolGroup').selectOption('spare');
  await field(page, 'provider').selectOption('anthropic');
  await field(page, 'notes').fill('moved');
  await field(page, 'quotaTokens').fill('5,000,000');
  await submit(page).click();
  await shows(row(page, added.id), 'Spare');
  await shows(row(page, added.id), 'of 5M');
  const changed = await server.row(added.id);
  t.like(changed, { poolGroup: 'spare', provider: 'anthropic', notes: 'moved', quotaTokens: 5_000_000 });
  t.is(changed.baseUrl, vendor.url, 'what nobody touched stays');

  await row(page, added.id).getByRole('switch').click();
  await shows(row(page, added.id), 'by an admin');
  t.is((await server.row(added.id)).status, 'disabled');
  await row(page, added.id).getByRole('switch').click();
  await shows(row(page, added.id).locator('.badge'), /active/i);

  await row(page, added.id)
    .getByRole('button', { name: /^Delete/ })
    .click();
  await shows(dialog(page), hint(key));
  await dialog(page).locator('.button-danger').click();
  await row(page, added.id).waitFor({ state: 'detached' });
  t.is((await server.admin('GET', `/admin/keys/${added.id}`)).status, 404);
  t.deepEqual(problems, []);
});

test.serial('what is wrong with a key stands at its field', async t => {
  const { page, keys } = await openKeys(t, [good]);
  await page.getByRole('button', { name: 'Add key' }).click();
  await submit(page).click();
  t.is(await errorOf(page, 'key'), 'Enter a key.');
  await field(page, 'key').fill(keys[0]!);
  await submit(page).click();
  t.regex(await errorOf(page, 'key'), new RegExp(`The pool has this key already: .*${keys[0]!.slice(-4)}`));
  await field(page, 'key').fill('two words');
  await submit(page).click();
  const refusal = await errorOf(page, 'key');
  t.regex(refusal, /This is no key that can be sent.*Expected `key`/s);
  t.false(refusal.includes('two words'));
  await field(page, 'key').fill('sk-fine-0123456789abcdef');
  await field(page, 'baseUrl').fill('ftp://a.example');
  await submit(page).click();
  t.regex(await errorOf(page, 'baseUrl'), /The gateway refused this base URL/);
  await page.locator('[name=baseUrl]:focus').waitFor();
  await field(page, 'baseUrl').fill('');
  await field(page, 'quotaTokens').fill('many');
  await submit(page).click();
  t.is(await errorOf(page, 'quotaTokens'), 'A whole number, such as 5,000,000.');
});

test.serial('a pasted list is taken line by line, and what was refused is told by its line', async t => {
  const { page, keys } = await openKeys(t, [good]);
  await page.getByRole('button', { name: 'Add many' }).click();
  const fresh = Array.from({ length: 3 }, (_, index) => `sk-batch-${index}-0123456789abcdef`);
  await field(page, 'keys').fill(`# ours\n${fresh[0]}\n${fresh[1]}; ${fresh[2]}\n\n${keys[0]}\nnot a key\n`);
  await field(page, 'notes').fill('from the list');
  await shows(submit(page), 'Add 5 keys');
  await submit(page).click();
  await shows(dialog(page), '3 keys were taken');
  await shows(dialog(page), '2 were refused');
  const problems = await dialog(page).locator('tbody tr').allInnerTexts();
  t.is(problems.length, 2);
  t.regex(problems[0]!, /^5\s+The pool has this key already/);
  t.regex(problems[1]!, /^6\s+This is no key that can be sent/);
  t.false((await dialog(page).innerText()).includes('not a key'), 'a refused text is not shown again');
  await dialog(page).getByRole('button', { name: 'Done' }).click();
  await shows(page.locator('.pager'), '4 rows');
  t.is(await rows(page).filter({ hasText: 'from the list' }).count(), 3);
});

test.serial(
  'a key that a request finds spent is shown as banned, and all banned ones are deleted at once',
  async t => {
    const { page, ids } = await openKeys(t, [outOfQuota(), good]);
    t.is((await server.chat()).status, 200);
    t.is((await server.chat()).status, 200);
    await server.untilRow(ids[0]!, ({ status }) => status === 'banned');
    await page.reload();
    await shows(row(page, ids[0]!), /banned/i);
    await shows(row(page, ids[0]!), '429 insufficient_quota');
    await row(page, ids[1]!).locator('.column-work', { hasText: '2' }).waitFor();
    t.deepEqual(
      [await countOf(page, 'all'), await countOf(page, 'active'), await countOf(page, 'banned')],
      [2, 1, 1],
    );

    await row(page, ids[1]!)
      .getByRole('button', { name: /^Details/ })
      .click();
    await shows(page.locator('.key-detail .facts'), /Requests in all\s*2\s*Successes\s*2\s*Failures\s*0/);
    await shows(page.locator('.key-detail .facts'), /since this process started\s*2: 2 good, 0 bad/i);

    await page.locator('.filter-bar label', { hasText: /^banned/i }).click();
    await row(page, ids[1]!).waitFor({ state: 'detached' });
    t.regex(page.url(), /status=banned/);
    await page.getByRole('button', { name: 'Delete all banned' }).click();
    await dialog(page).getByRole('button', { name: 'Delete 1 key' }).click();
    await shows(page.locator('.empty'), 'No key fits these filters.');
    const { keys } = await server.json('/admin/keys');
    t.deepEqual(
      keys.map((key: { id: string }) => key.id),
      [ids[1]],
    );
  },
);

test.serial('a banned key comes back by its switch', async t => {
  const { page, ids, vendor, keys } = await openKeys(t, [outOfQuota()]);
  await server.chat();
  await server.untilRow(ids[0]!, ({ status }) => status === 'banned');
  vendor.treat(keys[0]!, good);
  await page.reload();
  await row(page, ids[0]!).getByRole('switch', { checked: false }).click();
  await row(page, ids[0]!).getByRole('switch', { checked: true }).waitFor();
  t.is((await server.chat()).status, 200);
});

test.serial('a resting key counts down to its return, and is woken before', async t => {
  const { page, ids, vendor, keys } = await openKeys(t, [limited('Retry-After: 600')]);
  t.is((await server.chat()).status, 429);
  await server.untilRow(ids[0]!, ({ rests }) => rests.length === 1);
  await page.reload();
  await shows(row(page, ids[0]!), /gpt-4o: back in (9 min \d+ sec|10 min)/);
  await row(page, ids[0]!)
    .getByRole('button', { name: /^Details/ })
    .click();
  await shows(page.locator('.rests'), 'gpt-4o');
  vendor.treat(keys[0]!, good);
  await page.getByRole('button', { name: /^End the cool-downs/ }).click();
  await page.locator('.rests').waitFor({ state: 'detached' });
  t.is((await server.chat()).status, 200);
});

test.serial('the test of one key says what the upstream said', async t => {
  const { page, ids } = await openKeys(t, [refused()]);
  await row(page, ids[0]!).getByRole('button', { name: /^Test/ }).click();
  await shows(page.locator('.toast-bad'), /failed: 401/);
  t.true(await shows(row(page, ids[0]!), /failed 401/i));
});

test.serial('the test of all keys shows how far it is, and its result', async t => {
  const { page, vendor, keys } = await openKeys(t, [good, refused(), good]);
  const gate = Promise.withResolvers<void>();
  vendor.treat(keys[0]!, async (call, own) => {
    await gate.promise;
    await good(call, own);
  });
  await page.getByRole('button', { name: 'Test all' }).click();
  await shows(dialog(page), 'Test 3 keys?');
  await dialog(page).getByRole('button', { name: 'Start the test' }).click();
  const bar = page.locator('.test-run');
  await shows(bar, '2 of 3');
  t.is(await bar.locator('progress').getAttribute('value'), '2');
  gate.resolve();
  await shows(bar, 'Keys tested');
  await shows(bar, '2 work');
  await shows(bar, '1 failed');
  t.is(await rows(page).filter({ hasText: /works/i }).count(), 2);
  await bar.getByRole('button', { name: 'Dismiss' }).click();
  await bar.waitFor({ state: 'detached' });
});

test.serial('the test of many keys is cancelled, and only tests what the filters show', async t => {
  const { page, vendor, keys, ids } = await openKeys(t, [silent, silent, good]);
  await server.admin('PATCH', `/admin/keys/${ids[2]}/toggle`, {});
  await page.locator('.filter-bar label', { hasText: /^active/i }).click();
  await row(page, ids[2]!).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Test these' }).click();
  await dialog(page).getByRole('button', { name: 'Start the test' }).click();
  await vendor.call(keys[0]!);
  await page.locator('.test-run').getByRole('button', { name: 'Cancel the test' }).click();
  await shows(page.locator('.test-run'), 'Test cancelled');
  t.is(vendor.calls(keys[2]).length, 0);
});

test.serial('an export says that it shows clear keys before it gives them', async t => {
  const { page, keys } = await openKeys(t, [good, good]);
  const asked: string[] = [];
  page.on('request', request => {
    if (request.url().includes('/export')) asked.push(request.url());
  });
  await page.getByRole('button', { name: 'Export' }).click();
  await shows(dialog(page), 'The file shows the keys in clear');
  t.deepEqual(asked, []);
  const download = page.waitForEvent('download');
  await dialog(page).getByRole('button', { name: 'Show them and download' }).click();
  const file = await download;
  t.is(file.suggestedFilename(), 'switchyard-keys.txt');
  t.is(readFileSync(await file.path(), 'utf8'), `${keys.join('\n')}\n`);
  await shows(page.locator('.toast'), '2 keys were exported');
  t.is(asked.length, 1);
});

for (const [locale, open, confirm, words] of [
  ['en-US', 'Export', 'Show them and download', ['2 keys are not in the file', '1 key was exported']],
  ['zh-CN', '导出', '显示明文并下载', ['有 2 个密钥不在文件中', '已导出 1 个密钥']],
] as const) {
  test.serial(`an export says how many keys could not be put into it (${locale})`, async t => {
    const { page, problems, keys, ids } = await openKeys(t, [good, good, good], { locale });
    const stores = await openSqlite(join(server.folder, 'data'));
    t.teardown(() => stores.close());
    const { changed } = await stores.pool.keys.changes(0, 1000);
    for (const { id, sealed } of changed.filter(key => ids.slice(1).includes(key.id))) {
      await stores.pool.keys.update(id, { sealed: sealed.replace(/^v1:.{8}/, 'v1:AAAAAAAA') });
    }
    await page.getByRole('button', { name: open }).click();
    const download = page.waitForEvent('download');
    await dialog(page).getByRole('button', { name: confirm }).click();
    t.is(readFileSync(await (await download).path(), 'utf8'), `${keys[0]}\n`);
    await shows(dialog(page).getByRole('alert'), words[0]);
    await shows(dialog(page), words[1]);
    await dialog(page).locator('.dialog-foot button').click();
    await dialog(page).waitFor({ state: 'detached' });
    t.deepEqual(problems, []);
  });
}

test.serial('the list is narrowed by pool, by provider and by words, together', async t => {
  const { page, vendor } = await openKeys(t);
  await server.admin('POST', '/admin/pool-groups', { id: 'spare', name: 'Spare' });
  t.teardown(() => server.admin('DELETE', '/admin/pool-groups/spare'));
  const add = (start: string, poolGroup: string, notes: string) =>
    server.add(vendor, vendor.key(good, start), { poolGroup, notes });
  const ids = {
    mine: await add('sk-ant-', 'spare', 'mine'),
    yours: await add('sk-ant-', 'spare', 'yours'),
    other: await add('sk-ant-', 'default', 'mine'),
    openai: await add('sk-', 'spare', 'mine'),
  };
  const shown = async (...names: (keyof typeof ids)[]) => {
    for (const [name, id] of Object.entries(ids)) {
      const state = names.includes(name as keyof typeof ids) ? 'attached' : 'detached';
      await row(page, id).waitFor({ state });
    }
    return names.length === (await rows(page).count());
  };
  await page.reload();
  t.true(await shown('mine', 'yours', 'other', 'openai'));
  await page.locator('[name=pool-filter]').selectOption('spare');
  t.true(await shown('mine', 'yours', 'openai'));
  await page.locator('[name=provider-filter]').selectOption('anthropic');
  t.true(await shown('mine', 'yours'));
  await page.getByRole('searchbox').fill('mine');
  t.true(await shown('mine'));
  await page.locator('[name=pool-filter]').selectOption('');
  t.true(await shown('mine', 'other'));
});

test.serial('a key that somebody else deleted meanwhile leaves the page', async t => {
  const { page, ids } = await openKeys(t, [good]);
  await row(page, ids[0]!).waitFor();
  await server.admin('DELETE', `/admin/keys/${ids[0]}`);
  await row(page, ids[0]!).getByRole('button', { name: /^Test/ }).click();
  t.true(await shows(page.locator('.toast-bad'), 'It is not there any more.'));
  await row(page, ids[0]!).waitFor({ state: 'detached' });
});

test.serial('the page of keys speaks Chinese, errors and all', async t => {
  const { page, ids, keys } = await openKeys(t, [outOfQuota()], { locale: 'zh-CN' });
  await server.chat();
  await server.untilRow(ids[0]!, ({ status }) => status === 'banned');
  await page.reload();
  await shows(row(page, ids[0]!), '已封禁');
  t.is(await page.title(), '密钥 · Switchyard 管理台');
  await page.getByRole('button', { name: '添加密钥' }).click();
  await field(page, 'key').fill(keys[0]!);
  await submit(page).click();
  t.is(await errorOf(page, 'key'), `池中已有这个密钥：${hint(keys[0]!)}。`);
  await page.keyboard.press('Escape');
  await page.locator('.language-switch').click();
  await shows(page.locator('h1'), 'Keys');
  await shows(row(page, ids[0]!), /banned/i);
});

// The last one, because it leaves thousands of keys.
test.serial('a long list goes out in parts, and can be stopped between them', async t => {
  const { page } = await openKeys(t, [], { leave: true });
  let parts = 0;
  const second = Promise.withResolvers<void>();
  await page.route('**/admin/keys/batch', async route => {
    parts += 1;
    if (parts === 2) await second.promise;
    await route.continue();
  });
  await page.getByRole('button', { name: 'Add many' }).first().click();
  const lines = Array.from({ length: 4500 }, (_, index) =>
    index % 2 ? '#' : `sk-long-${index}-0123456789abcdef`,
  );
  const file = { name: 'keys.txt', mimeType: 'text/plain', buffer: Buffer.from(lines.join('\n')) };
  await dialog(page).locator('[type=file]').setInputFiles(file);
  await submit(page).click();
  await shows(dialog(page), '1,000 of 2,250');
  t.is(await dialog(page).locator('progress').getAttribute('value'), '1000');
  await dialog(page).getByRole('button', { name: 'Stop' }).click();
  second.resolve();
  await shows(dialog(page), '2,000 keys were taken');
  await shows(dialog(page), '250 were not sent');
  await dialog(page).getByRole('button', { name: 'Done' }).click();
  await shows(page.locator('.pager'), '1–50 of 2,000');
  t.is(parts, 2);
  await server.admin('POST', '/admin/keys/batch', { keys: 'sk-other-1-0123456789abcdef', notes: 'the one' });

  await page.getByRole('button', { name: 'Next' }).click();
  await shows(page.locator('.pager'), 'Page 2 of 41');
  t.is(await rows(page).count(), 50, 'a page is a page, however many keys there are');
  await page.getByRole('searchbox').fill('THE ONE');
  await shows(page.locator('.pager'), 'filtered from 2,001');
  t.is(await rows(page).count(), 1);
  t.regex(page.url(), /#\/keys\?q=THE\+ONE$/);
  await page.reload();
  await shows(page.locator('.pager'), 'filtered from 2,001');
  t.is(await page.getByRole('searchbox').inputValue(), 'THE ONE');
  await page.getByRole('searchbox').fill('nowhere');
  await shows(page.locator('.empty'), 'No key fits these filters.');
  await page.getByRole('button', { name: 'Show all keys' }).click();
  await shows(page.locator('.pager'), '1–50 of 2,001');
  await page.goBack();
  await shows(page.locator('.empty'), 'No key fits these filters.');
  t.is(await page.getByRole('searchbox').inputValue(), 'nowhere', 'the way back is the way one came');
});
