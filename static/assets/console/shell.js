// @ts-check
import { base, errorText } from '../lib/api.js';
import { html, useEffect, useState } from '../lib/html.js';
import { language, t } from '../lib/i18n.js';
import { useSignal } from '../lib/signal.js';
import { Button } from '../parts/button.js';
import { PageFoot, PageHead, SkipLink } from '../parts/page-head.js';
import { Toasts, toast } from '../parts/toast.js';
import { DryBanner } from './dry-banner.js';
import { routeOf, routes } from './routes.js';
import { signOut } from './session.js';

/** What every console page has around it. */
export function Shell() {
  const tag = useSignal(language);
  const [route, setRoute] = useState(() => routeOf(location.hash));
  const [view, setView] = useState(/** @type {{ of: object, View: any } | undefined} */ (undefined));
  const [leaving, setLeaving] = useState(false);

  useEffect(() => {
    const follow = () => setRoute(routeOf(location.hash));
    window.addEventListener('hashchange', follow);
    return () => window.removeEventListener('hashchange', follow);
  }, []);

  useEffect(() => {
    let wanted = true;
    route.load().then(
      ({ View }) => wanted && setView({ of: route, View }),
      () => toast({ text: t('error.NETWORK'), kind: 'bad' }),
    );
    return () => {
      wanted = false;
    };
  }, [route]);

  useEffect(() => {
    document.title = t('console.title', { page: t(route.title) });
  }, [route, tag]);

  async function leave() {
    setLeaving(true);
    try {
      await signOut();
    } catch (error) {
      toast({ text: errorText(error), kind: 'bad' });
      setLeaving(false);
    }
  }

  return html`
    <${SkipLink} />
    <${PageHead}
      href=${`${base}/admin`}
      nav=${html`<nav class="console-nav" aria-label=${t('console.nav')}>
        ${routes.map(
          each =>
            html`<a key=${each.path} href=${`#/${each.path}`} aria-current=${each === route ? 'page' : undefined}>${t(each.title)}</a>`,
        )}
      </nav>`}
      link=${{ href: `${base}/`, text: t('page.panel'), icon: 'panel' }}
      tools=${html`<${Button} icon="leave" kind="quiet" class="sign-out" text=${t('console.signOut')} busy=${leaving} onClick=${leave} />`}
    />
    <main id="main" class="console" tabindex="-1">
      <${DryBanner} />
      ${view?.of === route && html`<${view.View} />`}
    </main>
    <${PageFoot} links=${[{ href: '/status', text: t('page.status') }, { href: '/openapi.yaml', text: t('page.openapi') }]}>${t('console.foot')}<//>
    <${Toasts} />
  `;
}
