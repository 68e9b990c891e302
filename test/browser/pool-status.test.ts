import test, { type ExecutionContext } from 'ava';
import type { Browser, Locator, Page } from 'playwright-core';
import { openPage, startBrowser } from '../support/browser.ts';
import { type PoolServer, startPoolServer } from '../support/pool-server.ts';
import { good, limited, outOfQuota, startPoolVendor } from '../support/pool-vendor.ts';

let browser: Browser;
let server: PoolServer;
test.before(async () => {
  browser = await startBrowser();
  server = await startPoolServer({ env: { OPENAI_API_KEYS: 'sk-env-0123456789abcdef0123456789' } });
});
test.after.always(async () => {
  await browser.close();
  await server.stop();
});

async function shows(locator: Locator, text: string | RegExp): Promise<true> {
  await locator.filter({ hasText: text }).first().waitFor();
  return true;
}

async function openStatus(t: ExecutionContext, locale = 'en-US') {
  const opened = await openPage(t, browser, { locale });
  await opened.page.goto(`${server.url}/status`);
  await opened.page.locator('.overview').waitFor();
  return opened;
}

const keyRow = (page: Page, key: string): Locator =>
  page.locator('.status-keys tbody tr', { hasText: `…${key.slice(-4)}` });

test.serial('the page at /status shows the pool to everybody, masked, and refreshes itself', async t => {
  t.teardown(() => server.clear());
  const vendor = await startPoolVendor(t);
  const [spent, works, rests] = [
    vendor.key(outOfQuota()),
    vendor.key(good),
    vendor.key(limited('Retry-After: 600')),
  ];
  const ids = await server.addAll(vendor, [spent, works, rests], { notes: 'not for everybody' });
  await server.admin('PATCH', `/admin/keys/${ids[0]}/toggle`, {});
  const { page, problems } = await openStatus(t);
  await shows(page.locator('.live-state'), 'Live');
  await shows(page.locator('.overview'), 'round-robin');
  await shows(page.locator('[data-source=environment]'), '1 key');
  await shows(page.locator('[data-source=stored]'), '3 keys');
  await shows(page.locator('[data-source=oauth]'), /off/i);
  await shows(keyRow(page, spent), /disabled/i);

  await server.admin('DELETE', `/admin/keys/${ids[2]}`);
  await server.admin('PATCH', `/admin/keys/${ids[0]}/toggle`, {});
  await server.configure({ autoBan: { threshold: 7, ban_401: true } });
  await shows(page.locator('.overview'), '7');
  await shows(page.locator('[data-source=stored]'), '2 keys');
  const text = await page.content();
  for (const secret of [spent, works, rests, ...ids, 'not for everybody', vendor.url]) {
    t.false(text.includes(secret), secret);
  }
  t.deepEqual(problems, []);
});

test.serial(
  'what a key answered stands beside how well it does, and a banned one beside its reason',
  async t => {
    t.teardown(() => server.clear());
    const vendor = await startPoolVendor(t);
    const [works, limits, spent] = [
      vendor.key(good),
      vendor.key(limited('Retry-After: 600')),
      vendor.key(outOfQuota()),
    ];
    const ids = await server.addAll(vendor, [works, limits, spent]);
    await server.admin('PUT', '/admin/config', { algorithm: 'round-robin' });
    for (const id of ids) await server.admin('PATCH', `/admin/keys/${id}`, { provider: 'anthropic' });
    const ask = () => server.ask('/v1/messages', { method: 'POST', body: '{"model":"claude-x"}' });
    while (
      (await server.row(ids[1]!)).rests.length === 0 ||
      (await server.row(ids[2]!)).status !== 'banned'
    ) {
      t.is((await ask()).status, 200);
    }
    const asked = (row: { allTime: { requests: number } }) => row.allTime.requests > 0;
    await server.untilRow(ids[1]!, asked);
    const { allTime } = await server.row(ids[0]!);
    const inVain = (await server.row(ids[1]!)).allTime;
    const { page } = await openStatus(t);
    for (const [key, requests, rate] of [
      [works, String(allTime.requests), '100%'],
      [limits, String(inVain.requests), '0%'],
    ] as const) {
      await shows(keyRow(page, key).locator('.column-work'), new RegExp(`^${requests}$`));
      await shows(keyRow(page, key).locator('.column-rate'), new RegExp(`^${rate}$`));
    }
    await shows(page.locator('.status-retired tbody tr'), '429 insufficient_quota');
    t.true(await shows(page.locator('.status-endpoints tbody tr'), '/messages'));
  },
);

test.serial('machines get the same address as JSON', async t => {
  const answer = await fetch(`${server.url}/status`);
  t.regex(answer.headers.get('content-type')!, /json/);
  const { pool } = (await answer.json()) as { pool: { sources: { name: string }[] } };
  t.is(pool.sources[0]!.name, 'environment');
});

test.serial(
  'the page at /status speaks Chinese, and changes its language without asking the server anew',
  async t => {
    const { page } = await openStatus(t, 'zh-CN');
    await shows(page.locator('h1'), '密钥池状态');
    t.is(await page.title(), 'Switchyard · 状态');
    await page.locator('.language-switch').click();
    t.true(await shows(page.locator('h1'), 'Status of the key pool'));
  },
);

test.serial('the page at /status says when its figures are old, and goes on when they are back', async t => {
  const { page } = await openStatus(t);
  let away = true;
  await page.route('**/status', route => (away ? route.abort() : route.continue()));
  await shows(page.locator('.live-state'), 'Reconnecting');
  await page.locator('.overview').waitFor();
  away = false;
  t.true(await shows(page.locator('.live-state'), 'Live'));
});

test.serial('with a private panel, /status is behind the login', async t => {
  const hidden = await startPoolServer({ env: { PUBLIC_PANEL: 'false' } });
  t.teardown(() => hidden.stop());
  const { page } = await openPage(t, browser);
  await page.goto(`${hidden.url}/status`);
  await page.locator('[name=token]').waitFor();
  t.is(new URL(page.url()).pathname, '/admin');
});
