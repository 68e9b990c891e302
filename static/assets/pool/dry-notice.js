// @ts-check
import { html } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { Notice } from '../parts/notice.js';

/**
 * Warns that the pool runs dry.
 *
 * @param {{ counts: import('./types.js').KeyCounts, actions?: any }} props
 */
export function DryNotice({ counts, actions }) {
  const empty = counts.active === 0;
  return html`<${Notice}
    kind=${empty ? 'bad' : 'warn'}
    class=${`notice notice-${empty ? 'bad' : 'warn'} dry-notice`}
    title=${empty ? t('dry.empty') : t('dry.title', { count: counts.active })}
    actions=${actions}
  >
    ${t('dry.text', { total: counts.total, resting: counts.resting, banned: counts.banned, disabled: counts.disabled })}
  <//>`;
}
