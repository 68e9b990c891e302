// @ts-check
import { errorText } from '../lib/api.js';
import { html, useEffect, useState } from '../lib/html.js';
import { language, t } from '../lib/i18n.js';
import { useSignal } from '../lib/signal.js';
import { Button } from '../parts/button.js';
import { Notice } from '../parts/notice.js';
import { LoginDialog, LoginPage } from './login.js';
import { refreshSession, session } from './session.js';
import { Shell } from './shell.js';

const CHECK_EVERY_MS = 60_000;

/** The page at `/admin`: the login, or the shell with one view. */
export function Console() {
  const tag = useSignal(language);
  const state = useSignal(session);
  const [failure, setFailure] = useState(/** @type {unknown} */ (undefined));

  async function check() {
    try {
      await refreshSession();
      setFailure(undefined);
    } catch (error) {
      setFailure(error);
    }
  }

  useEffect(() => {
    void check();
    // A session also ends without a request of ours: by its time, or because the secret changed.
    const again = () => {
      if (!document.hidden && session.get() === 'in') void check();
    };
    const timer = setInterval(again, CHECK_EVERY_MS);
    document.addEventListener('visibilitychange', again);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', again);
    };
  }, []);

  useEffect(() => {
    if (state === 'out' || state === 'unknown') document.title = t('login.title');
  }, [state, tag]);

  if (state === 'unknown') {
    return failure === undefined
      ? null
      : html`<main id="main" class="login-page">
          <${Notice} kind="bad" title=${t('console.away')} actions=${html`<${Button} text=${t('console.again')} onClick=${check} />`}>
            ${errorText(failure)}
          <//>
        </main>`;
  }
  if (state === 'out') return html`<${LoginPage} />`;
  return html`<${Shell} />${state === 'expired' && html`<${LoginDialog} />`}`;
}
