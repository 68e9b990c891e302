import test, { type ExecutionContext } from 'ava';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { examine } from '../support/axe.ts';
import { openPage, signedIn, startBrowser } from '../support/browser.ts';
import { type PoolServer, startPoolServer } from '../support/pool-server.ts';
import { good, limited, outOfQuota, refused, startPoolVendor } from '../support/pool-vendor.ts';

const VIEWS = ['keys', 'pools', 'tokens', 'settings'] as const;

let browser: Browser;
let server: PoolServer;
const atEnd: (() => unknown)[] = [];
test.before(async () => {
  browser = await startBrowser();
  server = await startPoolServer({ env: { KEY_POOL_DRY_THRESHOLD: '5' } });
  // The vendor serves all tests of this file, so it ends after them and not with a test.
  const vendor = await startPoolVendor({
    teardown: (end: () => unknown) => atEnd.push(end),
  } as unknown as ExecutionContext);
  const treatments = [outOfQuota(), limited('Retry-After: 3000'), good, refused(), good];
  const ids = await server.addAll(
    vendor,
    treatments.map(treatment => vendor.key(treatment)),
    { notes: 'a note that is much too long for the column in which it stands', quotaTokens: 1000 },
  );
  for (let turn = 0; turn < 6; turn += 1) await server.chat();
  await server.admin('PATCH', `/admin/keys/${ids[4]}/toggle`, {});
  for (const id of [ids[2], ids[3]]) await server.admin('POST', `/admin/keys/${id}/test`);
  await server.admin('POST', '/admin/pool-groups', { id: 'spare', name: 'Spare', description: 'asked last' });
});
test.after.always(async () => {
  await browser.close();
  await server.stop();
  for (const end of atEnd) await end();
});

async function signedInPage(t: ExecutionContext, options: BrowserContextOptions = {}) {
  const opened = await openPage(t, browser, {
    reducedMotion: 'reduce',
    storageState: await signedIn(server.url),
    ...options,
  });
  return opened.page;
}

async function open(page: Page, view: (typeof VIEWS)[number]): Promise<void> {
  await page.goto(`${server.url}/admin#/${view}`);
  await page
    .locator(
      { keys: 'tr[data-row]', pools: '[data-pool]', tokens: '.ranking tbody tr', settings: '.setting' }[view],
    )
    .first()
    .waitFor();
}

for (const colorScheme of ['light', 'dark'] as const) {
  const rules = colorScheme === 'light' ? 'all' : 'colors';
  test.serial(`axe-core finds nothing on the page of keys and in its dialogs, in ${colorScheme}`, async t => {
    const page = await signedInPage(t, { colorScheme });
    const dialog = page.locator('dialog');
    await open(page, 'keys');
    await page.locator('.dry-notice').waitFor();
    await page
      .getByRole('button', { name: /^Details/ })
      .nth(3)
      .click();
    await page.locator('.rests').waitFor();
    await examine(t, page, { scene: 'keys, with a row open', rules });
    await page.getByRole('button', { name: 'Add key' }).click();
    await dialog.locator('[type=submit]').click();
    await examine(t, page, { scene: 'add, with an error', rules });
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Add many' }).click();
    await examine(t, page, { scene: 'add many', rules });
    await dialog.locator('[name=keys]').fill('not a key');
    await dialog.locator('[type=submit]').click();
    await dialog.locator('.batch-problems').waitFor();
    await examine(t, page, { scene: 'add many, refused', rules });
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Export' }).click();
    await examine(t, page, { scene: 'export', rules });
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Test all' }).click();
    await page.getByRole('button', { name: 'Start the test' }).click();
    await page.locator('.test-run').waitFor();
    await examine(t, page, { scene: 'test of all keys', rules });
    await page.locator('.filter-bar label', { hasText: /^banned/i }).click();
    await page.getByRole('button', { name: 'Delete all banned' }).click();
    await examine(t, page, { scene: 'delete all', rules });
  });

  test.serial(`axe-core finds nothing on the other pages of the pool, in ${colorScheme}`, async t => {
    const page = await signedInPage(t, { colorScheme });
    await open(page, 'pools');
    await examine(t, page, { scene: 'pools', rules });
    await page.getByRole('button', { name: 'Add pool' }).click();
    await page.locator('dialog [type=submit]').click();
    await examine(t, page, { scene: 'add a pool, with an error', rules });
    await page.keyboard.press('Escape');
    await open(page, 'tokens');
    await page.locator('.heat-map').focus();
    await page.keyboard.press('ArrowDown');
    await examine(t, page, { scene: 'tokens', rules });
    await server.configure({ retry: { max: 4 } });
    await open(page, 'settings');
    await page.locator('[name="circuit.threshold"]').fill('-');
    await page.locator('.save-bar [type=submit]').click();
    await page.locator('.field-error').waitFor();
    await examine(t, page, { scene: 'settings, with an error', rules });
    await page.goto(`${server.url}/status`);
    await page.locator('.status-keys tbody tr').first().waitFor();
    await examine(t, page, { scene: 'status', rules });
  });
}

test.serial('axe-core finds nothing on a phone, and nothing stands out of its screen', async t => {
  const page = await signedInPage(t, { viewport: { width: 360, height: 740 }, locale: 'zh-CN' });
  const width = () => page.evaluate<number>('document.documentElement.scrollWidth');
  for (const view of VIEWS) {
    await open(page, view);
    await examine(t, page, { scene: view });
    t.true((await width()) <= 360, view);
  }
  await page.goto(`${server.url}/status`);
  await page.locator('.status-keys tbody tr').first().waitFor();
  await examine(t, page, { scene: 'status' });
  t.true((await width()) <= 360, 'status');
});

test.serial('the keyboard alone filters keys, adds one, and looks into it', async t => {
  const page = await signedInPage(t);
  const { keyboard } = page;
  await open(page, 'keys');
  const focused = () =>
    page.evaluate<string>(
      `(({ value, name, ariaLabel, innerText }) => ariaLabel || name || innerText || value)(document.activeElement)`,
    );
  async function goTo(name: RegExp): Promise<void> {
    for (let step = 0; step < 80; step += 1) {
      await keyboard.press('Tab');
      if (!name.test(((await focused()) ?? '').trim())) continue;
      const ring = await page.evaluate<string>(`(() => {
        const element = document.activeElement;
        const shown = element.matches('.segments input') ? element.nextElementSibling : element;
        return getComputedStyle(shown).outlineStyle;
      })()`);
      t.is(ring, 'solid', `the focus on ${name} is visible`);
      return;
    }
    t.fail(`Expected Tab to reach ${name}`);
  }
  await goTo(/^Add key$/);
  await keyboard.press('Enter');
  await page.locator('dialog[open]').waitFor();
  t.is(await focused(), 'key');
  await keyboard.type('sk-keyboard-0123456789abcdef');
  await keyboard.press('Enter');
  await page.locator('dialog').waitFor({ state: 'detached' });
  await page.locator('tr[data-row]', { hasText: 'sk-…cdef' }).waitFor();
  t.regex(await focused(), /Add key/, 'the focus comes back');
  await goTo(/^P\d/);
  await keyboard.press('ArrowRight');
  await keyboard.press('ArrowRight');
  await keyboard.press('ArrowRight');
  await page.waitForURL(/status=disabled/);
  await goTo(/^Details of/);
  await keyboard.press('Enter');
  await page.locator('.key-detail').waitFor();
  await goTo(/^Use sk-/);
  await keyboard.press('Space');
  await page.locator('tr[data-row]').waitFor({ state: 'detached' });
});

test.serial('nothing moves by itself while a page of the pool arrives and renews itself', async t => {
  await server.configure({ dryThreshold: 0 });
  const page = await signedInPage(t);
  await page.addInitScript(`
    window.shifts = [];
    new PerformanceObserver(list => window.shifts.push(...list.getEntries().map(({ value, sources }) =>
      value.toFixed(4) + ' ' + sources.map(({ node, previousRect, currentRect }) =>
        [node?.outerHTML?.slice(0, 90) ?? node?.textContent, previousRect, currentRect].map(JSON.stringify)).join()))).observe({ type: 'layout-shift', buffered: true });
  `);
  for (const path of [...VIEWS.map(view => `/admin#/${view}`), '/status']) {
    await page.goto('about:blank');
    const again = page.waitForResponse(answer =>
      /\/(admin\/(keys\?|config|pool-groups|token\/)|status$)/.test(answer.url()),
    );
    await page.goto(server.url + path);
    await again;
    await page.locator('tbody tr, [data-pool], .setting').first().waitFor();
    await page.evaluate('new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))');
    t.deepEqual(await page.evaluate('window.shifts'), [], path);
  }
});

test.serial('a first visit to a page of the pool transfers less than 120 kB', async t => {
  for (const path of [...VIEWS.map(view => `/admin#/${view}`), '/status']) {
    const page = await signedInPage(t);
    const session = await page.context().newCDPSession(page);
    await session.send('Network.enable');
    let bytes = 0;
    session.on('Network.loadingFinished', ({ encodedDataLength }) => {
      bytes += encodedDataLength;
    });
    await page.goto(server.url + path, { waitUntil: 'networkidle' });
    t.log(`${path}: ${bytes} bytes`);
    t.true(bytes > 10_000 && bytes < 120_000, `${path} transferred ${bytes} bytes`);
    await page.close();
  }
});
