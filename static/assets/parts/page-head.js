// @ts-check
import { base } from '../lib/api.js';
import { html } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { Icon, Logo } from './icon.js';
import { LanguageSwitch, ThemeSwitch } from './switches.js';

/** The way past the header, for the keyboard: first in the document, seen when it has the focus. */
export function SkipLink() {
  /** @param {Event} event */
  function skip(event) {
    // Not by the address: the console keeps its route there.
    event.preventDefault();
    document.getElementById('main')?.focus();
  }
  return html`<a class="skip-link" href="#main" onClick=${skip}>${t('page.skip')}</a>`;
}

/**
 * The bar at the top of both pages.
 *
 * @param {{ href: string, link: { href: string, text: string, icon: import('./icon.js').IconName }, nav?: any, state?: any,
 *   tools?: any }} props
 */
export function PageHead({ href, link, nav, state, tools }) {
  return html`<header class="page-head">
    <div class="page-head-row">
      <a class="brand" href=${href}><${Logo} /><span>Switchyard</span></a>
      ${state}
      ${nav}
      <div class="page-tools">
        <a class="button button-quiet page-link" href=${link.href}><${Icon} name=${link.icon} /><span>${link.text}</span></a>
        <${LanguageSwitch} />
        <${ThemeSwitch} />
        ${tools}
      </div>
    </div>
  </header>`;
}

/**
 * @param {{ links: readonly { href: string, text: string }[], children?: import('../lib/html.js').Children }} props
 */
export function PageFoot({ links, children }) {
  return html`<footer class="page-foot">
    <div class="page-foot-row">
      <p>${children}</p>
      <nav aria-label=${t('page.machines')}>
        ${links.map(({ href, text }) => html`<a key=${href} href=${base + href}>${text}</a>`)}
      </nav>
    </div>
  </footer>`;
}
