// @ts-check

/** @type {Map<string, Promise<void>>} */
const asked = new Map();

/**
 * Fetches a style sheet that not every page has, before what it styles is shown.
 *
 * @param {string} path under `css/`
 * @returns {Promise<void>} rejects when it cannot be fetched; asking again tries again
 */
export function needStyle(path) {
  let loading = asked.get(path);
  if (loading === undefined) {
    loading = new Promise((resolve, reject) => {
      const link = document.createElement('link');
      link.rel = 'stylesheet';
      link.href = new URL(`../css/${path}`, import.meta.url).href;
      link.onload = () => resolve();
      link.onerror = () => {
        link.remove();
        asked.delete(path);
        reject(new TypeError(`Expected the style sheet ${path} to load`));
      };
      document.head.append(link);
    });
    asked.set(path, loading);
  }
  return loading;
}
