// @ts-check

/**
 * The rules for mappings that can be told before the server is asked. The server holds them too, and has the last word.
 *
 * @typedef {import('../../lib/i18n.js').Key} Key
 */

const LONGEST_PREFIX = 256;
const LONGEST_TARGET = 2048;

/**
 * What a reader most likely meant: no blanks around, one slash before, none after.
 *
 * @param {string} typed
 */
export function tidyPrefix(typed) {
  const trimmed = typed.trim().replace(/\/+$/, '');
  return trimmed === '' || trimmed.startsWith('/') ? trimmed : `/${trimmed}`;
}

/**
 * @param {string} prefix tidied
 * @returns {Key | undefined} the text of the problem
 */
export function prefixProblem(prefix) {
  if (prefix === '') return 'rule.prefixEmpty';
  if (prefix.length > LONGEST_PREFIX) return 'rule.prefixLong';
  if (/\/\.{1,2}(\/|$)/.test(prefix)) return 'rule.prefixDots';
  if (!/^(\/[A-Za-z0-9._~!$&'()*+,;=:@-]+)+$/.test(prefix)) return 'rule.prefixCharacters';
  return undefined;
}

/**
 * @param {string} target without blanks around
 * @returns {Key | undefined}
 */
export function targetProblem(target) {
  if (target === '') return 'rule.targetEmpty';
  if (target.length > LONGEST_TARGET) return 'rule.targetLong';
  if (!/^https?:\/\//i.test(target)) return 'rule.targetScheme';
  if (/[?#]/.test(target)) return 'rule.targetQuery';
  const url = URL.parse(target);
  if (url === null || /\s/.test(target)) return 'rule.targetUrl';
  if (url.username !== '' || url.password !== '') return 'rule.targetCredentials';
  return undefined;
}
