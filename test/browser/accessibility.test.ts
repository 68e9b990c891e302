import test from 'ava';
import type { Browser } from 'playwright-core';
import { examine } from '../support/axe.ts';
import { openPage, signIn, startBrowser } from '../support/browser.ts';
import { busyReport } from '../support/sample-stats.ts';
import { ADMIN_TOKEN, type Server, startServer } from '../support/server.ts';

let browser: Browser;
let server: Server;
test.before(async () => {
  browser = await startBrowser();
  server = await startServer();
});
test.after.always(async () => {
  await browser.close();
  await server.stop();
});

for (const colorScheme of ['light', 'dark'] as const) {
  test.serial(
    `axe-core finds nothing on the panel, busy, troubled, empty and away, in ${colorScheme}`,
    async t => {
      const { page } = await openPage(t, browser, { colorScheme, reducedMotion: 'reduce' });
      let answer: 'busy' | 'troubled' | 'empty' | 'away' = 'busy';
      await page.route('**/stats?*', async route => {
        const nowMs = Date.now();
        const report = busyReport('24h', nowMs);
        if (answer === 'away') return await route.abort();
        if (answer === 'troubled') {
          const store = { kind: 'redis', state: 'degraded', queued_rows: 1284, dropped_rows: 3 } as const;
          return await route.fulfill({ json: { ...report, store, generated_at_ms: nowMs - 400_000 } });
        }
        return await route.fulfill({
          json: answer === 'empty' ? { ...report, windows: {}, prefixes: [] } : report,
        });
      });
      await page.goto(server.url);
      await page.getByRole('button', { name: 'Details of /claude' }).click();
      await page.getByRole('combobox').click();
      await examine(t, page, { scene: 'busy, with a row and the list of prefixes open' });
      await page.keyboard.press('Escape');
      answer = 'troubled';
      await page.locator('.notice-warn').waitFor();
      await page.locator('.notice-info').waitFor();
      await examine(t, page, { scene: 'store degraded, clock off' });
      answer = 'empty';
      await page.reload();
      await page.getByText('There are no mappings yet').waitFor();
      await examine(t, page, { scene: 'empty' });
      answer = 'away';
      await page.locator('.live-state-retrying, .live-state-old').waitFor();
      await examine(t, page, { scene: 'away' });
      await page.reload();
      await page.locator('.live-state-away').waitFor();
      await examine(t, page, { scene: 'never there' });
    },
  );

  test.serial(`axe-core finds nothing in the console and its dialogs, in ${colorScheme}`, async t => {
    const { page } = await openPage(t, browser, { colorScheme, locale: 'zh-CN', reducedMotion: 'reduce' });
    await page.route('**/admin/mappings/try', route =>
      route.fulfill({ json: { error: { code: 'ERR_UPSTREAM_DNS', message: 'not found' }, duration_ms: 3 } }),
    );
    await page.goto(`${server.url}/admin`);
    await page.locator('[type=submit]').click();
    await examine(t, page, { scene: 'login, refused' });
    await signIn(page, server.url);
    await page.getByRole('button', { name: /^测试 \/claude/ }).click();
    await page.locator('.badge-bad').waitFor();
    await examine(t, page, { scene: 'mappings' });
    const dialog = page.locator('dialog');
    await page.getByRole('button', { name: '添加映射' }).click();
    await dialog.locator('[type=submit]').click();
    await examine(t, page, { scene: 'add, with errors' });
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: '导入' }).click();
    await dialog.locator('textarea').fill('{"/a b": "x"}');
    await examine(t, page, { scene: 'import, with errors' });
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: '删除 /claude' }).click();
    await examine(t, page, { scene: 'delete' });
    await page.context().clearCookies();
    // The page looks after its session when somebody comes back to it, unless another look was first.
    await page.evaluate(`document.dispatchEvent(new Event('visibilitychange'))`);
    await page.getByText('登录已失效').waitFor();
    await examine(t, page, { scene: 'session ended' });
  });
}

test.serial('axe-core finds nothing on a phone', async t => {
  const { page } = await openPage(t, browser, {
    viewport: { width: 360, height: 740 },
    reducedMotion: 'reduce',
  });
  await page.route('**/stats?*', route => route.fulfill({ json: busyReport('24h', Date.now()) }));
  await page.goto(server.url);
  await page.locator('tr[data-row]').first().waitFor();
  await examine(t, page, { scene: 'panel' });
  await signIn(page, server.url);
  await examine(t, page, { scene: 'console' });
  t.true((await page.evaluate<number>('document.documentElement.scrollWidth')) <= 360);
  await page.getByRole('button', { name: 'Add mapping' }).click();
  await examine(t, page, { scene: 'dialog' });
  t.true((await page.locator('dialog').boundingBox())!.width <= 360);
});

test.serial('the keyboard alone signs in, adds a mapping, deletes it and signs out', async t => {
  const { page } = await openPage(t, browser);
  const { keyboard } = page;
  const focused = () =>
    page.evaluate<string>(
      `(({ name, ariaLabel, innerText }) => name || ariaLabel || innerText)(document.activeElement)`,
    );
  /** Goes on with Tab until the focus is on a control of that name, and sees to it that the focus is visible there. */
  async function goTo(name: string | RegExp): Promise<void> {
    for (let step = 0; step < 300; step += 1) {
      await keyboard.press('Tab');
      const now = (await focused())?.trim();
      if (typeof name === 'string' ? now === name : name.test(now)) {
        const ring = await page.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle');
        t.is(ring, 'solid', `the focus on ${name} is visible`);
        return;
      }
    }
    t.fail(`Expected Tab to reach ${name}`);
  }
  await page.goto(`${server.url}/admin`);
  await page.locator('[name=token]').waitFor();
  t.is(await focused(), 'token');
  await keyboard.type(ADMIN_TOKEN);
  await keyboard.press('Enter');
  await page.locator('tr[data-row="/openai"]').waitFor();

  await goTo('Add mapping');
  await keyboard.press('Enter');
  await page.locator('dialog[open]').waitFor();
  t.is(await focused(), 'prefix');
  await keyboard.press('Escape');
  await page.locator('dialog').waitFor({ state: 'detached' });
  t.is((await focused()).trim(), 'Add mapping', 'the focus comes back');
  await keyboard.press('Enter');
  await page.locator('dialog[open]').waitFor();
  await keyboard.type('/aaa');
  await goTo('target');
  await keyboard.type('https://aaa.example');
  await keyboard.press('Enter');
  await page.locator('tr[data-row="/aaa"]').waitFor();
  await page.locator('dialog').waitFor({ state: 'detached' });
  t.is((await focused()).trim(), 'Add mapping');

  await goTo('Delete /aaa');
  await keyboard.press('Enter');
  await page.locator('dialog[open]').waitFor();
  t.is((await focused()).trim(), 'Cancel', 'the harmless answer has the focus');
  await goTo('Delete');
  await keyboard.press('Enter');
  await page.locator('tr[data-row="/aaa"]').waitFor({ state: 'detached' });

  await page.reload();
  await page.locator('tr[data-row="/openai"]').waitFor();
  await keyboard.press('Tab');
  t.is(await focused(), 'Skip to the content');
  await keyboard.press('Enter');
  t.is(await page.evaluate<string>('document.activeElement.id'), 'main');
  await keyboard.press('Shift+Tab');
  t.is((await focused()).trim(), 'Sign out');
  await keyboard.press('Enter');
  await page.locator('[name=token]').waitFor();
});
