// @ts-check
import uPlot from '../vendor/uplot.js';
import { niceCeiling, timeSplits } from './plot-scale.js';

/** @typedef {Parameters<typeof import('./chart.js').Chart>[0]} ChartProps */

const AXIS_WIDTH = 54;
const LABEL_WIDTH = 44;
const DAY_MS = 86_400_000;
const CURSOR_GROUP = 'switchyard';

/**
 * Draws a chart with uPlot into an element and keeps it as wide as the element.
 *
 * @param {HTMLElement} element
 * @param {ChartProps} first
 * @param {(index: number | null) => void} onPoint the moment under the pointer
 */
export function createPlot(element, first, onPoint) {
  let props = first;
  let drawn = '';
  const probe = document.createElement('span');
  probe.hidden = true;
  element.append(probe);

  /** @param {string} name a custom property; a canvas needs the color that it stands for now */
  function color(name) {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  }

  const axisFont = `11px ${getComputedStyle(element).fontFamily}`;
  /** @type {Partial<uPlot.Axis>} */
  const axis = {
    font: axisFont,
    stroke: () => color('--ink-3'),
    ticks: { show: false },
    grid: { stroke: () => color('--line'), width: 1 },
  };

  const plot = new uPlot(
    {
      width: Math.max(200, element.clientWidth),
      height: Math.max(100, element.clientHeight),
      ms: 1,
      padding: [8, 4, 0, 0],
      legend: { show: false },
      select: { show: false, left: 0, top: 0, width: 0, height: 0 },
      cursor: {
        y: false,
        drag: { x: false, y: false, setScale: false },
        points: { size: 7, width: 2, fill: () => color('--surface') },
        sync: { key: CURSOR_GROUP, scales: ['x', null] },
      },
      scales: {
        x: { time: true, range: () => timeRange(props) },
        y: { range: (_plot, _low, high) => [0, niceCeiling(high ?? 0)] },
      },
      axes: [
        {
          ...axis,
          size: 26,
          gap: 6,
          grid: { show: false },
          space: 64,
          splits: (self, _index, low, high, _increment, space) => {
            const width = self.bbox.width / devicePixelRatio;
            const labelMs = (LABEL_WIDTH / 2 / width) * (high - low);
            return timeSplits(low, high, Math.floor(width / space), props.timeZone).filter(
              at => at <= high - labelMs,
            );
          },
          values: (_self, splits) =>
            splits.map(ms => props.formatTick(ms, (splits[1] ?? 0) - (splits[0] ?? 0))),
        },
        {
          ...axis,
          size: AXIS_WIDTH,
          gap: 8,
          space: 32,
          values: (_self, splits) => splits.map(value => (props.empty ? '' : props.format(value))),
        },
      ],
      series: [{}, ...props.series.map(line => seriesOptions(line, color))],
      hooks: {
        setCursor: [
          self => {
            const { idx, left } = self.cursor;
            onPoint(left === undefined || left < 0 ? null : (idx ?? null));
          },
        ],
      },
    },
    dataOf(props),
    element,
  );

  const resize = new ResizeObserver(() => {
    if (element.clientWidth > 0) plot.setSize({ width: element.clientWidth, height: element.clientHeight });
  });
  resize.observe(element);

  return {
    /** @param {ChartProps} next */
    update(next) {
      props = next;
      const data = dataOf(next);
      const signature = JSON.stringify(data);
      if (signature === drawn) return;
      drawn = signature;
      plot.setData(data);
    },
    recolor() {
      plot.redraw(true, true);
    },
    /** @param {number | null} index */
    point(index) {
      const middle = index === null ? undefined : plot.data[0][index];
      if (middle === undefined) plot.setCursor({ left: -10, top: -10 });
      else plot.setCursor({ left: plot.valToPos(middle, 'x'), top: 10 });
    },
    destroy() {
      resize.disconnect();
      plot.destroy();
      probe.remove();
    },
  };
}

/**
 * Buckets stand at their middle, so that a bar covers its own stretch of time.
 *
 * @param {ChartProps} props
 * @returns {uPlot.AlignedData}
 */
function dataOf({ starts, ends, series }) {
  return /** @type {uPlot.AlignedData} */ ([
    starts.map((start, index) => (start + (ends[index] ?? start)) / 2),
    ...series.map(line => [...line.values]),
  ]);
}

/**
 * @param {ChartProps} props
 * @returns {[number, number]}
 */
function timeRange({ starts, ends }) {
  const first = starts[0];
  const last = ends.at(-1);
  return first === undefined || last === undefined ? [Date.now() - DAY_MS, Date.now()] : [first, last];
}

/**
 * @param {import('./chart.js').ChartSeries} line
 * @param {(name: string) => string} color
 * @returns {uPlot.Series}
 */
function seriesOptions(line, color) {
  if (line.kind === 'bars') {
    const bars = uPlot.paths.bars?.({ size: [0.78, 28], radius: 0.18 });
    return {
      fill: () => color(line.color),
      stroke: () => color(line.color),
      width: 0,
      points: { show: false },
      ...(bars && { paths: bars }),
    };
  }
  const spline = uPlot.paths.spline?.();
  return {
    stroke: () => color(line.color),
    width: 1.75,
    points: { size: 4, width: 0, fill: () => color(line.color), filter: loneValues },
    ...(spline && { paths: spline }),
  };
}

/**
 * A value between two gaps makes no line; it gets a point.
 *
 * @type {any}
 */
function loneValues(/** @type {uPlot} */ self, /** @type {number} */ index, /** @type {boolean} */ show) {
  if (!show) return null;
  const values = self.data[index] ?? [];
  /** @type {number[]} */
  const lone = [];
  for (let at = 0; at < values.length; at += 1) {
    if (values[at] != null && values[at - 1] == null && values[at + 1] == null) lone.push(at);
  }
  return lone;
}
