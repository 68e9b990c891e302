// @ts-check
import { html } from '../lib/html.js';
import { chooseLanguage, language, languages, t } from '../lib/i18n.js';
import { useSignal } from '../lib/signal.js';
import { chooseTheme, theme, themes } from '../lib/theme.js';
import { Button } from './button.js';
import { toast } from './toast.js';

/** Goes round system → light → dark; its name says what holds now. */
export function ThemeSwitch() {
  const now = useSignal(theme);
  const next = themes[(themes.indexOf(now) + 1) % themes.length] ?? 'system';
  return html`<${Button}
    icon=${now}
    iconOnly
    kind="quiet"
    text=${t('theme.label', { now: t(`theme.${now}`), next: t(`theme.${next}`) })}
    data-theme-now=${now}
    onClick=${() => chooseTheme(next)}
  />`;
}

/** Says the other language in that language. */
export function LanguageSwitch() {
  const now = useSignal(language);
  const other = languages.find(({ id }) => id !== now) ?? languages[0];
  if (other === undefined) return null;

  async function choose() {
    try {
      await chooseLanguage(/** @type {import('../lib/i18n.js').Language} */ (other?.id));
    } catch {
      toast({ text: t('error.NETWORK'), kind: 'bad' });
    }
  }

  return html`<${Button}
    kind="quiet"
    class="language-switch"
    text=${other.short}
    lang=${other.id}
    title=${other.label}
    onClick=${choose}
  />`;
}
