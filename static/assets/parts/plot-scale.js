// @ts-check

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const STEPS_MS = [
  ...[1, 5, 15, 30].map(count => count * MINUTE_MS),
  ...[1, 2, 3, 4, 6, 12].map(count => count * HOUR_MS),
  ...[1, 2, 7, 14, 30, 91, 365].map(count => count * DAY_MS),
];

/**
 * The next round number above the highest value, so that the scale does not jump with every update.
 *
 * @param {number} highest
 * @returns {number}
 */
export function niceCeiling(highest) {
  if (!(highest > 0)) return 4;
  const magnitude = 10 ** Math.floor(Math.log10(highest));
  const step =
    [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find(factor => factor * magnitude >= highest * 1.02) ?? 12;
  return step * magnitude;
}

/**
 * Moments for a time axis: whole minutes, hours or days of the given time zone.
 *
 * @param {number} lowMs
 * @param {number} highMs
 * @param {number} most about how many fit
 * @param {string} timeZone IANA name
 * @returns {number[]} epoch ms
 */
export function timeSplits(lowMs, highMs, most, timeZone) {
  const wanted = (highMs - lowMs) / Math.max(2, most);
  const step = STEPS_MS.find(length => length >= wanted) ?? 365 * DAY_MS;
  const offset = zoneOffsetMs(lowMs, timeZone);
  const splits = [];
  for (let at = Math.ceil((lowMs + offset) / step) * step - offset; at <= highMs; at += step) {
    // The zone's clocks may change between the first split and this one.
    const moved = step > HOUR_MS ? at + offset - zoneOffsetMs(at, timeZone) : at;
    if (moved >= lowMs && moved <= highMs) splits.push(moved);
  }
  return splits;
}

/** @type {Map<string, Intl.DateTimeFormat>} */
const offsetFormats = new Map();

/**
 * How far the zone's clocks are ahead of UTC at a moment.
 *
 * @param {number} ms epoch
 * @param {string} timeZone
 */
function zoneOffsetMs(ms, timeZone) {
  let format = offsetFormats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
    offsetFormats.set(timeZone, format);
  }
  const match = /GMT([+-])(\d{2}):(\d{2})/.exec(format.format(ms));
  if (match === null) return 0;
  const size = Number(match[2]) * HOUR_MS + Number(match[3]) * MINUTE_MS;
  return match[1] === '-' ? -size : size;
}
