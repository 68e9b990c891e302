// @ts-check

/**
 * Adds neighbouring buckets together until there are few enough to draw. Counts may be added; percentiles may not, so
 * the latency chart keeps its own resolution.
 *
 * @param {{ start_ms: readonly number[], requests: readonly number[], errors: readonly number[] }} chart
 * @param {number} resolutionMs of the chart
 * @param {number} most buckets
 * @returns {{ starts: number[], requests: number[], errors: number[], resolutionMs: number }}
 */
export function mergeCounts(chart, resolutionMs, most) {
  const size = Math.max(1, Math.ceil(chart.start_ms.length / most));
  /** @type {number[]} */
  const starts = [];
  /** @type {number[]} */
  const requests = [];
  /** @type {number[]} */
  const errors = [];
  chart.start_ms.forEach((start, index) => {
    if (index % size === 0) {
      starts.push(start);
      requests.push(0);
      errors.push(0);
    }
    const last = starts.length - 1;
    requests[last] = (requests[last] ?? 0) + (chart.requests[index] ?? 0);
    errors[last] = (errors[last] ?? 0) + (chart.errors[index] ?? 0);
  });
  return { starts, requests, errors, resolutionMs: resolutionMs * size };
}
