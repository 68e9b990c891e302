import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { ADMIN_TOKEN } from './server.ts';

const COMMANDS = ['chromium', 'chromium-browser', 'google-chrome'];
/** A page does what it does in well under a second, but two cores may be shared with the rest of the suite. */
const PATIENCE_MS = 20_000;

/** Starts the system's Chromium, which `npm test` installs where there is none. */
export async function startBrowser(): Promise<Browser> {
  return await chromium.launch({
    executablePath: browserCommand(),
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

function browserCommand(): string {
  const folders = (process.env.PATH ?? '').split(delimiter);
  for (const file of COMMANDS.flatMap(command => folders.map(folder => join(folder, command)))) {
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch (error) {
      if (!['ENOENT', 'EACCES', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  throw new Error(`Expected one of ${COMMANDS.join(', ')} to be installed`);
}

export interface TestPage {
  readonly page: Page;
  /** What went wrong in the page by itself: exceptions and breaches of the content security policy. */
  readonly problems: readonly string[];
}

/** Opens a page with cookies and storage of its own, in English and light unless told otherwise. */
export async function openPage(
  t: ExecutionContext,
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<TestPage> {
  const context = await browser.newContext({
    locale: 'en-US',
    timezoneId: 'UTC',
    colorScheme: 'light',
    viewport: { width: 1280, height: 900 },
    ...options,
  });
  t.teardown(() => context.close());
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', error => problems.push(error.message));
  page.on('console', message => {
    if (/content security policy/i.test(message.text())) problems.push(message.text());
  });
  return { page, problems };
}

/** Signs in on the console's login page, and waits for the list. */
export async function signIn(page: Page, url: string): Promise<void> {
  await page.goto(`${url}/admin`);
  await page.locator('[name=token]').fill(ADMIN_TOKEN);
  await page.locator('form [type=submit]').click();
  await page.locator('.view-head').waitFor();
}

/** Cookies of somebody who has signed in, for `openPage`. */
export async function signedIn(url: string): Promise<NonNullable<BrowserContextOptions['storageState']>> {
  const answer = await fetch(`${url}/admin/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token: ADMIN_TOKEN }),
  });
  const [name = '', value = ''] = answer.headers.getSetCookie()[0]!.split(';')[0]!.split('=');
  const cookie = { name, value, domain: new URL(url).hostname, path: '/', expires: -1 };
  return { cookies: [{ ...cookie, httpOnly: true, secure: false, sameSite: 'Strict' }], origins: [] };
}

/** Imports a module of the pages that needs no browser. */
// biome-ignore lint/suspicious/noExplicitAny: the modules are JavaScript, checked by their own tsconfig
export async function loadModule(path: string): Promise<any> {
  return await import(new URL(`../../static/assets/${path}`, import.meta.url).href);
}
