import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { startBrowser } from '../test/support/browser.ts';
import { busyReport } from '../test/support/sample-stats.ts';
import { ADMIN_TOKEN, startServer } from '../test/support/server.ts';

/**
 * Takes the pictures of the documentation: the real pages, from the real server, with the figures of a busy gateway.
 * `node scripts/screenshots.ts`, on a machine with a good sans-serif and a Chinese font.
 */

const folder = join(import.meta.dirname, '../docs/images');
/** The address that the pictures show. */
const SHOWN = 'https://gate.example.com';
const SHOWN_AT = Date.parse('2026-03-12T15:41:20+08:00');
const POLL_MS = 2500;
const POLLS = 72;

const server = await startServer();
const browser = await startBrowser();
try {
  await mkdir(folder, { recursive: true });
  await picturePanel('panel-light', { colorScheme: 'light', viewport: { width: 1280, height: 1400 } });
  await picturePanel('panel-dark', { colorScheme: 'dark', viewport: { width: 1280, height: 1400 } });
  await picturePanel('panel-phone', {
    colorScheme: 'light',
    viewport: { width: 390, height: 1560 },
    locale: 'zh-CN',
  });
  await pictureConsole('console-zh');
} finally {
  await browser.close();
  await server.stop();
}

async function open(from: Browser, options: BrowserContextOptions): Promise<Page> {
  const context = await from.newContext({ timezoneId: 'Asia/Shanghai', locale: 'en-US', ...options });
  const page = await context.newPage();
  await page.clock.install({ time: SHOWN_AT });
  // The server is asked under its own address, and shown under one that a reader may have.
  await page.route(`${SHOWN}/**`, async route => {
    const response = await route.fetch({ url: route.request().url().replace(SHOWN, server.url) });
    const headers = response.headers();
    delete headers['content-encoding'];
    delete headers['content-length'];
    await route.fulfill({ response, headers });
  });
  return page;
}

/** Lets the page ask for figures often enough to fill its small charts. */
async function picturePanel(name: string, options: BrowserContextOptions): Promise<void> {
  const page = await open(browser, options);
  await page.route('**/stats?*', async route => {
    const nowMs = await page.evaluate<number>('Date.now()');
    await route.fulfill({ json: busyReport('24h', nowMs) });
  });
  await page.goto(`${SHOWN}/`);
  await page.locator('tr[data-row]').first().waitFor();
  for (let poll = 0; poll < POLLS; poll += 1) {
    const answered = page.waitForResponse(/\/stats\?/);
    await page.clock.runFor(POLL_MS + 50);
    await answered;
  }
  await page.getByRole('tab', { name: 'Python' }).click();
  await page.mouse.move(0, 0);
  await take(page, name, options.viewport?.width === 1280 ? '/mistral' : undefined);
}

async function pictureConsole(name: string): Promise<void> {
  const page = await open(browser, {
    colorScheme: 'light',
    viewport: { width: 1280, height: 860 },
    locale: 'zh-CN',
  });
  await page.route('**/admin/mappings/try', async route => {
    const { prefix } = route.request().postDataJSON() as { prefix: string };
    const answers = new Map<string, object>([
      ['/claude', { status: 401, duration_ms: 214 }],
      ['/deepseek', { status: 401, duration_ms: 96 }],
      ['/gemini', { status: 404, duration_ms: 171 }],
      ['/dashscope', { error: { code: 'ERR_UPSTREAM_TIMEOUT', message: '' }, duration_ms: 10_000 }],
    ]);
    await route.fulfill({ json: answers.get(prefix) ?? { status: 401, duration_ms: 120 } });
  });
  await page.goto(`${SHOWN}/admin`);
  await page.locator('[name=token]').fill(ADMIN_TOKEN);
  await page.locator('[type=submit]').click();
  for (const prefix of ['/claude', '/dashscope', '/deepseek', '/gemini']) {
    await page.getByRole('button', { name: new RegExp(`^测试 ${prefix}：`) }).click();
    await page.locator(`tr[data-row="${prefix}"] .badge`).waitFor();
  }
  await page.mouse.move(0, 0);
  await page.evaluate('document.activeElement.blur()');
  await take(page, name, '/jina');
}

/** The picture ends below the row of a prefix, where one is given, and not in the middle of another. */
async function take(page: Page, name: string, lastRow: string | undefined): Promise<void> {
  const { width, height } = page.viewportSize()!;
  const box = lastRow && (await page.locator(`tr[data-row="${lastRow}"]`).boundingBox());
  const clip = { x: 0, y: 0, width, height: box ? Math.floor(box.y + box.height) : height };
  await page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled', clip });
  await page.context().close();
}
