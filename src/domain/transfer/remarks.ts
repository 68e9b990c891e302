/** What an operator is told about a file: each thing once, with how often it came. Never quotes a value of the file. */
export class Remarks {
  readonly #counts = new Map<string, number>();

  add(remark: string): void {
    this.#counts.set(remark, (this.#counts.get(remark) ?? 0) + 1);
  }

  /** @param path what stands before the names: `keys[].` */
  unknownFields(path: string, fields: Readonly<Record<string, unknown>>, known: readonly string[]): void {
    for (const name of Object.keys(fields)) {
      if (!known.includes(name)) this.add(`${shownName(path, name)} is not known and left out`);
    }
  }

  /** @param name dotted where it is in a section */
  invalidSetting(name: string): void {
    this.add(`${shownName('config.', name)} is not known here, or its value is not allowed: left out`);
  }

  lines(): string[] {
    return [...this.#counts].map(([remark, count]) => (count === 1 ? remark : `${remark} (${count} times)`));
  }
}

/** Of a file that is built otherwise, even a name could be a key; no key is all letters. */
function shownName(path: string, name: string): string {
  return /^[A-Za-z_.]{1,40}$/.test(name)
    ? `\`${path}${name}\``
    : `a field of \`${path.slice(0, -1) || 'the file'}\``;
}
