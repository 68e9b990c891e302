// @ts-check

import { remember } from './preferences.js';
import { createSignal } from './signal.js';
import { en } from './words-en.js';
import { zh } from './words-zh.js';

/** @typedef {'en' | 'zh-CN'} Language */
/** @typedef {keyof typeof en} Key */

/** @type {Record<Language, Record<string, string | { one: string, other: string }>>} */
const words = { en, 'zh-CN': zh };

/** @type {readonly { id: Language, label: string, short: string }[]} */
export const languages = [
  { id: 'zh-CN', label: '简体中文', short: '中文' },
  { id: 'en', label: 'English', short: 'EN' },
];

/**
 * `boot.js` has put the first choice on the document.
 *
 * @type {import('./signal.js').Signal<Language>}
 */
export const language = createSignal(document.documentElement.lang === 'zh-CN' ? 'zh-CN' : 'en');

/** @param {Language} next */
export function chooseLanguage(next) {
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
  const entry = words[tag][key] ?? key;
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
  return Object.hasOwn(en, key);
}
