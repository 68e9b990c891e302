import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import test from 'ava';
import { neededModules } from '../../src/server/panel/module-graph.ts';
import { loadStaticSite } from '../../src/server/panel/static-site.ts';
import { openPanel, SITE, staticFolder } from './panel-harness.ts';

const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };

test('pages know the base path and the address of their assets, and ask whether they are still right', async t => {
  const panel = await openPanel(t, { config: { basePath: '/switchyard' } });
  const page = await panel.ask('GET', '/');
  t.is(page.status, 200);
  t.is(page.headers['content-type'], 'text/html; charset=utf-8');
  t.is(page.headers['cache-control'], 'no-cache');
  t.regex(page.text, /data-base="\/switchyard"/);
  const address = /src="\/switchyard(\/assets\/[0-9a-f]{16})\/panel\/main\.js"/.exec(page.text);
  t.truthy(address, page.text);
  t.notRegex(page.text, /\{\{|<!-- modules/);
  t.is((await panel.ask('GET', '/index.html')).text, page.text);

  const again = await panel.ask('GET', '/', { headers: { 'if-none-match': String(page.headers.etag) } });
  t.is(again.status, 304);
  t.is(again.text, '');

  const script = await panel.ask('GET', `${address![1]}/panel/main.js`);
  t.is(script.status, 200);
  t.is(script.headers['content-type'], 'text/javascript; charset=utf-8');
  t.is(script.headers['cache-control'], 'public, max-age=31536000, immutable');
  t.is((await panel.ask('GET', `${address![1]}/panel/../lib/text.js`)).status, 404);
});

test('a page names the modules that its script needs, so that they load at once', async t => {
  const panel = await openPanel(t);
  const { text } = await panel.ask('GET', '/');
  const preloads = [...text.matchAll(/rel="modulepreload" href="\/assets\/[0-9a-f]{16}\/([^"]+)"/g)];
  t.deepEqual(
    preloads.map(match => match[1]),
    ['lib/text.js', 'lib/deep.js'],
  );
});

test('static imports of every form are followed once, and nothing else is', t => {
  const files: Record<string, string> = {
    'a.js':
      "import './b.js';\nimport x, { y } from './deep/c.js';\nexport * from './d.js';\nconst z = import('./late.js');",
    'b.js':
      "import {\n  one,\n  two,\n} from './a.js';\n// import './comment.js'\nimport 'https://elsewhere.example/x.js';",
    'deep/c.js': "export { e } from '../e.js';\nimport './missing.js';",
    'd.js': '',
    'e.js': "const text = 'import';\nconst other = './late.js';",
    'late.js': '',
    'comment.js': '',
  };
  t.deepEqual(
    neededModules('a.js', path => files[path]),
    ['b.js', 'deep/c.js', 'd.js', 'e.js'],
  );
});

test('assets come in the best coding the client takes, and say that it depends', async t => {
  const panel = await openPanel(t);
  const plain = await panel.ask('GET', '/assets/lib/text.js');
  t.is(plain.text, SITE['assets/lib/text.js']);
  t.is(plain.headers['content-encoding'], undefined);
  t.is(plain.headers.vary, 'Accept-Encoding');
  const ask = (codings: string) =>
    panel.ask('GET', '/assets/lib/text.js', { headers: { 'accept-encoding': codings } });
  const brotli = await ask('gzip, deflate, br, zstd');
  t.is(brotli.headers['content-encoding'], 'br');
  t.deepEqual(brotliDecompressSync(brotli.bytes), plain.bytes);
  t.is(brotli.headers['content-length'], String(brotli.bytes.length));
  const gzip = await ask('gzip');
  t.is(gzip.headers['content-encoding'], 'gzip');
  t.deepEqual(gunzipSync(gzip.bytes), plain.bytes);
  t.true(gzip.bytes.length < plain.bytes.length / 5);
  t.is((await ask('br;q=0, gzip;q=0')).headers['content-encoding'], undefined);
  t.is((await ask('identity')).headers['content-encoding'], undefined);
});

test('an asset under no hash or that of another version is served but not kept', async t => {
  const panel = await openPanel(t);
  for (const path of ['/assets/lib/text.js', '/assets/0123456789abcdef/lib/text.js']) {
    const reply = await panel.ask('GET', path);
    t.is(reply.status, 200, path);
    t.is(reply.headers['cache-control'], 'no-cache', path);
    const again = await panel.ask('GET', path, { headers: { 'if-none-match': String(reply.headers.etag) } });
    t.is(again.status, 304, path);
  }
});

test('nothing but known files of the assets folder can be read', async t => {
  const panel = await openPanel(t);
  for (const path of [
    '/assets/.hidden.js',
    '/assets/vendor/x.d.ts',
    '/assets/../index.html',
    '/assets/%2e%2e/index.html',
    '/assets/..%2findex.html',
    '/assets/..\\index.html',
    '/assets//etc/passwd',
    '/assets/lib',
    '/assets/%00',
    '/assets/%',
    '/assets/__proto__',
    '/assets/constructor',
  ]) {
    const reply = await panel.ask('GET', path);
    t.is(reply.status, 404, path);
    t.is(reply.error.code, 'ERR_NOT_FOUND', path);
  }
});

test('the hash changes with any byte of any asset, and with nothing else', t => {
  const folder = staticFolder(t);
  const first = loadStaticSite(folder, '').hash;
  t.is(loadStaticSite(folder, '/elsewhere').hash, first);
  writeFileSync(join(folder, 'index.html'), 'another page');
  t.is(loadStaticSite(folder, '').hash, first);
  writeFileSync(join(folder, 'assets/lib/deep.js'), 'export { };\n');
  const second = loadStaticSite(folder, '').hash;
  t.not(second, first);
  writeFileSync(join(folder, 'assets/lib/new.js'), '');
  t.not(loadStaticSite(folder, '').hash, second);
});

test('a browser gets the console under every path of /admin, and everybody else gets JSON', async t => {
  const panel = await openPanel(t);
  for (const path of ['/admin', '/admin/', '/admin/mappings', '/admin/session', '/admin/keys/7?x=1']) {
    const page = await panel.ask('GET', path, { headers: BROWSER });
    t.is(page.status, 200, path);
    t.regex(page.text, /console at \/assets\/[0-9a-f]{16}</, path);
    t.is(page.headers['content-type'], 'text/html; charset=utf-8');
  }
  t.deepEqual((await panel.ask('GET', '/admin/session')).json, { authenticated: false });
  t.is((await panel.ask('GET', '/admin/mappings', { headers: { accept: '*/*' } })).status, 404);
  t.is((await panel.ask('GET', '/administrator', { headers: BROWSER })).status, 404);
  t.is((await panel.ask('GET', '/admin/mappings/export', { headers: BROWSER })).status, 401);
  t.is((await panel.ask('GET', '/stats', { headers: BROWSER })).headers['content-type'], 'application/json');
});

test('the icon has its own address, for browsers that ask for it unasked', async t => {
  const panel = await openPanel(t);
  for (const path of ['/favicon.svg', '/favicon.ico']) {
    const reply = await panel.ask('GET', path);
    t.is(reply.status, 200);
    t.regex(reply.headers['content-type'] ?? '', /^image\/svg\+xml/);
    t.is(reply.text, SITE['assets/favicon.svg']);
  }
  const bare = { 'index.html': '', 'admin.html': '', 'assets/a.js': '' };
  const without = await openPanel(t, { dependencies: { staticFolder: staticFolder(t, bare) } });
  t.is((await without.ask('GET', '/favicon.svg')).status, 404);
});

const SHIPPED = join(import.meta.dirname, '../../static');

test('the shipped pages fill every placeholder, hold nothing inline, and name only assets that exist', async t => {
  const site = loadStaticSite(SHIPPED, '/base');
  for (const page of [site.panelPage, site.consolePage]) {
    const html = (await page.body('identity')).toString();
    t.notRegex(html, /\{\{|<!-- modules/);
    // Our own policy would keep each of these from working.
    t.notRegex(html, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?:\/\//);
    const addresses = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(match => match[1]!);
    t.true(addresses.length > 0);
    for (const address of addresses) {
      t.true(address.startsWith(`/base/assets/${site.hash}/`), address);
      t.true(site.assets.has(address.slice(`/base/assets/${site.hash}/`.length)), address);
    }
  }
});

test('a shipped page with everything it names is under 120 kB in either coding', async t => {
  const site = loadStaticSite(SHIPPED, '');
  for (const page of [site.panelPage, site.consolePage]) {
    const html = (await page.body('identity')).toString();
    const names = new Set([...html.matchAll(/\/assets\/[0-9a-f]{16}\/([^"]+)"/g)].map(match => match[1]!));
    for (const coding of ['gzip', 'br'] as const) {
      let bytes = 0;
      for (const file of [page, ...[...names].map(name => site.assets.get(name)!)]) {
        bytes += (await file.body(file.compressible ? coding : 'identity')).length;
      }
      t.log(`${names.size} files, ${bytes} bytes in ${coding}`);
      t.true(bytes < 120_000, `${bytes} bytes`);
    }
  }
});
