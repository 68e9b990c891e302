const HEAD_END = '\r\n\r\n';
const LONGEST_VALUE_BYTES = 512;

/**
 * A short field of a form (`multipart/form-data`, RFC 7578).
 *
 * @param body its beginning is enough, as long as the field lies in it
 * @returns `undefined` where there is no such field, it is longer than 512 bytes, or its end is missing
 */
export function formField(body: Buffer, contentType: string, name: string): string | undefined {
  const match = /;\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(contentType);
  if (match === null) return undefined;
  const delimiter = `--${match[1] ?? match[2]!}`;
  const separator = `\r\n${delimiter}`;
  let at = body.indexOf(delimiter);
  while (at !== -1) {
    const head = at + delimiter.length;
    const headEnd = body.indexOf(HEAD_END, head);
    if (headEnd === -1) return undefined;
    const value = headEnd + HEAD_END.length;
    // An empty value shares its line end with the head.
    const end = body.indexOf(separator, value - 2);
    if (partName(body.toString('utf8', head, headEnd)) === name) {
      if (end === -1 || end - value > LONGEST_VALUE_BYTES) return undefined;
      return body.toString('utf8', value, Math.max(value, end));
    }
    at = end === -1 ? -1 : end + 2;
  }
  return undefined;
}

function partName(head: string): string | undefined {
  const found = /^content-disposition:[^\r\n]*?;\s*name=(?:"([^"]*)"|([^\s;"]+))/im.exec(head);
  return found?.[1] ?? found?.[2];
}
