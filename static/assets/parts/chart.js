// @ts-check
import { html, useEffect, useRef, useState } from '../lib/html.js';
import { t } from '../lib/i18n.js';
import { useSignal } from '../lib/signal.js';
import { colorsVersion } from '../lib/theme.js';
import { createPlot } from './plot.js';

/**
 * @typedef {object} ChartSeries
 * @property {string} label
 * @property {string} color name of a custom property of the style sheet
 * @property {'bars' | 'line'} kind
 * @property {readonly (number | null)[]} values one for each start
 * @property {string} summary what the legend shows while no moment is pointed at
 */

/**
 * Values over time. The legend shows the moment under the pointer; the arrow keys move it, and a screen reader hears it,
 * because the chart behaves as a slider over its moments.
 *
 * @param {{ title: string, summary: string, starts: readonly number[], ends: readonly number[], series: readonly ChartSeries[],
 *   format: (value: number | null) => string, formatMoment: (startMs: number, endMs: number) => string,
 *   formatTick: (ms: number, stepMs: number) => string, timeZone: string, empty?: string | undefined, language: string }} props
 */
export function Chart(props) {
  const { title, summary, starts, ends, series, format, formatMoment, empty } = props;
  const holder = useRef(/** @type {HTMLElement | null} */ (null));
  const plot = useRef(/** @type {ReturnType<typeof createPlot> | undefined} */ (undefined));
  const [pointed, setPointed] = useState(/** @type {number | null} */ (null));
  const colors = useSignal(colorsVersion);
  const kinds = series.map(({ kind, color }) => `${kind} ${color}`).join();

  useEffect(() => {
    const element = /** @type {HTMLElement} */ (holder.current);
    const created = createPlot(element, props, setPointed);
    plot.current = created;
    return () => {
      plot.current = undefined;
      created.destroy();
    };
  }, [kinds]);

  useEffect(() => plot.current?.update(props));
  useEffect(() => plot.current?.recolor(), [colors, props.language]);

  const index = pointed !== null && pointed < starts.length ? pointed : null;
  const moment = index === null ? summary : formatMoment(starts[index] ?? 0, ends[index] ?? 0);
  /** @param {ChartSeries} line */
  const reading = line => (index === null ? line.summary : format(line.values[index] ?? null));

  /** @param {KeyboardEvent} event */
  function move(event) {
    const last = starts.length - 1;
    const now = index ?? last + 1;
    /** @type {Record<string, number>} */
    const targets = {
      ArrowLeft: Math.max(0, now - 1),
      ArrowRight: Math.min(last, now + 1),
      Home: 0,
      End: last,
    };
    const target = targets[event.key];
    if (event.key === 'Escape') plot.current?.point(null);
    if (target === undefined || last < 0) return;
    event.preventDefault();
    plot.current?.point(target);
  }

  return html`<figure class="chart">
    <figcaption class="chart-head">
      <h3>${title}</h3>
      <dl class="legend">
        ${series.map(
          line => html`<div key=${line.color}>
            <dt><i class=${`swatch swatch-${line.kind} series${line.color}`} aria-hidden="true"></i>${line.label}</dt>
            <dd>${reading(line)}</dd>
          </div>`,
        )}
      </dl>
      <p class="chart-moment">${moment}</p>
    </figcaption>
    <div class="chart-frame">
      <div
        class="chart-plot"
        ref=${holder}
        role="slider"
        tabindex="0"
        aria-label=${t('chart.label', { title })}
        aria-valuemin="0"
        aria-valuemax=${Math.max(0, starts.length - 1)}
        aria-valuenow=${index ?? Math.max(0, starts.length - 1)}
        aria-valuetext=${`${moment}: ${series.map(line => `${line.label} ${reading(line)}`).join(', ')}`}
        onKeyDown=${move}
        onBlur=${() => plot.current?.point(null)}
      ></div>
      ${empty && html`<p class="chart-empty"><span>${empty}</span></p>`}
    </div>
  </figure>`;
}
