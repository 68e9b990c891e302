// @ts-check
import { html } from '../lib/html.js';

const WIDTH = 100;
const HEIGHT = 24;

/**
 * The last few minutes of one figure as a thin line: a hint of its course, with no scale, for those who see it.
 *
 * @param {{ values: readonly number[], capacity: number }} props oldest first; `capacity` values fill the width
 */
export function Sparkline({ values, capacity }) {
  const highest = Math.max(...values, 1e-9);
  const step = WIDTH / (capacity - 1);
  const left = WIDTH - (values.length - 1) * step;
  const points = values
    .map(
      (value, index) =>
        `${(left + index * step).toFixed(1)},${(HEIGHT - 2 - (value / highest) * (HEIGHT - 4)).toFixed(1)}`,
    )
    .join(' ');
  return html`<svg class="sparkline" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
    <line x1="0" x2=${WIDTH} y1=${HEIGHT - 1} y2=${HEIGHT - 1} />
    ${values.length > 1 && html`<polyline points=${points} />`}
  </svg>`;
}
