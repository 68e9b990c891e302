// @ts-check
import { base } from '../lib/api.js';
import { formatSpan, formatTime } from '../lib/format.js';
import { html, useEffect, useMemo, useState } from '../lib/html.js';
import { language, t } from '../lib/i18n.js';
import { remember, remembered } from '../lib/preferences.js';
import { useSignal } from '../lib/signal.js';
import { useStats, windowNames } from '../lib/stats.js';
import { PageFoot, PageHead, SkipLink } from '../parts/page-head.js';
import { Toasts } from '../parts/toast.js';
import { Connect } from './connect.js';
import { DryBanner } from './dry-banner.js';
import { LiveFigures, LiveSummary } from './live-figures.js';
import { LiveState, Notices } from './notices.js';
import { PrefixTable } from './prefix-table.js';
import { Traffic } from './traffic.js';

/** @typedef {import('../lib/stats.js').WindowName} WindowName */

/** The page at `/`: what passes through the gateway now and lately, and how to use it. */
export function Panel() {
  const tag = useSignal(language);
  const [windowName, setWindowName] = useState(rememberedWindow);
  const live = useStats(windowName);
  const [prefix, setPrefix] = useState(/** @type {string | undefined} */ (undefined));
  const { report } = live;
  const prefixes = useMemo(() => [...(report?.prefixes ?? [])].sort(), [report?.prefixes]);
  const firstPrefix = prefixes.includes('/openai') ? '/openai' : prefixes[0];
  const chosenPrefix =
    prefix !== undefined && (prefixes.includes(prefix) || report === undefined) ? prefix : firstPrefix;

  useEffect(() => {
    document.title = t('panel.title');
  }, [tag]);

  /** @param {WindowName} next */
  function chooseWindow(next) {
    remember('window', next);
    setWindowName(next);
  }

  /** @param {string} next */
  function use(next) {
    setPrefix(next);
    const card = document.getElementById('connect');
    card?.scrollIntoView({ block: 'nearest' });
    card?.querySelector('input')?.focus({ preventScroll: true });
  }

  return html`
    <${SkipLink} />
    <${PageHead}
      href=${`${base}/`}
      state=${html`<${LiveState} live=${live} />`}
      link=${{ href: `${base}/admin`, text: t('page.console'), icon: 'console' }}
    />
    <main id="main" class="panel" tabindex="-1">
      <h1 class="visually-hidden">${t('panel.title')}</h1>
      <${Notices} live=${live} />
      <${DryBanner} />
      <${LiveFigures} live=${live} />
      <div class="panel-middle">
        <${Traffic} live=${live} chosen=${windowName} onChoose=${chooseWindow} />
        <${Connect} known=${report !== undefined} prefixes=${prefixes} prefix=${chosenPrefix} onChoose=${setPrefix} />
      </div>
      <${PrefixTable} live=${live} prefixes=${prefixes} onUse=${use} />
    </main>
    <${PageFoot}
      links=${[
        { href: '/status', text: t('page.status') },
        { href: '/stats', text: t('page.stats') },
        { href: '/metrics', text: t('page.metrics') },
        { href: '/health', text: t('page.health') },
      ]}
    >
      ${
        report &&
        html`Switchyard ${report.version} ·${' '}
          ${t('panel.up', { span: formatSpan(report.performance.uptime_seconds) })} ·${' '}
          ${t('panel.workers', { count: report.performance.workers })} ·${' '}
          ${t('panel.zone', { zone: report.time_zone, time: formatTime(report.generated_at_ms, 'minute', report.time_zone) })}`
      }
    <//>
    <${LiveSummary} live=${live} />
    <${Toasts} />
  `;
}

/** @returns {WindowName} */
function rememberedWindow() {
  const name = remembered('window');
  return windowNames.find(each => each === name) ?? '24h';
}
