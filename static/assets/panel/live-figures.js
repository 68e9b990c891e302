// @ts-check
import {
  durationParts,
  formatCount,
  formatDuration,
  formatPercent,
  formatRate,
  NO_FIGURE,
} from '../lib/format.js';
import { html, useEffect, useRef, useState } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { Sparkline } from '../parts/sparkline.js';

/** Three minutes of answers. */
const CAPACITY = 72;
/** A screen reader hears the figures this often, at most. */
const SPOKEN_EVERY_MS = 30_000;
const ERROR_RATE_WARN_PERCENT = 1;
const ERROR_RATE_BAD_PERCENT = 5;

/** @typedef {import('../lib/stats.js').Report['performance']} Performance */

/**
 * @typedef {object} Figure
 * @property {'rate' | 'p50' | 'p95' | 'errors' | 'streams' | 'memory'} id
 * @property {(performance: Performance) => number | null} read `null` where there were no requests
 * @property {(value: number) => import('../lib/format.js').Quantity} show
 * @property {(value: number) => string} [mood]
 */

/** @type {readonly Figure[]} */
const figures = [
  {
    id: 'rate',
    read: now => now.requests_per_sec,
    show: value => ({ value: formatRate(value), unit: '/s' }),
  },
  { id: 'p50', read: now => now.p50_ms, show: durationParts },
  { id: 'p95', read: now => now.p95_ms, show: durationParts },
  {
    id: 'errors',
    read: now => now.error_rate,
    show: value => ({ value: formatPercent(value / 100).replace(/\s?%/, ''), unit: '%' }),
    mood: value => (value >= ERROR_RATE_BAD_PERCENT ? 'bad' : value >= ERROR_RATE_WARN_PERCENT ? 'warn' : ''),
  },
  { id: 'streams', read: now => now.open_streams, show: value => ({ value: formatCount(value), unit: '' }) },
  {
    id: 'memory',
    read: now => now.memory_usage_mb,
    show: value => ({ value: formatCount(value), unit: 'MB' }),
  },
];

/** @param {{ live: import('../lib/stats.js').Live }} props */
export function LiveFigures({ live }) {
  const { report, failure } = live;
  const history = useRef(/** @type {Performance[]} */ ([]));
  const lastAt = useRef(0);
  if (report !== undefined && report.generated_at_ms !== lastAt.current) {
    lastAt.current = report.generated_at_ms;
    history.current = [...history.current, report.performance].slice(-CAPACITY);
  }
  return html`<section class=${`card live ${failure && report ? 'is-old' : ''}`} aria-label=${t('live.title')}>
    <dl>
      ${figures.map(figure => {
        const value = report === undefined ? null : figure.read(report.performance);
        const shown = value === null ? { value: NO_FIGURE, unit: '' } : figure.show(value);
        return html`<div key=${figure.id} class="live-figure" data-figure=${figure.id}>
          <dt>${t(`live.${figure.id}`)}</dt>
          <dd class=${value === null ? 'is-waiting' : (figure.mood?.(value) ?? '')}>
            ${shown.value}<span class="unit">${shown.unit}</span>
          </dd>
          <${Sparkline} values=${history.current.map(each => figure.read(each) ?? 0)} capacity=${CAPACITY} />
        </div>`;
      })}
    </dl>
  </section>`;
}

/**
 * The figures in one sentence for screen readers, not more often than one can listen.
 *
 * @param {{ live: import('../lib/stats.js').Live }} props
 */
export function LiveSummary({ live }) {
  const [spoken, setSpoken] = useState('');
  const latest = useRef('');
  const now = live.report?.performance;
  latest.current =
    now === undefined
      ? ''
      : t('live.summary', {
          rate: formatRate(now.requests_per_sec),
          p95: formatDuration(now.p95_ms),
          errors: formatPercent(now.error_rate / 100),
          streams: now.open_streams,
        });
  useEffect(() => {
    const speak = () => setSpoken(latest.current);
    const timer = setInterval(speak, SPOKEN_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return html`<p class="visually-hidden" aria-live="polite">${spoken}</p>`;
}
