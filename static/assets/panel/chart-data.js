// @ts-check

const DAY_MS = 86_400_000;

/**
 * Stretches of time, the oldest first, each up to the start of the next.
 *
 * @typedef {{ starts: readonly number[], ends: readonly number[] }} Stretches epoch ms
 */

/**
 * The last stretch still runs: it will be as long as the one before it.
 *
 * @param {readonly number[]} starts
 * @returns {Stretches}
 */
export function stretchesOf(starts) {
  const last = starts.at(-1) ?? 0;
  const length = starts.length > 1 ? last - (starts.at(-2) ?? 0) : DAY_MS;
  return { starts, ends: [...starts.slice(1), last + length].slice(0, starts.length) };
}

/**
 * Adds neighbouring counts together until there are few enough to draw. Counts may be added; percentiles may not, so the
 * latency chart keeps its own resolution.
 *
 * @param {{ start_ms: readonly number[], requests: readonly number[], errors: readonly number[] }} chart
 * @param {number} most stretches
 * @returns {Stretches & { requests: number[], errors: number[] }}
 */
export function mergeCounts(chart, most) {
  const { starts, ends } = stretchesOf(chart.start_ms);
  const size = Math.max(1, Math.ceil(starts.length / most));
  /** @type {{ starts: number[], ends: number[], requests: number[], errors: number[] }} */
  const merged = { starts: [], ends: [], requests: [], errors: [] };
  for (let from = 0; from < starts.length; from += size) {
    const to = Math.min(from + size, starts.length);
    merged.starts.push(starts[from] ?? 0);
    merged.ends.push(ends[to - 1] ?? 0);
    merged.requests.push(sum(chart.requests.slice(from, to)));
    merged.errors.push(sum(chart.errors.slice(from, to)));
  }
  return merged;
}

/** @param {readonly number[]} counts */
function sum(counts) {
  return counts.reduce((total, count) => total + count, 0);
}
