// @ts-check
import { remember } from './preferences.js';
import { createSignal } from './signal.js';

/** @typedef {'en' | 'zh-CN'} Language */
/** @typedef {keyof typeof import('./words-en.js').en | keyof typeof import('./pool-words-en.js').en} Key */
/** @typedef {Record<string, string | { one: string, other: string }>} Words */

/** @type {readonly { id: Language, label: string, short: string }[]} */
export const languages = [
  { id: 'zh-CN', label: '简体中文', short: '中文' },
  { id: 'en', label: 'English', short: 'EN' },
];

/** @type {Map<Language, Words>} */
const words = new Map();

/** Texts by file: those of every page, and those of the pages about keys. */
const packs = {
  words: {
    en: async () => (await import('./words-en.js')).en,
    'zh-CN': async () => (await import('./words-zh.js')).zh,
  },
  pool: {
    en: async () => (await import('./pool-words-en.js')).en,
    'zh-CN': async () => (await import('./pool-words-zh.js')).zh,
  },
};

/** @typedef {keyof typeof packs} Pack */

/** @type {Set<Pack>} */
const wanted = new Set(['words']);

/**
 * A page needs the texts of one language; those of the other come when it is asked for.
 *
 * @param {Language} tag
 */
async function loadWords(tag) {
  const texts = await Promise.all([...wanted].map(pack => packs[pack][tag]()));
  words.set(tag, Object.assign({}, ...texts));
}

/**
 * Fetches texts that not every page has, before the first of them is shown.
 *
 * @param {Pack} pack
 */
export async function needWords(pack) {
  wanted.add(pack);
  for (let tag; tag !== language.get(); ) {
    tag = language.get();
    await loadWords(tag);
  }
}

/**
 * `boot.js` has put the first choice on the document.
 *
 * @type {import('./signal.js').Signal<Language>}
 */
export const language = createSignal(document.documentElement.lang === 'zh-CN' ? 'zh-CN' : 'en');
await loadWords(language.get());

/**
 * @param {Language} next
 * @throws {TypeError} when its texts cannot be fetched; the language then stays
 */
export async function chooseLanguage(next) {
  await loadWords(next);
  document.documentElement.lang = next;
  remember('language', next);
  language.set(next);
}

/** @type {Map<string, Intl.PluralRules>} */
const pluralRules = new Map();

/** @param {Language} tag */
function pluralRule(tag) {
  let rule = pluralRules.get(tag);
  if (rule === undefined) {
    rule = new Intl.PluralRules(tag);
    pluralRules.set(tag, rule);
  }
  return rule;
}

/**
 * A text in the reader's language. `{name}` in it is replaced by `values.name`; where the text has forms for one and for
 * many, `values.count` decides and numbers are written the reader's way.
 *
 * @param {Key} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const tag = language.get();
  const entry = words.get(tag)?.[key] ?? key;
  const text =
    typeof entry === 'string'
      ? entry
      : pluralRule(tag).select(Number(values.count)) === 'one'
        ? entry.one
        : entry.other;
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? value.toLocaleString(tag) : value;
  });
}

/**
 * Whether a text exists: for keys made from a server's error code.
 *
 * @param {string} key
 * @returns {key is Key}
 */
export function isKey(key) {
  return Object.hasOwn(words.get(language.get()) ?? {}, key);
}
