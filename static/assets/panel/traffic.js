// @ts-check
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatPercent,
  formatShortCount,
  formatTime,
} from '../lib/format.js';
import { html, useMemo } from '../lib/html.js';
import { language, t } from '../lib/i18n.js';
import { useMedia } from '../lib/media.js';
import { useSignal } from '../lib/signal.js';
import { windowNames } from '../lib/stats.js';
import { Chart } from '../parts/chart.js';
import { mergeCounts, stretchesOf } from './chart-data.js';

/** More bars than this would be hairlines. */
const MOST_BARS = 96;
const MOST_BARS_ON_PHONE = 48;
const DAY_MS = 86_400_000;

/** @typedef {import('../lib/stats.js').WindowName} WindowName */

/**
 * The chosen window: its totals and its two charts.
 *
 * @param {{ live: import('../lib/stats.js').Live, chosen: WindowName, onChoose: (name: WindowName) => void }} props
 */
export function Traffic({ live, chosen, onChoose }) {
  const tag = useSignal(language);
  const { report, window: shown } = live;
  const chart = shown?.chart ?? { start_ms: [], requests: [], errors: [], p50_ms: [], p95_ms: [] };
  const totals = shown?.totals;
  const timeZone = report?.time_zone ?? 'UTC';
  const mostBars = useMedia('(width < 720px)') ? MOST_BARS_ON_PHONE : MOST_BARS;
  const counts = useMemo(() => mergeCounts(chart, mostBars), [shown, mostBars]);
  const stretches = useMemo(() => stretchesOf(chart.start_ms), [shown]);
  const loading = shown !== undefined && shown.window !== chosen;
  const none = shown !== undefined && totals?.requests === 0 ? t('traffic.none') : undefined;
  const span = shown === undefined ? '' : spanText(shown, timeZone);

  const shared = {
    summary: span,
    timeZone,
    language: tag,
    empty: none,
    formatTick: tickFormat(timeZone),
    formatMoment: momentFormat(timeZone),
  };

  return html`<section class="card traffic" aria-labelledby="traffic-title" aria-busy=${loading ? 'true' : 'false'}>
    <header class="card-head">
      <h2 id="traffic-title">${t('traffic.title')}</h2>
      <fieldset class="segments">
        <legend class="visually-hidden">${t('traffic.window')}</legend>
        ${windowNames.map(
          name => html`<label key=${name}>
            <input type="radio" name="window" value=${name} checked=${name === chosen} onChange=${() => onChoose(name)} />
            <span>${t(`window.${name}`)}</span>
          </label>`,
        )}
      </fieldset>
    </header>
    <dl class="totals">
      <${Total} label=${t('totals.requests')} value=${totals && formatShortCount(totals.requests)} />
      <${Total} label=${t('totals.errors')} value=${totals && formatShortCount(totals.errors)} note=${totals && formatPercent(totals.error_rate)} />
      <${Total} label=${t('totals.p95')} value=${totals && formatDuration(totals.requests === 0 ? null : totals.duration.p95_ms)} />
      <${Total} label=${t('totals.in')} value=${totals && formatBytes(totals.bytes_in)} />
      <${Total} label=${t('totals.out')} value=${totals && formatBytes(totals.bytes_out)} />
    </dl>
    <${Chart}
      ...${shared}
      title=${t('chart.requests')}
      starts=${counts.starts}
      ends=${counts.ends}
      format=${(/** @type {number | null} */ value) => formatShortCount(value ?? 0)}
      series=${[
        {
          label: t('chart.series.requests'),
          color: '--series-requests',
          kind: 'bars',
          values: counts.requests,
          summary: totals ? formatCount(totals.requests) : '',
        },
        {
          label: t('chart.series.errors'),
          color: '--series-errors',
          kind: 'bars',
          values: counts.errors,
          summary: totals ? formatCount(totals.errors) : '',
        },
      ]}
    />
    <${Chart}
      ...${shared}
      title=${t('chart.latency')}
      starts=${stretches.starts}
      ends=${stretches.ends}
      format=${formatDuration}
      series=${[
        {
          label: 'p95',
          color: '--series-p95',
          kind: 'line',
          values: chart.p95_ms,
          summary: formatDuration(totals?.requests ? totals.duration.p95_ms : null),
        },
        {
          label: 'p50',
          color: '--series-p50',
          kind: 'line',
          values: chart.p50_ms,
          summary: formatDuration(totals?.requests ? totals.duration.p50_ms : null),
        },
      ]}
    />
  </section>`;
}

/** @param {{ label: string, value: string | undefined, note?: string }} props */
function Total({ label, value, note }) {
  return html`<div>
    <dt>${label}</dt>
    <dd>${value ?? '–'}${note && html` <small>${note}</small>`}</dd>
  </div>`;
}

/** @param {string} timeZone */
function tickFormat(timeZone) {
  /** @type {(ms: number, stepMs: number) => string} */
  return (ms, stepMs) =>
    formatTime(ms, stepMs >= 20 * DAY_MS ? 'month' : stepMs >= DAY_MS ? 'day' : 'minute', timeZone);
}

/** @param {string} timeZone */
function momentFormat(timeZone) {
  /** @type {(startMs: number, endMs: number) => string} */
  return (startMs, endMs) => {
    const days = Math.round((endMs - startMs) / DAY_MS);
    if (days === 1) return formatTime(startMs, 'date', timeZone);
    const style = days > 1 ? 'date' : 'dayMinute';
    return t('traffic.span', {
      from: formatTime(startMs, style, timeZone),
      to: formatTime(days > 1 ? endMs - 1 : endMs, days > 1 ? 'date' : 'minute', timeZone),
    });
  };
}

/**
 * @param {import('../lib/stats.js').WindowReport} shown
 * @param {string} timeZone
 */
function spanText({ from_ms: fromMs, to_ms: toMs, window: name, chart }, timeZone) {
  if (fromMs === null || toMs === null) {
    const first = chart.start_ms[0];
    return first === undefined ? '' : t('traffic.since', { from: formatTime(first, 'date', timeZone) });
  }
  const style = name === '24h' ? 'dayMinute' : 'date';
  return t('traffic.span', {
    from: formatTime(fromMs, style, timeZone),
    to: formatTime(toMs - 1, style, timeZone),
  });
}
