// @ts-check
import { formatPercent, formatShortCount, NO_FIGURE } from '../../lib/format.js';
import { html } from '../../lib/html.js';
import { t } from '../../lib/i18n.js';

/** @typedef {import('./requests.js').TokenFigures} TokenFigures */

/**
 * The figures of today and of all time, side by side.
 *
 * @param {{ today: TokenFigures | undefined, totals: TokenFigures | undefined }} props
 */
export function Today({ today, totals }) {
  return html`<div class="today">
    <${Card} title=${t('tokens.today')} figures=${today} />
    <${Card} title=${t('tokens.total')} figures=${totals} />
  </div>`;
}

/** @param {{ title: string, figures: TokenFigures | undefined }} props */
function Card({ title, figures }) {
  /** @param {(figures: TokenFigures) => number} read */
  const show = read => (figures === undefined ? NO_FIGURE : formatShortCount(read(figures)));
  /** @param {number} part @param {number} whole */
  const share = (part, whole) => (part === 0 ? '' : formatPercent(part / whole));
  return html`<section class="card today-card">
    <h2>${title}</h2>
    <p class="today-figure"><strong>${show(each => each.totalTokens)}</strong>${figures && html`<span>${t('tokens.tokens')}</span>`}</p>
    <dl class="facts">
      <${Fact} label=${t('tokens.input')} value=${show(each => each.inputTokens)} />
      <${Fact} label=${t('tokens.cached')} value=${show(each => each.cachedTokens)} note=${figures && share(figures.cachedTokens, figures.inputTokens)} />
      <${Fact} label=${t('tokens.output')} value=${show(each => each.outputTokens)} />
      <${Fact} label=${t('tokens.reasoning')} value=${show(each => each.reasoningTokens)} note=${figures && share(figures.reasoningTokens, figures.outputTokens)} />
      <${Fact} label=${t('column.requests')} value=${show(each => each.requests)} />
      <${Fact}
        label=${t('tokens.rate')}
        value=${figures === undefined || figures.successRate === null ? NO_FIGURE : formatPercent(figures.successRate)}
      />
      <${Fact} label=${t('tokens.unknown')} value=${show(each => each.unknownUsage)} title=${t('tokens.unknownText')} />
    </dl>
  </section>`;
}

/** @param {{ label: string, value: string, note?: string, title?: string }} props */
function Fact({ label, value, note, title }) {
  return html`<div title=${title}>
    <dt>${label}</dt>
    <dd>${value}${note && html` <small class="muted">${note}</small>`}</dd>
  </div>`;
}
