import test, { type ExecutionContext } from 'ava';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { openPage, signedIn, startBrowser } from '../support/browser.ts';
import { type PoolServer, startPoolServer } from '../support/pool-server.ts';
import { failing, good, outOfQuota, startPoolVendor } from '../support/pool-vendor.ts';

let browser: Browser;
let server: PoolServer;
test.before(async () => {
  browser = await startBrowser();
  server = await startPoolServer({ env: { KEY_POOL_RETRY_MAX: '2', KEY_POOL_DRY_THRESHOLD: '2' } });
});
test.after.always(async () => {
  await browser.close();
  await server.stop();
});

async function openView(t: ExecutionContext, view: string, options: BrowserContextOptions = {}) {
  t.teardown(() => server.clear());
  const opened = await openPage(t, browser, { storageState: await signedIn(server.url), ...options });
  await opened.page.goto(`${server.url}/admin#/${view}`);
  await opened.page.locator('.view-head').waitFor();
  return opened;
}

/** Adds pools behind `default`, and takes them away when the test is over. */
async function addPools(t: ExecutionContext, ...ids: string[]): Promise<void> {
  for (const id of ids) {
    await server.admin('POST', '/admin/pool-groups', { id, name: id.toUpperCase() });
    t.teardown(() => server.admin('DELETE', `/admin/pool-groups/${id}`));
  }
}

const dialog = (page: Page): Locator => page.locator('dialog');
async function shows(locator: Locator, text: string | RegExp): Promise<true> {
  await locator.filter({ hasText: text }).first().waitFor();
  return true;
}
async function order(): Promise<string[]> {
  return (await server.json('/admin/pool-groups')).groups.map((group: { id: string }) => group.id);
}
async function untilOrder(page: Page, wanted: readonly string[]): Promise<void> {
  await page.locator(wanted.map(id => `[data-pool="${id}"]`).join(' + ')).waitFor();
}

test.serial(
  'a pool is created and edited, its keys are one click away, and deleted they move to default',
  async t => {
    const { page, problems } = await openView(t, 'pools');
    const vendor = await startPoolVendor(t);
    await page.getByRole('button', { name: 'Add pool' }).click();
    await dialog(page).locator('[type=submit]').click();
    await shows(dialog(page).locator('.field-error'), 'Enter a name.');
    await dialog(page).locator('[name=name]').fill('<i>Paid</i>');
    await dialog(page).locator('[name=id]').fill('default');
    await dialog(page).locator('[type=submit]').click();
    await shows(dialog(page).locator('.field-error'), 'Another pool has this id.');
    await dialog(page).locator('[name=id]').fill('paid');
    await dialog(page).locator('[name=description]').fill('high limits');
    await dialog(page).locator('[type=submit]').click();
    await shows(page.locator('[data-pool=paid]'), '<i>Paid</i>');
    t.deepEqual(await order(), ['default', 'paid'], 'a new pool is asked last');

    await server.add(vendor, vendor.key(good), { poolGroup: 'paid' });
    await page.locator('[data-pool=paid]').getByRole('button', { name: /^Edit/ }).click();
    t.false(await dialog(page).locator('[name=id]').isEditable());
    await dialog(page).locator('[name=name]').fill('Paid');
    await dialog(page).locator('[type=submit]').click();
    await shows(page.locator('[data-pool=paid]'), '1 active');
    await page.locator('[data-pool=paid]').getByRole('link', { name: '1 key' }).click();
    await page.locator('tr[data-row]').waitFor();
    t.is(await page.locator('[name=pool-filter]').inputValue(), 'paid');

    await page.goBack();
    t.true(await page.locator('[data-pool=default]').getByRole('button', { name: /stays/ }).isDisabled());
    await page.locator('[data-pool=paid]').getByRole('button', { name: 'Delete Paid' }).click();
    await shows(dialog(page), 'Its key moves to the pool “default”.');
    await dialog(page).locator('.button-danger').click();
    await page.locator('[data-pool=paid]').waitFor({ state: 'detached' });
    await shows(page.locator('.toast'), 'Paid was deleted; its key moved to “default”');
    t.is((await server.json('/admin/keys')).keys[0].poolGroup, 'default');
    t.deepEqual(problems, []);
  },
);

test.serial(
  'pools are put in order by buttons, by keys and by dragging, and the server asks them so',
  async t => {
    await addPools(t, 'b', 'c');
    const { page } = await openView(t, 'pools');
    await untilOrder(page, ['default', 'b', 'c']);
    await page.getByRole('button', { name: 'Ask C earlier' }).click();
    await untilOrder(page, ['default', 'c', 'b']);
    await page.getByRole('button', { name: 'Ask C earlier' }).press('Enter');
    await untilOrder(page, ['c', 'default', 'b']);
    t.is(
      await page.evaluate<string>('document.activeElement.dataset.control'),
      'handle',
      'a button at its end gives the focus to the handle beside it',
    );
    await page.keyboard.press('End');
    await untilOrder(page, ['default', 'b', 'c']);
    await shows(page.locator('[role=status]'), 'C is now 3 of 3');
    await page.keyboard.press('ArrowUp');
    await untilOrder(page, ['default', 'c', 'b']);
    t.is(await page.evaluate<string>(`document.activeElement.closest('[data-pool]').dataset.pool`), 'c');
    await page.locator('[data-pool=b] .pool-handle').dragTo(page.locator('[data-pool=default]'));
    await untilOrder(page, ['b', 'default', 'c']);
    await page.reload();
    await untilOrder(page, ['b', 'default', 'c']);
    t.deepEqual(await order(), ['b', 'default', 'c']);
    await server.admin('PUT', '/admin/pool-groups/order', { order: ['default', 'b', 'c'] });
  },
);

test.serial('the page of pools says when its order does nothing', async t => {
  const { page } = await openView(t, 'pools');
  await server.configure({ multiTier: { enabled: false } });
  await page.reload();
  await shows(page.locator('.notice'), 'Tiers are off');
  await page.locator('.notice').getByRole('link', { name: 'Settings' }).click();
  t.true(await shows(page.locator('h1'), 'Settings of the pool'));
});

const setting = (page: Page, name: string): Locator => page.locator(`[data-setting="${name}"]`);
const input = (page: Page, name: string): Locator => page.locator(`[name="${name}"]`);
const save = (page: Page): Locator => page.locator('.save-bar [type=submit]');

test.serial('a setting shows where it comes from, is saved, obeyed, and taken back', async t => {
  const { page, problems } = await openView(t, 'settings');
  const vendor = await startPoolVendor(t);
  const key = vendor.key(failing('500 Internal Server Error'));
  await server.add(vendor, key);
  await shows(setting(page, 'retry.max').locator('.badge'), /environment/i);
  await shows(setting(page, 'retry.delayMs').locator('.badge'), /environment/i);
  await shows(setting(page, 'algorithm').locator('.badge'), /default/i);
  t.is(await input(page, 'retry.max').inputValue(), '2');

  await input(page, 'retry.max').fill('1');
  await page.locator('.algorithm', { hasText: 'least-used' }).click();
  await input(page, 'autoBan.ban_401').check();
  await shows(page.locator('.save-bar'), '3 changes are not saved');
  await page.getByRole('link', { name: 'Pools' }).click();
  await page.locator('.pool-list').waitFor();
  await page.getByRole('link', { name: 'Settings' }).click();
  await shows(page.locator('.save-bar'), '3 changes are not saved');
  await save(page).click();
  await shows(page.locator('.toast'), 'The settings are saved');
  await shows(setting(page, 'retry.max').locator('.badge'), /console/i);
  const config = await server.json('/admin/config');
  t.like(config, { algorithm: 'least-used', retry: { max: 1 }, autoBan: { ban_401: true } });
  t.is(config.sources['retry.delayMs'], 'environment', 'what nobody touched is not the console’s');
  await server.chat();
  t.is(vendor.calls(key).length, 2, 'one retry, as saved');

  await setting(page, 'retry.max')
    .getByRole('button', { name: 'Take back: Most retries, so that 2 holds again' })
    .click();
  await shows(setting(page, 'retry.max').locator('.badge'), /environment/i);
  t.is(await input(page, 'retry.max').inputValue(), '2');
  t.is((await server.json('/admin/config')).retry.max, 2);
  t.deepEqual(problems, []);
});

test.serial('a value that is not valid is told at its setting, by the page and by the server', async t => {
  const { page } = await openView(t, 'settings');
  await input(page, 'retry.max').fill('99');
  await input(page, 'dryThreshold').fill('x');
  await save(page).click();
  await shows(setting(page, 'retry.max').locator('.field-error'), 'A whole number from 0 to 20.');
  await shows(setting(page, 'dryThreshold').locator('.field-error'), 'A whole number from 0 to 1,000,000.');
  t.is(await page.evaluate<string>('document.activeElement.name'), 'retry.max');
  await page.getByRole('button', { name: 'Discard' }).click();
  t.is(await input(page, 'retry.max').inputValue(), '2');

  await page.route('**/admin/config', async route => {
    if (route.request().method() !== 'PUT') return await route.continue();
    await route.continue({ postData: '{"circuit":{"openMs":-5}}' });
  });
  await input(page, 'circuit.openMs').fill('500');
  await save(page).click();
  await shows(setting(page, 'circuit.openMs').locator('.field-error'), 'Expected `circuit.openMs` to be');
  t.is((await server.json('/admin/config')).circuit.openMs, 30_000);
});

test.serial('tokens appear after traffic: today, by hour, by key and by model', async t => {
  const vendor = await startPoolVendor(t);
  const key = vendor.key(good);
  await server.add(vendor, key, { notes: 'team-alpha' });
  for (let turn = 0; turn < 3; turn += 1) await server.chat();
  await server.chat({ model: 'gpt-4.1-mini', stream: true });
  const { page, problems } = await openView(t, 'tokens');
  await shows(page.locator('.today-card').first(), '72');
  const today = await page.locator('.today-card').first().innerText();
  t.regex(today, /Input\s+44/);
  t.regex(today, /Output\s+28/);
  t.regex(today, /Success\s+\d/);
  await page.locator('.heat-map').focus();
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowRight');
  await shows(page.locator('.heat-reading'), /: 72 tokens$/);
  t.true((await page.locator('.heat-day:last-child i:not(.heat-0)').count()) === 1);

  const table = page.locator('.ranking tbody tr');
  await shows(table, `…${key.slice(-4)}`);
  await shows(table, 'team-alpha');
  await page.getByRole('radio', { name: 'Model' }).check();
  await shows(table, 'gpt-4.1-mini');
  t.is(await page.locator('.ranking tbody th').first().innerText(), 'gpt-4o', 'most tokens first');
  await page.getByRole('radio', { name: 'Endpoint' }).check();
  await shows(table, '/chat/completions');
  await page.getByRole('radio', { name: 'Total' }).check();
  await shows(table, '72');
  await server.chat();
  await page.getByRole('button', { name: 'Sync now' }).click();
  await shows(page.locator('.today-card').first(), '90');
  await page.getByRole('button', { name: 'Clean up' }).click();
  await dialog(page).locator('[name=days]').fill('0');
  await dialog(page).locator('[type=submit]').click();
  await shows(dialog(page).locator('.field-error'), 'A whole number from 1 to 3650.');
  await dialog(page).locator('[name=days]').fill('30');
  await dialog(page).locator('[type=submit]').click();
  await dialog(page).waitFor({ state: 'detached' });
  await shows(page.locator('.today-card').first(), '90');
  t.deepEqual(problems, []);
});

test.serial('while the pool runs dry, the panel, the console and the page of its status warn', async t => {
  const vendor = await startPoolVendor(t);
  await server.addAll(vendor, [vendor.key(outOfQuota()), vendor.key(good)]);
  await server.chat();
  await server.chat();
  const { page } = await openView(t, 'pools');
  const warning = page.locator('.dry-notice');
  await shows(warning, 'The pool runs dry: 1 usable key is left');
  await shows(warning, 'Of 2 keys, 0 are resting, 1 banned and 0 disabled.');
  await warning.getByRole('link', { name: 'Show the keys' }).click();
  await page.locator('tr[data-row]').first().waitFor();
  await page.goto(server.url);
  await shows(warning, 'The pool runs dry: 1 usable key is left');
  await warning.getByRole('link', { name: 'Show the status' }).click();
  await page.locator('.overview').waitFor();
  t.is(new URL(page.url()).pathname, '/status');
  t.true(await shows(warning, 'The pool runs dry: 1 usable key is left'));
});

test.serial('the pages of the pool speak Chinese', async t => {
  const { page } = await openView(t, 'settings', { locale: 'zh-CN' });
  await shows(page.locator('h1'), '密钥池设置');
  await input(page, 'retry.max').fill('99');
  await save(page).click();
  await shows(setting(page, 'retry.max').locator('.field-error'), '请输入 0 到 20 的整数。');
  await page.getByRole('button', { name: '放弃' }).click();
  await page.getByRole('link', { name: '用量' }).click();
  await shows(page.locator('.today-card').first(), '今天');
  await page.locator('.language-switch').click();
  await shows(page.locator('.today-card').first(), 'Today');
  t.is(await page.title(), 'Tokens – Switchyard console');
});
