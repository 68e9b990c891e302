// @ts-check
import { formatShortCount } from '../lib/format.js';
import { html } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { keyStatuses } from './types.js';

/**
 * Keys by status, as a bar and in numbers.
 *
 * @param {{ counts: import('./types.js').KeyCounts, wordless?: boolean }} props `wordless`: the bar alone
 */
export function CountsBar({ counts, wordless = false }) {
  const present = keyStatuses.filter(status => counts[status] > 0);
  let from = 0;
  return html`<div class="counts">
    <svg class="counts-bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" focusable="false">
      <rect class="counts-track" width="100" height="6" />
      ${present.map(status => {
        const x = from;
        const width = (counts[status] / counts.total) * 100;
        from += width;
        return html`<rect key=${status} class=${`fill-${status}`} x=${x.toFixed(2)} width=${width.toFixed(2)} height="6" />`;
      })}
    </svg>
    ${!wordless && html`<${CountsText} counts=${counts} />`}
  </div>`;
}

/** @param {{ counts: import('./types.js').KeyCounts }} props */
export function CountsText({ counts }) {
  const present = keyStatuses.filter(status => counts[status] > 0);
  return html`<ul class="counts-text">
    ${present.length === 0 && html`<li class="muted">${t('counts.none')}</li>`}
    ${present.map(
      status => html`<li key=${status}>
        <i class=${`dot dot-${status}`} aria-hidden="true"></i>${formatShortCount(counts[status])} ${t(`status.${status}`)}
      </li>`,
    )}
  </ul>`;
}
