// @ts-check

/**
 * A list with one of its items in another place.
 *
 * @template T
 * @param {readonly T[]} items
 * @param {number} from
 * @param {number} to place in the list without the item; beyond the ends is at the end
 * @returns {T[]}
 */
export function moved(items, from, to) {
  const rest = items.filter((_, index) => index !== from);
  const place = Math.max(0, Math.min(rest.length, to));
  return [...rest.slice(0, place), ...items.slice(from, from + 1), ...rest.slice(place)];
}
