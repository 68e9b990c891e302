// @ts-check

/** Lines in one request: a few seconds of work for the server, so that the bar moves and a cancel is heard. */
const LINES_AT_ONCE = 2000;

/**
 * @typedef {{ text: string, before: number, keys: number }} Part `before`: lines that come before it
 */

/**
 * Cuts a pasted text into parts of whole lines.
 *
 * @param {string} text
 * @param {number} [most] lines in a part
 * @returns {Part[]} those that hold a key
 */
export function partsOf(text, most = LINES_AT_ONCE) {
  const lines = text.split(/\r\n|\r|\n/);
  /** @type {Part[]} */
  const parts = [];
  for (let from = 0; from < lines.length; from += most) {
    const slice = lines.slice(from, from + most);
    const keys = slice.reduce((sum, line) => sum + keysIn(line), 0);
    if (keys > 0) parts.push({ text: slice.join('\n'), before: from, keys });
  }
  return parts;
}

/**
 * How many keys the server will find in a line: parted by `,` or `;`, none in a comment.
 *
 * @param {string} line
 */
function keysIn(line) {
  if (
    line
      .replace(/^\uFEFF/, '')
      .trimStart()
      .startsWith('#')
  )
    return 0;
  return line.split(/[,;]/).filter(part => part.trim() !== '').length;
}
