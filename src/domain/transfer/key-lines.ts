/** One key of a list, in clear and not checked. */
export interface KeyLine {
  /** From 1: its line in the text, or its place in the list. */
  readonly line: number;
  readonly text: string;
}

/**
 * Reads keys out of a text as people keep them: one a line, or parted by `,` or `;`; lines that begin with `#` are
 * comments; quotes around a key and a byte order mark are dropped.
 */
export function* keyLines(text: string): Generator<KeyLine> {
  let line = 0;
  for (const written of text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/)) {
    line += 1;
    if (written.trimStart().startsWith('#')) continue;
    for (const part of written.split(/[,;]/)) {
      const key = part.trim().replace(/^(["'`])(.*)\1$/, '$2');
      if (key.trim() !== '') yield { line, text: key.trim() };
    }
  }
}
