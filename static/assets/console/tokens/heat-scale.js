// @ts-check

/** Steps of colour above none. */
export const STEPS = 5;

/**
 * Borders between the steps of colour, so that about as many hours fall into each: one busy hour does not make all others
 * pale.
 *
 * @param {readonly (readonly number[])[]} values
 * @returns {number[]} ascending; a value counts to the step after the last border that it exceeds
 */
export function bordersOf(values) {
  const sorted = values
    .flat()
    .filter(value => value > 0)
    .sort((a, b) => a - b);
  return Array.from({ length: STEPS - 1 }, (_, index) => {
    const place = Math.ceil((sorted.length * (index + 1)) / STEPS) - 1;
    return sorted[place] ?? 0;
  });
}

/**
 * @param {number} value
 * @param {readonly number[]} borders
 * @returns {number} 0 for nothing, else 1 to `STEPS`
 */
export function stepOf(value, borders) {
  if (value <= 0) return 0;
  return 1 + borders.filter(border => value > border).length;
}
