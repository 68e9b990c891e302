import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Browser, Locator, Page } from 'playwright-core';
import { openPage, signIn, startBrowser } from '../support/browser.ts';
import { startRedis } from '../support/redis.ts';
import { busyReport } from '../support/sample-stats.ts';
import { type Server, type ServerOptions, startServer } from '../support/server.ts';

// One after another: each opens a server and a page of its own, and two cores are soon busy with those.

let browser: Browser;
test.before(async () => {
  browser = await startBrowser();
});
test.after.always(() => browser.close());

async function serve(t: ExecutionContext, options: ServerOptions = {}): Promise<Server> {
  const server = await startServer(options);
  t.teardown(() => server.stop());
  return server;
}

/** An upstream that answers 200, or the status that the path names. */
async function startUpstream(t: ExecutionContext): Promise<string> {
  const upstream = createServer((request, response) => {
    response.statusCode = Number(/^\/status\/(\d+)/.exec(request.url ?? '')?.[1] ?? 200);
    response.end('{"answer":"hello"}');
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  t.teardown(() => upstream.close());
  return `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
}

async function send(url: string, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent += 1) await (await fetch(url)).arrayBuffer();
}

const row = (page: Page, prefix: string): Locator => page.locator(`tr[data-row="${prefix}"]`);
const state = (page: Page): Locator => page.locator('.live-state');
/** Resolves when a locator's text matches; the page renews itself meanwhile. */
async function shows(locator: Locator, text: string | RegExp): Promise<void> {
  await locator.filter({ hasText: text }).waitFor();
}

test.serial(
  'traffic is seen in the table, the totals and the chart, and a prefix without traffic is listed',
  async t => {
    const server = await serve(t);
    const target = await startUpstream(t);
    await server.map('/lab', target);
    await send(`${server.url}/lab/v1/models`, 8);
    await send(`${server.url}/lab/status/503`, 2);
    await server.untilCounted(10, '/lab');
    const { page, problems } = await openPage(t, browser);
    await page.goto(server.url);
    await shows(row(page, '/lab').locator('.column-requests'), /^10$/);
    t.regex(await row(page, '/lab').innerText(), /100%\s+20\.0% +2\s/);
    t.is((await row(page, '/openai').locator('td').allInnerTexts()).join('').trim(), '–');
    t.regex(await page.locator('.totals').innerText(), /Requests\s+10\s+Errors\s+2\s+20\.0%/);

    const chart = page.getByRole('slider', { name: /Requests and errors/ });
    await chart.focus();
    await page.keyboard.press('End');
    t.regex((await chart.getAttribute('aria-valuetext')) ?? '', /Requests 10, Errors 2$/);
    await page.keyboard.press('ArrowLeft');
    t.regex((await chart.getAttribute('aria-valuetext')) ?? '', /Requests 0, Errors 0$/);
    t.true(await hasColor(page, chart, '--series-requests'), 'the bar is drawn');

    await row(page, '/lab').getByRole('button', { name: 'Details of /lab' }).click();
    await shows(page.locator('.prefix-detail'), /GET \/v1\/models/);
    t.deepEqual(problems, []);
  },
);

/** Whether a chart has pixels of a color of the style sheet. */
async function hasColor(page: Page, chart: Locator, name: string): Promise<boolean> {
  const canvas = await chart.locator('canvas').elementHandle();
  return await page.evaluate(
    // biome-ignore lint/suspicious/noExplicitAny: runs in the page, whose types the tests do not have
    ([canvas, name]: any[]) => {
      // biome-ignore lint/suspicious/noExplicitAny: as above
      const { document, getComputedStyle } = globalThis as any;
      const probe = document.body.appendChild(document.createElement('i'));
      probe.style.color = `var(${name})`;
      const wanted: number[] = getComputedStyle(probe).color.match(/\d+/g).map(Number);
      probe.remove();
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      for (let at = 0; at < data.length; at += 4) {
        const near = wanted.every((part, index) => Math.abs(part - data[at + index]) < 3);
        if (near && data[at + 3] > 250) return true;
      }
      return false;
    },
    [canvas, name],
  );
}

test.serial('figures renew themselves in place: no element is replaced and nothing moves', async t => {
  const server = await serve(t);
  await server.map('/lab', await startUpstream(t));
  await send(`${server.url}/lab/x`, 3);
  await server.untilCounted(3, '/lab');
  const { page } = await openPage(t, browser);
  await page.addInitScript(`
    window.shifts = 0;
    new PerformanceObserver(list => {
      for (const entry of list.getEntries()) window.shifts += entry.value;
    }).observe({ type: 'layout-shift', buffered: true });
  `);
  await page.goto(server.url);
  await shows(row(page, '/lab').locator('.column-requests'), /^3$/);
  const kept = [row(page, '/lab'), page.locator('canvas').first(), page.locator('.live-figure dd').first()];
  const before = await Promise.all(kept.map(locator => locator.elementHandle()));
  await send(`${server.url}/lab/x`, 4);
  await shows(row(page, '/lab').locator('.column-requests'), /^7$/);
  const after = await Promise.all(kept.map(locator => locator.elementHandle()));
  for (const [index, handle] of after.entries()) {
    t.true(await page.evaluate(([one, other]) => one === other, [handle, before[index]]));
  }
  t.true((await page.evaluate<number>('window.shifts')) < 0.01);
});

test.serial('the chosen window is asked for, shown and remembered', async t => {
  const server = await serve(t);
  await server.map('/lab', await startUpstream(t));
  await send(`${server.url}/lab/x`, 2);
  await server.untilCounted(2, '/lab');
  const { page } = await openPage(t, browser);
  await page.goto(server.url);
  for (const name of ['7d', '30d', 'total']) {
    await page.locator(`input[value="${name}"]`).check();
    await shows(page.locator('.totals'), /Requests\s*2/);
    await page.locator('.traffic[aria-busy=false]').waitFor();
  }
  await shows(page.locator('.chart-moment').first(), /^Since /);
  await page.reload();
  t.true(await page.locator('input[value=total]').isChecked());
});

test.serial('an address is copied as this browser reaches the gateway, behind a sub-path too', async t => {
  const server = await serve(t, { env: { BASE_PATH: '/gate' } });
  const { page, problems } = await openPage(t, browser, {
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  await page.goto(`${server.url}/gate/`);
  const clipboard = () => page.evaluate<string>('navigator.clipboard.readText()');

  await row(page, '/claude').getByRole('button', { name: 'Copy the address of /claude' }).click();
  await shows(page.locator('.toast'), `Copied: ${server.url}/gate/claude`);
  t.is(await clipboard(), `${server.url}/gate/claude`);

  const prefix = page.getByRole('combobox', { name: 'Prefix' });
  await prefix.click();
  await prefix.fill('gem');
  await page.keyboard.press('Enter');
  await page.locator('.address').getByRole('button').click();
  await shows(page.locator('.toast'), '/gate/gemini');
  t.is(await clipboard(), `${server.url}/gate/gemini`);

  await page.getByRole('tab', { name: 'Environment' }).focus();
  await page.keyboard.press('ArrowRight');
  t.is(await page.getByRole('tab', { selected: true }).innerText(), 'curl');
  await page.getByRole('button', { name: 'Copy: curl' }).click();
  await shows(page.locator('.toast'), 'Copied: Copy: curl');
  t.true((await clipboard()).startsWith(`curl ${server.url}/gate/gemini/v1beta/`));
  t.deepEqual(problems, []);
});

test.serial('copying works without the clipboard interface, which plain http does not have', async t => {
  const server = await serve(t);
  const { page } = await openPage(t, browser);
  await page.addInitScript(`Object.defineProperty(navigator, 'clipboard', { value: undefined })`);
  await page.goto(server.url);
  await page.locator('.address').getByRole('button').click();
  await shows(page.locator('.toast'), 'Copied');
  await page.getByRole('searchbox').focus();
  await page.keyboard.press('Control+V');
  t.is(await page.getByRole('searchbox').inputValue(), `${server.url}/openai`);
});

test.serial('the language is the browser’s until it is switched, and the switch is remembered', async t => {
  const server = await serve(t);
  const { page } = await openPage(t, browser, { locale: 'zh-CN' });
  await page.goto(server.url);
  await shows(state(page), '实时');
  t.is(await page.title(), 'Switchyard · 统计面板');
  t.is(await page.locator('html').getAttribute('lang'), 'zh-CN');
  await page.locator('.language-switch').click();
  await shows(state(page), 'Live');
  t.is(await page.locator('html').getAttribute('lang'), 'en');
  await page.reload();
  await shows(state(page), 'Live');
});

test.serial('the theme is the system’s until it is switched, and the switch is remembered', async t => {
  const server = await serve(t);
  const { page } = await openPage(t, browser, { colorScheme: 'dark' });
  await page.goto(server.url);
  const background = () =>
    page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor');
  const dark = await background();
  const themeButton = page.locator('[data-theme-now]');
  await themeButton.click();
  t.is(await themeButton.getAttribute('data-theme-now'), 'light');
  const light = await background();
  t.not(light, dark);
  await page.reload();
  t.is(await background(), light);
  await themeButton.click();
  t.is(await background(), dark);
});

test.serial('a browser that blocks storage has both switches, for as long as the page is open', async t => {
  const server = await serve(t);
  const { page, problems } = await openPage(t, browser);
  await page.addInitScript(
    `Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('denied', 'SecurityError'); } })`,
  );
  await page.goto(server.url);
  await shows(state(page), 'Live');
  await page.locator('.language-switch').click();
  await shows(state(page), '实时');
  await page.locator('[data-theme-now]').click();
  await page.locator('input[value="7d"]').check();
  t.is(await page.locator('html').getAttribute('data-theme'), 'light');
  t.deepEqual(problems, []);
});

test.serial('nothing is wider than a phone', async t => {
  const server = await serve(t);
  await server.map('/a-prefix-that-is-rather-long/with-segments/of-its-own', await startUpstream(t));
  const { page } = await openPage(t, browser, { viewport: { width: 360, height: 740 } });
  await page.route('**/stats?*', async route => {
    const real = await (await route.fetch()).json();
    const report = busyReport('24h', Date.now());
    await route.fulfill({ json: { ...report, prefixes: [...report.prefixes, ...real.prefixes] } });
  });
  await page.goto(server.url);
  await row(page, '/openai').waitFor();
  await page.getByRole('button', { name: 'Details of /openai' }).click();
  t.true((await page.evaluate<number>('document.documentElement.scrollWidth')) <= 360);
});

test.serial('figures of a server that went away are called old, and live again when it is back', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-away-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const first = await startServer({ folder });
  const { page } = await openPage(t, browser);
  await page.clock.install();
  await page.goto(first.url);
  await shows(state(page), 'Live');
  await first.stop();
  await page.clock.fastForward(3000);
  await shows(state(page), 'Reconnecting');
  await page.clock.fastForward(9000);
  await shows(state(page), 'Out of date');
  await shows(
    page.locator('.notice-bad'),
    /These figures are from \d\d:\d\d:\d\d\s*The gateway cannot be reached/,
  );
  t.true(await row(page, '/openai').isVisible());

  await serve(t, { folder, env: { PORT: String(first.port) } });
  await page.clock.fastForward(60_000);
  await shows(state(page), 'Live');
  t.is(await page.locator('.notice-bad').count(), 0);
});

test.serial('a page that nobody sees asks for nothing, and asks at once when it is seen again', async t => {
  const server = await serve(t);
  const { page } = await openPage(t, browser);
  await page.clock.install();
  let asked = 0;
  page.on('request', request => {
    if (request.url().includes('/stats?')) asked += 1;
  });
  const see = (seen: boolean) =>
    page.evaluate(`
      Object.defineProperty(document, 'hidden', { configurable: true, value: ${!seen} });
      document.dispatchEvent(new Event('visibilitychange'));
    `);
  await page.goto(server.url);
  await shows(state(page), 'Live');
  await see(false);
  const before = asked;
  for (let minute = 0; minute < 5; minute += 1) await page.clock.runFor(60_000);
  t.is(asked, before);
  const answered = page.waitForResponse(/\/stats\?/);
  await see(true);
  await answered;
  t.is(asked, before + 1);
});

test.serial(
  'a store that does not answer is named, and the list of the console says that it may be old',
  async t => {
    const redis = await startRedis();
    t.teardown(() => redis.stop());
    const server = await serve(t, { env: { API_PROXY_REDIS_URL: redis.url } });
    await server.map('/lab', await startUpstream(t));
    const { page } = await openPage(t, browser);
    await signIn(page, server.url);
    await redis.kill();
    await page.goto(server.url);
    await shows(state(page), 'Degraded');
    await shows(page.locator('.notice-warn'), 'Redis does not answer');
    await page.goto(`${server.url}/admin`);
    await shows(page.locator('.notice-warn'), 'The store does not answer');
    t.true(await row(page, '/lab').isVisible());
    await redis.start();
    await page.goto(server.url);
    await shows(state(page), 'Live');
  },
);

test.serial('a device whose clock is off is told, and ages follow the server’s clock', async t => {
  const server = await serve(t);
  await server.map('/lab', await startUpstream(t));
  await send(`${server.url}/lab/x`, 1);
  await server.untilCounted(1, '/lab');
  const { page } = await openPage(t, browser);
  await page.clock.install({ time: Date.now() + 3 * 3_600_000 });
  await page.goto(server.url);
  await shows(page.locator('.notice-info'), /clock of this device is off\s*It is (3 hr|2 hr 59 min) ahead/);
  t.regex(await row(page, '/lab').locator('.column-seen').innerText(), /now|sec/);
});

test.serial('an answer that is not ours is no figure', async t => {
  const server = await serve(t);
  const { page, problems } = await openPage(t, browser);
  await page.route('**/stats?*', route =>
    route.fulfill({ body: '<h1>Bad gateway</h1>', contentType: 'text/html' }),
  );
  await page.goto(server.url);
  await shows(state(page), 'Unreachable');
  await shows(page.locator('.notice-bad'), 'Is something else in between?');
  t.deepEqual(problems, []);
});

test.serial('a panel that is not public leads to the login', async t => {
  const server = await serve(t, { env: { PUBLIC_PANEL: 'false' } });
  const { page } = await openPage(t, browser);
  await page.goto(server.url);
  await page.locator('[name=token]').waitFor();
  t.is(new URL(page.url()).pathname, '/admin');
  await signIn(page, server.url);
  await page.goto(server.url);
  await shows(state(page), 'Live');
  await page.context().clearCookies();
  await shows(page.locator('.notice'), 'This panel is for signed-in people');
});

test.serial('a first visit transfers less than 120 kB, and a second one hardly anything', async t => {
  const server = await serve(t);
  const { page } = await openPage(t, browser);
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  let bytes = 0;
  const polls = new Set<string>();
  session.on('Network.requestWillBeSent', ({ request, requestId }) => {
    if (request.url.includes('/stats?')) polls.add(requestId);
  });
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    // Only the first figures belong to the visit; a slow machine waits for more of them.
    if (!polls.has(requestId) || polls.size === 1) bytes += encodedDataLength;
  });
  for (const path of ['/', '/admin']) {
    bytes = 0;
    await page.goto(server.url + path, { waitUntil: 'networkidle' });
    t.true(bytes > 10_000 && bytes < 120_000, `${path} transferred ${bytes} bytes`);
  }
  bytes = 0;
  await page.goto(server.url);
  await shows(state(page), 'Live');
  t.true(bytes < 12_000, `the second visit transferred ${bytes} bytes`);
});
