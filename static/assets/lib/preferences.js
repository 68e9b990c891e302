// @ts-check

/** @type {Map<string, string>} */
const withoutStorage = new Map();

/**
 * A choice the reader made on this page before. Where the browser blocks storage it lasts until the page closes.
 *
 * @param {string} name
 * @returns {string | undefined}
 */
export function remembered(name) {
  try {
    return localStorage.getItem(`switchyard.${name}`) ?? undefined;
  } catch {
    return withoutStorage.get(name);
  }
}

/**
 * @param {string} name
 * @param {string | undefined} value `undefined` forgets the choice
 */
export function remember(name, value) {
  try {
    if (value === undefined) localStorage.removeItem(`switchyard.${name}`);
    else localStorage.setItem(`switchyard.${name}`, value);
  } catch {
    if (value === undefined) withoutStorage.delete(name);
    else withoutStorage.set(name, value);
  }
}
