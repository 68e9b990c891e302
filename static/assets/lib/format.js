// @ts-check
import { language } from './i18n.js';

/** @typedef {{ value: string, unit: string }} Quantity a number and the symbol of its unit, to be set apart in type */

/** What stands where there is no figure. */
export const NO_FIGURE = '–';

/** @type {Map<string, Intl.NumberFormat>} */
const numberFormats = new Map();

/**
 * @param {number} value
 * @param {Intl.NumberFormatOptions} options
 */
function number(value, options) {
  const key = `${language.get()} ${JSON.stringify(options)}`;
  let format = numberFormats.get(key);
  if (format === undefined) {
    format = new Intl.NumberFormat(language.get(), options);
    numberFormats.set(key, format);
  }
  return format.format(value);
}

/** @param {number} count all digits */
export function formatCount(count) {
  return number(count, { maximumFractionDigits: 0 });
}

/** @param {number} count shortened from a hundred thousand on: `1.2M`, `120万` */
export function formatShortCount(count) {
  if (Math.abs(count) < 100_000) return formatCount(count);
  return number(count, { notation: 'compact', maximumSignificantDigits: 3 });
}

/** @param {number} perSecond */
export function formatRate(perSecond) {
  if (perSecond === 0 || perSecond >= 100) return formatShortCount(perSecond);
  return number(perSecond, { minimumFractionDigits: 1, maximumFractionDigits: perSecond < 1 ? 2 : 1 });
}

/** @param {number} ratio 0 to 1 */
export function formatPercent(ratio) {
  const percent = ratio * 100;
  const maximumFractionDigits = percent === 0 || percent === 100 ? 0 : percent < 1 ? 2 : 1;
  return number(ratio, {
    style: 'percent',
    maximumFractionDigits,
    minimumFractionDigits: maximumFractionDigits && 1,
  });
}

/**
 * @param {number | null} ms
 * @returns {Quantity}
 */
export function durationParts(ms) {
  if (ms === null) return { value: NO_FIGURE, unit: '' };
  if (ms < 10) return { value: number(ms, { maximumFractionDigits: 1 }), unit: 'ms' };
  if (ms < 1000) return { value: number(ms, { maximumFractionDigits: 0 }), unit: 'ms' };
  const seconds = ms / 1000;
  return {
    value: number(seconds, { maximumFractionDigits: seconds < 10 ? 2 : seconds < 100 ? 1 : 0 }),
    unit: 's',
  };
}

/** @param {number | null} ms */
export function formatDuration(ms) {
  return joined(durationParts(ms));
}

const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/**
 * @param {number} bytes
 * @returns {Quantity} in powers of 1000
 */
export function bytesParts(bytes) {
  let value = bytes;
  let step = 0;
  while (value >= 999.5 && step < byteUnits.length - 1) {
    value /= 1000;
    step += 1;
  }
  return {
    value: number(value, { maximumFractionDigits: step === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2 }),
    unit: byteUnits[step] ?? '',
  };
}

/** @param {number} bytes */
export function formatBytes(bytes) {
  return joined(bytesParts(bytes));
}

/** @param {Quantity} quantity */
function joined({ value, unit }) {
  return unit === '' ? value : `${value}\u00a0${unit}`;
}

/** @type {readonly [Intl.RelativeTimeFormatUnit, number][]} */
const agoUnits = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
];

/**
 * How long ago: `5 min. ago`, `2天前`.
 *
 * @param {number} ms epoch
 * @param {number} nowMs the server's clock, so that a wrong clock here does not matter
 */
export function formatAgo(ms, nowMs) {
  const passed = Math.max(0, nowMs - ms);
  const [unit, length] = agoUnits.find(([, each]) => passed >= each) ?? ['second', 1000];
  const format = new Intl.RelativeTimeFormat(language.get(), { style: 'short', numeric: 'auto' });
  return format.format(-Math.floor(passed / length), unit);
}

/**
 * A length of time in its two largest units: `3 d 4 h`.
 *
 * @param {number} seconds
 */
export function formatSpan(seconds) {
  const units = [
    { unit: 'day', length: 86_400 },
    { unit: 'hour', length: 3600 },
    { unit: 'minute', length: 60 },
    { unit: 'second', length: 1 },
  ];
  const first = Math.max(
    0,
    units.findIndex(({ length }) => seconds >= length),
  );
  let rest = Math.floor(seconds);
  return units
    .slice(first, first + 2)
    .map(({ unit, length }, index) => {
      const count = Math.floor(rest / length);
      rest -= count * length;
      return index > 0 && count === 0 ? '' : number(count, { style: 'unit', unit, unitDisplay: 'short' });
    })
    .filter(part => part !== '')
    .join(' ');
}

/** @type {Record<string, Intl.DateTimeFormatOptions>} */
const timeStyles = {
  second: { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' },
  minute: { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
  day: { month: 'short', day: 'numeric' },
  month: { year: 'numeric', month: 'short' },
  dayMinute: { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
  date: { year: 'numeric', month: 'short', day: 'numeric' },
  full: { dateStyle: 'medium', timeStyle: 'medium' },
};

/** @type {Map<string, Intl.DateTimeFormat>} */
const dateFormats = new Map();

/**
 * @param {number} ms epoch
 * @param {'second' | 'minute' | 'day' | 'month' | 'dayMinute' | 'date' | 'full'} style
 * @param {string} [timeZone] IANA name; the reader's own where left out
 */
export function formatTime(ms, style, timeZone) {
  const key = `${language.get()} ${style} ${timeZone}`;
  let format = dateFormats.get(key);
  if (format === undefined) {
    format = new Intl.DateTimeFormat(language.get(), { ...timeStyles[style], timeZone });
    dateFormats.set(key, format);
  }
  return format.format(ms);
}
