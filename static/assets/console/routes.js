// @ts-check

/**
 * The console's pages. A page is one file that exports `View`; it is fetched when it is first opened.
 *
 * @typedef {object} Route
 * @property {string} path after `#/`
 * @property {import('../lib/i18n.js').Key} title
 * @property {() => Promise<{ View: any }>} load
 */

/** @type {readonly [Route, ...Route[]]} */
export const routes = [{ path: 'mappings', title: 'nav.mappings', load: () => import('./mappings/view.js') }];

/**
 * The route of an address; the first one where it names none.
 *
 * @param {string} hash
 * @returns {Route}
 */
export function routeOf(hash) {
  const path = hash.replace(/^#\/?/, '').split('/')[0];
  return routes.find(route => route.path === path) ?? routes[0];
}
