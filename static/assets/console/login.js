// @ts-check
import { ApiError, base, errorText } from '../lib/api.js';
import { html, useEffect, useRef, useState } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { useNow } from '../lib/now.js';
import { Button } from '../parts/button.js';
import { Dialog } from '../parts/dialog.js';
import { Field } from '../parts/field.js';
import { Logo } from '../parts/icon.js';
import { Notice } from '../parts/notice.js';
import { LanguageSwitch, ThemeSwitch } from '../parts/switches.js';
import { Toasts } from '../parts/toast.js';
import { abandonSession, signIn } from './session.js';

/** The whole page, for a reader who is not signed in. */
export function LoginPage() {
  return html`<main id="main" class="login-page">
      <div class="login-card card">
        <div class="login-brand"><${Logo} /><h1>${t('login.heading')}</h1></div>
        <${LoginForm} />
      </div>
      <p class="login-foot">
        <a href=${`${base}/`}>${t('login.panel')}</a>
        <span class="login-switches"><${LanguageSwitch} /><${ThemeSwitch} /></span>
      </p>
    </main>
    <${Toasts} />`;
}

/** Over the page as it is, for a reader whose session has ended: what they typed stays behind it. */
export function LoginDialog() {
  return html`<${Dialog} title=${t('login.expired')} class="dialog-narrow">
    <div class="dialog-body">
      <p>${t('login.expiredText')}</p>
      <${LoginForm} />
      <${Button} kind="quiet" class="button-wide" text=${t('login.discard')} onClick=${abandonSession} />
    </div>
  <//>`;
}

function LoginForm() {
  const [token, setToken] = useState('');
  const [shown, setShown] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState(/** @type {ApiError | undefined} */ (undefined));
  const [waitUntilMs, setWaitUntilMs] = useState(0);
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  const waiting = waitUntilMs > 0;
  const leftSeconds = Math.ceil((waitUntilMs - useNow(waiting)) / 1000);
  const cookiesOff = !navigator.cookieEnabled || failure?.code === 'COOKIES_BLOCKED';

  useEffect(() => {
    form.current?.querySelector('input')?.focus();
  }, []);
  useEffect(() => {
    if (waiting && leftSeconds <= 0) setWaitUntilMs(0);
  }, [waiting, leftSeconds]);

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    if (busy || waiting) return;
    if (token === '') {
      setFailure(new ApiError('TOKEN_EMPTY'));
      form.current?.querySelector('input')?.focus();
      return;
    }
    setBusy(true);
    try {
      await signIn(token);
    } catch (error) {
      const refused = error instanceof ApiError ? error : new ApiError('UNEXPECTED', { cause: error });
      setFailure(refused);
      setBusy(false);
      if (refused.retryAfterSeconds !== undefined)
        setWaitUntilMs(Date.now() + refused.retryAfterSeconds * 1000);
      form.current?.querySelector('input')?.select();
    }
  }

  const error = failure && failure.code !== 'COOKIES_BLOCKED' ? loginErrorText(failure) : undefined;
  return html`<form class="form" ref=${form} onSubmit=${submit} novalidate>
    ${cookiesOff && html`<${Notice} kind="bad" role="alert" title=${t('login.cookies')}>${t('login.cookiesText')}<//>`}
    <${Field}
      label=${t('login.token')}
      name="token"
      type=${shown ? 'text' : 'password'}
      mono
      value=${token}
      onInput=${setToken}
      autocomplete="current-password"
      autocapitalize="off"
      spellcheck=${false}
      error=${error && html`<span role="alert">${error}</span>`}
      hint=${t('login.hint')}
      after=${html`<${Button}
        icon="eye"
        iconOnly
        kind="quiet"
        text=${shown ? t('login.hide') : t('login.show')}
        aria-pressed=${shown ? 'true' : 'false'}
        onClick=${() => setShown(!shown)}
      />`}
    />
    <${Button}
      type="submit"
      kind="primary"
      class="button-wide"
      busy=${busy}
      disabled=${waiting}
      text=${waiting && leftSeconds > 0 ? t('login.wait', { seconds: leftSeconds }) : t('login.submit')}
    />
  </form>`;
}

/** @param {ApiError} error */
function loginErrorText(error) {
  return error.status === 401 ? t('login.wrong') : errorText(error);
}
