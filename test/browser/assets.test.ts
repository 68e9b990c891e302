import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { vendoredFiles } from '../../scripts/vendor.ts';
import { errorStatus } from '../../src/base/errors.ts';
import { loadModule } from '../support/browser.ts';

const assets = join(import.meta.dirname, '../../static/assets');
const ownModules = readdirSync(assets, { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.js') && !name.startsWith('vendor'))
  .map(name => ({ name, text: readFileSync(join(assets, name), 'utf8') }));

type Words = Readonly<Record<string, string | { one: string; other: string }>>;
type Pack = Readonly<Record<'en' | 'zh', Words>>;
const packs: Pack[] = await Promise.all(
  ['lib/words', 'lib/pool-words'].map(async path => ({
    en: ((await loadModule(`${path}-en.js`)) as { en: Words }).en,
    zh: ((await loadModule(`${path}-zh.js`)) as { zh: Words }).zh,
  })),
);
const en: Words = Object.assign({}, ...packs.map(pack => pack.en));
const zh: Words = Object.assign({}, ...packs.map(pack => pack.zh));

test('the vendored libraries are those of the installed packages', async t => {
  const expected = await vendoredFiles();
  for (const [name, text] of expected)
    t.is(readFileSync(join(assets, 'vendor', name), 'utf8'), text, `${name}: run node scripts/vendor.ts`);
  const declarations = readdirSync(join(assets, 'vendor')).filter(name => !name.endsWith('.d.ts'));
  t.deepEqual(declarations.sort(), [...expected.keys()].sort());
});

test('both languages have the same texts, forms and blanks', t => {
  for (const pack of packs) t.deepEqual(Object.keys(pack.zh), Object.keys(pack.en));
  t.is(
    Object.keys(en).length,
    packs.map(pack => Object.keys(pack.en).length).reduce((a, b) => a + b),
    'no text twice',
  );
  const blanks = (entry: Words[string]) =>
    JSON.stringify(entry)
      .match(/\{\w+\}/g)
      ?.filter((blank, index, all) => all.indexOf(blank) === index)
      .sort();
  for (const [key, entry] of Object.entries(en)) {
    t.is(typeof zh[key], typeof entry, key);
    t.deepEqual(blanks(zh[key]!), blanks(entry), key);
  }
});

test('every text is used, and every key that is used has a text', t => {
  const source = ownModules.filter(({ name }) => !/^lib\/(pool-)?words-/.test(name)).map(({ text }) => text);
  const whole = source.join('\n');
  const heads = [...whole.matchAll(/`([\w.]+\.)\$\{/g)].map(match => match[1]!);
  const unused = Object.keys(en).filter(
    key => !whole.includes(`'${key}'`) && !heads.some(head => key.startsWith(head)),
  );
  t.deepEqual(unused, []);
  const used = [...whole.matchAll(/\bt\(\s*'([^']+)'/g)].map(match => match[1]!);
  t.true(used.length > 100);
  t.deepEqual(
    used.filter(key => !(key in en)),
    [],
  );
});

test('texts about errors are about codes that the server has, or the pages themselves', t => {
  const ofPages = ['NETWORK', 'TIMEOUT', 'UNREADABLE', 'UNEXPECTED', 'TOKEN_EMPTY'];
  const codes = Object.keys(en)
    .filter(key => key.startsWith('error.'))
    .map(key => key.split('.')[1]!);
  t.deepEqual(
    codes.filter(code => !(code in errorStatus) && !ofPages.includes(code)),
    [],
  );
});

test('no sentence stands in the markup itself', t => {
  const names = /^(Switchyard|s|p50|p95|\/|→|·|&nbsp;|\s)*$/;
  for (const { name, text } of ownModules) {
    const bare = [...text.matchAll(/>([^<>${}=;()`]*[A-Za-z]{2}[^<>${}=;()`]*)<\//g)].map(match =>
      match[1]!.trim(),
    );
    t.deepEqual(
      bare.filter(words => !names.test(words)),
      [],
      name,
    );
  }
});

test('every module of the pages is type-checked, and imports only its neighbours', t => {
  for (const { name, text } of ownModules) {
    t.regex(text, /^\/\/ @ts-check\n/, name);
    for (const [, target] of text.matchAll(/^(?:import|export)\b[^'"]*?from '([^']+)'/gm)) {
      t.regex(target!, /^\.{1,2}\/[\w./-]+\.js$/, name);
    }
  }
});

test('the pages have no inline script, no inline style and no foreign address', t => {
  for (const page of ['index.html', 'admin.html', 'status.html']) {
    const text = readFileSync(join(assets, '..', page), 'utf8');
    t.notRegex(text, /<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=/, page);
    for (const [, address] of text.matchAll(/(?:src|href)="([^"]+)"/g))
      t.regex(address!, /^\{\{assets\}\}\//);
  }
});
