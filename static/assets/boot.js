// @ts-check
// Runs before the first paint, so that a remembered theme or language never flashes in after another one.
(() => {
  const root = document.documentElement;
  /** @param {string} name */
  const remembered = name => {
    try {
      return localStorage.getItem(`switchyard.${name}`);
    } catch {
      return null; // Storage is blocked: the system's choice holds.
    }
  };
  const theme = remembered('theme');
  if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;
  const wanted = [remembered('language'), ...navigator.languages].find(tag => /^(zh|en)\b/i.test(tag ?? ''));
  root.lang = /^zh/i.test(wanted ?? '') ? 'zh-CN' : 'en';

  // Which texts the page needs is known here first.
  const words = document.createElement('link');
  words.rel = 'modulepreload';
  const script = /** @type {HTMLScriptElement} */ (document.currentScript);
  words.href = new URL(`lib/words-${root.lang.slice(0, 2)}.js`, script.src).href;
  document.head.append(words);
})();
