import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test, { type ExecutionContext } from 'ava';
import type { Browser, Locator, Page } from 'playwright-core';
import { openPage, signIn, startBrowser } from '../support/browser.ts';
import { ADMIN_TOKEN, type Server, type ServerOptions, startServer } from '../support/server.ts';

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

async function startUpstream(
  t: ExecutionContext,
  status = 200,
): Promise<{ url: string; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = [];
  const upstream = createServer((request, response) => {
    requests.push(request);
    response.writeHead(status).end('hello');
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  t.teardown(() => upstream.close());
  return { url: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`, requests };
}

const row = (page: Page, prefix: string): Locator => page.locator(`tr[data-row="${prefix}"]`);
const dialog = (page: Page): Locator => page.locator('dialog');
const field = (page: Page, name: string): Locator => dialog(page).locator(`[name=${name}]`);
const submit = (page: Page): Locator => dialog(page).locator('[type=submit]');
/** The error that belongs to a field, found as a screen reader finds it. */
async function errorOf(page: Page, name: string): Promise<string> {
  const input = page.locator(`[name=${name}][aria-invalid=true]`);
  await input.waitFor();
  const id = (await input.getAttribute('aria-describedby'))!.split(' ')[0]!;
  return await page.locator(`[id="${id}"]`).innerText();
}
async function shows(locator: Locator, text: string | RegExp): Promise<true> {
  await locator.filter({ hasText: text }).waitFor();
  return true;
}
async function targetOf(server: Server, prefix: string): Promise<string | undefined> {
  const { mappings } = (await server.admin('GET', '/api/mappings')).body;
  return mappings.find((mapping: { prefix: string }) => mapping.prefix === prefix)?.target;
}

test.serial('a mapping is added, serves at once, is edited and is deleted', async t => {
  const server = await serve(t);
  const [first, second] = [await startUpstream(t), await startUpstream(t)];
  const { page, problems } = await openPage(t, browser);
  await signIn(page, server.url);

  await page.getByRole('button', { name: 'Add mapping' }).click();
  await field(page, 'prefix').fill('lab/');
  await field(page, 'target').fill(` ${first.url} `);
  await submit(page).click();
  await shows(page.locator('.toast'), '/lab is live');
  await shows(row(page, '/lab'), first.url);
  t.is(await (await fetch(`${server.url}/lab/x`)).text(), 'hello');
  t.is(first.requests.length, 1);

  await row(page, '/lab').getByRole('button', { name: 'Edit /lab' }).click();
  t.true(
    await field(page, 'prefix')
      .isEditable()
      .then(editable => !editable),
  );
  await field(page, 'target').fill(second.url);
  await submit(page).click();
  await shows(row(page, '/lab'), second.url);
  await (await fetch(`${server.url}/lab/x`)).text();
  t.is(second.requests.length, 1);

  await row(page, '/lab').getByRole('button', { name: 'Delete /lab' }).click();
  await shows(dialog(page), second.url);
  await dialog(page).getByRole('button', { name: 'Cancel' }).click();
  t.is(await targetOf(server, '/lab'), second.url);
  await row(page, '/lab').getByRole('button', { name: 'Delete /lab' }).click();
  await dialog(page).getByRole('button', { name: 'Delete' }).click();
  await row(page, '/lab').waitFor({ state: 'detached' });
  t.is((await fetch(`${server.url}/lab/x`)).status, 404);
  t.deepEqual(problems, []);
});

test.serial('errors stand at the field they belong to, in words', async t => {
  const server = await serve(t);
  const { page } = await openPage(t, browser);
  await signIn(page, server.url);
  await page.getByRole('button', { name: 'Add mapping' }).click();
  const tries = async (prefix: string, target: string) => {
    await field(page, 'prefix').fill(prefix);
    await field(page, 'target').fill(target);
    await submit(page).click();
  };
  await tries('', '');
  t.regex(await errorOf(page, 'prefix'), /Enter a prefix/);
  t.regex(await errorOf(page, 'target'), /Enter a target/);
  await tries('/openai', 'https://a.example');
  t.regex(await errorOf(page, 'prefix'), /There is a mapping of this prefix already/);
  await tries('/admin/x', 'https://a.example');
  t.regex(await errorOf(page, 'prefix'), /uses this path itself/);
  await tries('/fine', 'https://a.example/ü');
  const refused = await errorOf(page, 'target');
  t.regex(refused, /The gateway refused this target/);
  t.regex(refused, /Expected `target`/, 'the server’s own words follow');
  t.is(await page.evaluate<string>('document.activeElement.name'), 'target');
  await page.keyboard.press('Escape');
  await dialog(page).waitFor({ state: 'detached' });
});

test.serial('a wrong token is told at its field, and too many make the page wait', async t => {
  const server = await serve(t);
  const { page } = await openPage(t, browser);
  await page.goto(`${server.url}/admin`);
  await page.locator('[type=submit]').click();
  t.is(await errorOf(page, 'token'), 'Enter the admin token.');
  await page.locator('[name=token]').fill('not-the-token-at-all');
  await page.locator('[type=submit]').click();
  await shows(page.locator('.field-error'), 'This is not the admin token.');
  for (let attempt = 0; attempt < 10; attempt += 1) {
    await fetch(`${server.url}/admin/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token: `guess-${attempt}` }),
    });
  }
  await page.locator('[name=token]').fill(ADMIN_TOKEN);
  await page.locator('[type=submit]').click();
  await shows(page.locator('.field-error'), 'Too many attempts');
  t.regex(await page.locator('[type=submit]').innerText(), /^Wait \d+ s$/);
  t.true(await page.locator('[type=submit]').isDisabled());
  t.is(await page.evaluate<string>('JSON.stringify({ ...localStorage, ...sessionStorage })'), '{}');
});

test.serial('signing out ends the session, here and on the server', async t => {
  const server = await serve(t);
  const { page } = await openPage(t, browser);
  await signIn(page, server.url);
  const cookies = await page.context().cookies();
  t.true(cookies.every(cookie => cookie.httpOnly && cookie.sameSite === 'Strict'));
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.locator('[name=token]').waitFor();
  const headers = { cookie: cookies.map(({ name, value }) => `${name}=${value}`).join('; ') };
  t.is((await fetch(`${server.url}/api/mappings`, { headers })).status, 401);
});

test.serial('a browser that keeps no cookies is told so', async t => {
  const server = await serve(t);
  const { page } = await openPage(t, browser);
  await page.route('**/admin/session', async route => {
    const response = await route.fetch();
    await page.context().clearCookies();
    const headers = response.headers();
    delete headers['set-cookie'];
    await route.fulfill({ response, headers });
  });
  await page.goto(`${server.url}/admin`);
  await page.locator('[name=token]').fill(ADMIN_TOKEN);
  await page.locator('[type=submit]').click();
  await shows(page.locator('.notice-bad'), 'This browser keeps no cookies for this site');
  t.is(await page.locator('.field-error').count(), 0);
});

test.serial(
  'a session that ended asks for the token over the page, and the edit goes on after it',
  async t => {
    const server = await serve(t);
    const { page } = await openPage(t, browser);
    await signIn(page, server.url);
    await row(page, '/claude').getByRole('button', { name: 'Edit /claude' }).click();
    await field(page, 'target').fill('https://typed.example');
    await page.context().clearCookies();
    await submit(page).click();
    const login = page.locator('dialog', { hasText: 'Your session has ended' });
    await login.waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await login.locator('[name=token]').fill(ADMIN_TOKEN);
    await login.locator('[type=submit]').click();
    await shows(row(page, '/claude'), 'https://typed.example');
    await dialog(page).first().waitFor({ state: 'detached' });
    t.is(await targetOf(server, '/claude'), 'https://typed.example');
  },
);

test.serial('a session ends with the secret’s change', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-secret-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const first = await startServer({ folder });
  const { page } = await openPage(t, browser);
  await signIn(page, first.url);
  await first.stop();
  const env = { PORT: String(first.port), ADMIN_TOKEN: 'another-admin-token-91c2' };
  await serve(t, { folder, env });
  await page.getByRole('button', { name: 'Add mapping' }).click();
  await field(page, 'prefix').fill('/later');
  await field(page, 'target').fill('https://later.example');
  await submit(page).click();
  t.true(await shows(page.locator('dialog').last(), 'Your session has ended'));
});

test.serial('of two who edit the same mapping the later one is told, and decides', async t => {
  const server = await serve(t);
  const [early, late] = [await openPage(t, browser), await openPage(t, browser)];
  for (const { page } of [early, late]) {
    await signIn(page, server.url);
    await row(page, '/claude').getByRole('button', { name: 'Edit /claude' }).click();
  }
  await field(early.page, 'target').fill('https://early.example');
  await submit(early.page).click();
  await shows(row(early.page, '/claude'), 'https://early.example');

  await field(late.page, 'target').fill('https://late.example');
  await submit(late.page).click();
  await shows(dialog(late.page).locator('.notice-warn'), /Somebody else changed.*https:\/\/early\.example/);
  t.is(await targetOf(server, '/claude'), 'https://early.example', 'nothing was written over');
  t.is(await field(late.page, 'target').inputValue(), 'https://late.example');
  await dialog(late.page).getByRole('button', { name: 'Use theirs' }).click();
  t.is(await field(late.page, 'target').inputValue(), 'https://early.example');
  await field(late.page, 'target').fill('https://late.example');
  await submit(late.page).click();
  await shows(row(late.page, '/claude'), 'https://late.example');
});

test.serial(
  'a mapping that somebody else deleted or changed is told when one edits or deletes it',
  async t => {
    const server = await serve(t);
    const { page } = await openPage(t, browser);
    await signIn(page, server.url);
    await row(page, '/claude').getByRole('button', { name: 'Edit /claude' }).click();
    await server.admin('DELETE', '/api/mappings/claude');
    await field(page, 'target').fill('https://again.example');
    await submit(page).click();
    await shows(dialog(page), 'Somebody else deleted this mapping meanwhile');
    await dialog(page).getByRole('button', { name: 'Add it again' }).click();
    await shows(row(page, '/claude'), 'https://again.example');

    await row(page, '/claude').getByRole('button', { name: 'Delete /claude' }).click();
    await server.map('/claude', 'https://changed.example');
    await dialog(page).getByRole('button', { name: 'Delete' }).click();
    await shows(dialog(page), /\/claude → https:\/\/changed\.example.*Delete it all the same/);
    await dialog(page).getByRole('button', { name: 'Delete' }).click();
    await row(page, '/claude').waitFor({ state: 'detached' });
    t.is(await targetOf(server, '/claude'), undefined);
  },
);

test.serial('a trial shows the status and the time, or what stood in the way', async t => {
  const server = await serve(t);
  const [good, bad] = [await startUpstream(t, 401), await startUpstream(t, 503)];
  await server.map('/good', good.url);
  await server.map('/failing', bad.url);
  await server.map('/closed', 'http://127.0.0.1:1');
  const { page } = await openPage(t, browser);
  await signIn(page, server.url);
  const trial = async (prefix: string) => {
    await row(page, prefix)
      .getByRole('button', { name: `Try ${prefix}` })
      .click();
    await row(page, prefix).locator('.badge').waitFor();
    return row(page, prefix).locator('.trial-result');
  };
  t.regex(await (await trial('/good')).innerText(), /^401\s+[\d.]+\sms$/);
  t.is(await (await trial('/failing')).locator('.badge-warn').innerText(), '503');
  t.is(await (await trial('/closed')).locator('.badge-bad').innerText(), 'connection refused');
  t.is(good.requests.length, 1);
});

test.serial('mappings are exported to a file and imported from one, all or none', async t => {
  const server = await serve(t);
  const { page } = await openPage(t, browser);
  await signIn(page, server.url);
  const downloading = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Export' }).click();
  const download = await downloading;
  t.is(download.suggestedFilename(), 'switchyard-mappings.json');
  const exported = JSON.parse(readFileSync(await download.path(), 'utf8'));
  t.is(exported.mappings['/openai'], 'https://api.openai.com');

  await page.getByRole('button', { name: 'Import' }).click();
  await field(page, 'mappings').fill('{"/openai": ');
  t.regex(await errorOf(page, 'mappings'), /not a JSON object/);
  t.true(await submit(page).isDisabled());
  await field(page, 'mappings').fill('{"/ok": "https://ok.example", "/b d": "https://bad.example"}');
  await shows(dialog(page), /1 entry is not valid.*\/b d/);
  await field(page, 'mappings').fill('{"/ok": "https://ok.example", "/admin": "https://bad.example"}');
  await submit(page).click();
  await shows(dialog(page), /Nothing was imported.*\/admin.*uses this path itself/);
  t.is(await targetOf(server, '/ok'), undefined);

  exported.mappings['/openai'] = 'https://eu.api.openai.com';
  exported.mappings['/ok'] = 'https://ok.example';
  const buffer = Buffer.from(JSON.stringify(exported));
  await page
    .locator('#import-file')
    .setInputFiles({ name: 'file.json', mimeType: 'application/json', buffer });
  await shows(dialog(page), /New: 1 · changed: 1 · the same: \d+/);
  await submit(page).click();
  await shows(row(page, '/ok'), 'https://ok.example');
  await shows(row(page, '/openai'), 'https://eu.api.openai.com');
});

test.serial('names and targets with markup in them are only text', async t => {
  const server = await serve(t);
  const { page } = await openPage(t, browser);
  await server.map('/markup', "https://example.com/<img/src=x/onerror='hacked=1'>");
  const database = new DatabaseSync(join(server.folder, 'data/switchyard.sqlite'));
  database
    .prepare('INSERT INTO mappings (prefix, target) VALUES (?, ?)')
    .run('/<img src=x onerror="hacked=1">', 'https://example.com');
  database.close();
  await signIn(page, server.url);
  await shows(row(page, '/markup'), "https://example.com/<img/src=x/onerror='hacked=1'>");
  await shows(page.locator('.notice-warn'), '/<img src=x onerror="hacked=1">');
  await page.getByRole('button', { name: 'Add mapping' }).click();
  await field(page, 'prefix').fill('/<b>bold</b>');
  await field(page, 'target').fill('https://example.com');
  await submit(page).click();
  t.regex(await errorOf(page, 'prefix'), /Only letters, digits/);
  t.is(await page.locator('img, b').count(), 0);
  t.is(await page.evaluate<string>('typeof hacked'), 'undefined');
});

test.serial('ten thousand mappings are searched, sorted and paged with fifty rows on the page', async t => {
  const server = await serve(t);
  const mappings = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, index) => [
      `/m${index}`,
      `https://host-${index % 100}.example/${index}`,
    ]),
  );
  t.is((await server.admin('POST', '/admin/mappings/import', { mappings })).status, 200);
  const { page } = await openPage(t, browser);
  await signIn(page, server.url);
  await shows(page.locator('.pager'), /1–50 of 10,0\d\d/);
  const names = () => page.locator('tbody tr .prefix').allInnerTexts();
  t.is((await names()).length, 50);
  await page.getByRole('button', { name: 'Next' }).click();
  await shows(page.locator('.pager'), /51–100 of/);
  await page.getByRole('searchbox').fill('HOST-7.example /m99');
  await shows(page.locator('.pager'), /^1 row/);
  t.deepEqual(await names(), ['/m9907']);
  await page.getByRole('searchbox').fill('host-7.example');
  await shows(page.locator('.pager'), /1–50 of 100/);
  await page.getByRole('button', { name: 'Target', exact: true }).click();
  t.is((await names())[0], '/m1007');

  await page.goto(server.url);
  await shows(page.locator('.pager'), /1–50 of 10,0\d\d/);
  await page.getByRole('combobox').fill('m999');
  t.is(await page.getByRole('option').count(), 11);
  await page.getByRole('searchbox').fill('m9999');
  await shows(page.locator('.pager'), '1 row');
});

test.serial('a server that does not answer is said so, and asked again', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-console-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const first = await startServer({ folder });
  const { page } = await openPage(t, browser);
  await signIn(page, first.url);
  await first.stop();
  await page.getByRole('button', { name: 'Add mapping' }).click();
  await field(page, 'prefix').fill('/later');
  await field(page, 'target').fill('https://later.example');
  await submit(page).click();
  await shows(dialog(page).locator('.form-error'), 'The gateway cannot be reached.');
  await serve(t, { folder, env: { PORT: String(first.port) } });
  await submit(page).click();
  t.true(await shows(row(page, '/later'), 'https://later.example'));
});

test.serial('the console speaks Chinese to a Chinese browser, errors and all', async t => {
  const server = await serve(t);
  const { page } = await openPage(t, browser, { locale: 'zh-CN' });
  await signIn(page, server.url);
  t.is(await page.title(), '映射 · Switchyard 管理台');
  await page.getByRole('button', { name: '添加映射' }).click();
  await field(page, 'prefix').fill('/openai');
  await field(page, 'target').fill('https://a.example');
  await submit(page).click();
  t.is(await errorOf(page, 'prefix'), '这个前缀已经有映射了。');
});
