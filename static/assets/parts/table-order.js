// @ts-check

/**
 * The rows a table shows, in order.
 *
 * @template Row
 * @param {{ rows: readonly Row[], rowKey: (row: Row) => string, query: string, text?: (row: Row) => string,
 *   sortBy?: (row: Row) => number | string, descending: boolean, keep?: readonly string[] }} options `text` is what
 *   `query` is looked for in, its words in any order; `keep` is an order of keys to hold: rows that it does not name
 *   come last
 * @returns {Row[]}
 */
export function arrange({ rows, rowKey, query, text, sortBy, descending, keep }) {
  const words = query
    .toLowerCase()
    .split(/\s+/)
    .filter(word => word !== '');
  let found = [...rows];
  if (text !== undefined && words.length > 0) {
    found = found.filter(row => {
      const searched = text(row).toLowerCase();
      return words.every(word => searched.includes(word));
    });
  }
  if (keep !== undefined) {
    const place = new Map(keep.map((key, index) => [key, index]));
    const last = keep.length;
    return found.sort((a, b) => (place.get(rowKey(a)) ?? last) - (place.get(rowKey(b)) ?? last));
  }
  if (sortBy === undefined) return found;
  const sign = descending ? -1 : 1;
  return found
    .map(row => ({ row, by: sortBy(row), key: rowKey(row) }))
    .sort((a, b) => sign * compare(a.by, b.by) || compare(a.key, b.key))
    .map(({ row }) => row);
}

/**
 * @param {number | string} a
 * @param {number | string} b
 */
function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
