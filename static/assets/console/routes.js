// @ts-check
import { needWords } from '../lib/i18n.js';
import { needStyle } from '../lib/style.js';

/**
 * The console's pages. A page is one file that exports `View`; it is fetched when it is first opened.
 *
 * @typedef {object} Route
 * @property {string} path after `#/`
 * @property {import('../lib/i18n.js').Key} title
 * @property {() => Promise<{ View: any }>} load
 */

/** @type {readonly [Route, ...Route[]]} */
export const routes = [
  { path: 'mappings', title: 'nav.mappings', load: () => import('./mappings/view.js') },
  { path: 'keys', title: 'nav.keys', load: () => ofPool(import('./keys/view.js'), 'keys.css') },
  { path: 'pools', title: 'nav.pools', load: () => ofPool(import('./pools/view.js'), 'pools.css') },
  { path: 'tokens', title: 'nav.tokens', load: () => ofPool(import('./tokens/view.js'), 'usage.css') },
  {
    path: 'settings',
    title: 'nav.settings',
    load: () => ofPool(import('./settings/view.js'), 'settings.css'),
  },
];

/**
 * A page about keys, with the texts and the styles that only those pages have.
 *
 * @template T
 * @param {Promise<T>} view
 * @param {string} style
 * @returns {Promise<T>}
 */
async function ofPool(view, style) {
  const [loaded] = await Promise.all([view, needWords('pool'), needStyle('pool.css'), needStyle(style)]);
  return loaded;
}

/**
 * The route of an address; the first one where it names none.
 *
 * @param {string} hash
 * @returns {Route}
 */
export function routeOf(hash) {
  const path = hash.replace(/^#\/?/, '').split(/[/?]/)[0];
  return routes.find(route => route.path === path) ?? routes[0];
}
