// @ts-check
import { formatShortCount, formatTime } from '../../lib/format.js';
import { html, useMemo, useState } from '../../lib/html.js';
import { t } from '../../lib/i18n.js';
import { bordersOf, STEPS, stepOf } from './heat-scale.js';

const HOURS = Array.from({ length: 24 }, (_, hour) => hour);
/** Hours that have a word beside them. */
const NAMED_EVERY = 6;

/**
 * Tokens by day and hour, under a bar for each day. The arrow keys move from day to day and from hour to hour, and a
 * screen reader hears the figure, because the map behaves as a slider over its hours.
 *
 * @param {{ map: import('./requests.js').HeatMapData, days: readonly { day: string, totalTokens: number }[] }} props
 */
export function HeatMap({ map, days }) {
  const [pointed, setPointed] = useState(
    /** @type {{ day: number, hour: number } | undefined} */ (undefined),
  );
  const borders = useMemo(() => bordersOf(map.tokens), [map]);
  const highest = Math.max(1, ...days.map(({ totalTokens }) => totalTokens));
  const last = map.days.length - 1;
  const all = days.reduce((sum, { totalTokens }) => sum + totalTokens, 0);

  /** @param {{ day: number, hour: number }} place */
  function readingOf({ day, hour }) {
    const name = dayName(map.days[day] ?? '');
    if (hour < 0) return t('heat.day', { day: name, tokens: formatShortCount(days[day]?.totalTokens ?? 0) });
    return t('heat.hour', {
      day: name,
      from: `${pad(hour)}:00`,
      to: `${pad(hour + 1)}:00`,
      tokens: formatShortCount(map.tokens[day]?.[hour] ?? 0),
    });
  }

  /** @param {KeyboardEvent} event */
  function move(event) {
    const now = pointed ?? { day: last, hour: -1 };
    /** @type {Record<string, { day: number, hour: number }>} */
    const targets = {
      ArrowLeft: { day: Math.max(0, pointed === undefined ? last : now.day - 1), hour: now.hour },
      ArrowRight: { day: Math.min(last, now.day + 1), hour: now.hour },
      ArrowUp: { day: now.day, hour: Math.max(-1, now.hour - 1) },
      ArrowDown: { day: now.day, hour: Math.min(23, now.hour + 1) },
      Home: { day: 0, hour: now.hour },
      End: { day: last, hour: now.hour },
    };
    const target = targets[event.key];
    if (event.key === 'Escape') setPointed(undefined);
    if (target === undefined) return;
    event.preventDefault();
    setPointed(target);
  }

  /** @param {{ target: EventTarget | null }} event */
  function point({ target }) {
    const cell = /** @type {HTMLElement} */ (target).dataset;
    if (cell.day !== undefined) setPointed({ day: Number(cell.day), hour: Number(cell.hour) });
  }

  const reading =
    pointed === undefined
      ? t('heat.all', { count: map.days.length, tokens: formatShortCount(all) })
      : readingOf(pointed);
  return html`<figure class="heat">
    <figcaption class="heat-head">
      <h2>${t('heat.title')}</h2>
      <p class="heat-reading">${reading}</p>
    </figcaption>
    <div
      class="heat-map"
      role="slider"
      tabindex="0"
      aria-label=${t('heat.label')}
      aria-valuemin="0"
      aria-valuemax=${Math.max(0, last)}
      aria-valuenow=${pointed?.day ?? Math.max(0, last)}
      aria-valuetext=${reading}
      onKeyDown=${move}
      onBlur=${() => setPointed(undefined)}
      onPointerOver=${point}
      onPointerLeave=${() => setPointed(undefined)}
    >
      <div class="heat-hours" aria-hidden="true">
        <span class="heat-corner"></span>
        ${HOURS.map(hour => html`<span key=${hour}>${hour % NAMED_EVERY === 0 ? `${pad(hour)}:00` : ''}</span>`)}
        <span class="heat-dates"></span>
      </div>
      ${map.days.map(
        (
          day,
          index,
        ) => html`<div key=${day} class=${`heat-day ${pointed?.day === index ? 'is-pointed' : ''}`} aria-hidden="true">
          <svg class="heat-bar" viewBox="0 0 10 100" preserveAspectRatio="none" data-day=${index} data-hour="-1">
            <rect
              width="10"
              y=${(100 - ((days[index]?.totalTokens ?? 0) / highest) * 100).toFixed(1)}
              height=${(((days[index]?.totalTokens ?? 0) / highest) * 100).toFixed(1)}
            />
          </svg>
          ${HOURS.map(
            hour => html`<i
              key=${hour}
              class=${`heat-${stepOf(map.tokens[index]?.[hour] ?? 0, borders)} ${pointed?.day === index && pointed.hour === hour ? 'is-pointed' : ''}`}
              data-day=${index}
              data-hour=${hour}
            ></i>`,
          )}
          <span class="heat-date">${(last - index) % 7 === 0 ? dayName(day) : ''}</span>
        </div>`,
      )}
    </div>
    <p class="heat-scale" aria-hidden="true">
      ${t('heat.less')}
      ${Array.from({ length: STEPS + 1 }, (_, step) => html`<i key=${step} class=${`heat-${step}`}></i>`)}
      ${t('heat.more')}
    </p>
  </figure>`;
}

/** @param {number} hour */
function pad(hour) {
  return String(hour).padStart(2, '0');
}

/**
 * A day in the server's time zone, as `2026-01-31`, for people. It has no time, so it is read and written in UTC.
 *
 * @param {string} day
 */
function dayName(day) {
  return formatTime(Date.parse(`${day}T00:00:00Z`), 'day', 'UTC');
}
