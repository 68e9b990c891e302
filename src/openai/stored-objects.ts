/** The stored object that a path is about (`file-…`, `batch_…`, `resp_…`), or `undefined`. */
export function objectIdOf(path: string): string | undefined {
  return /\/((?:file-|batch_|resp_)[A-Za-z0-9]+)/.exec(path)?.[1];
}

/**
 * The id of the object that a request made, as its answer names it.
 *
 * @param path request target that begins with `/v1`
 * @param bodyHead beginning of the answer: JSON or an event stream; may end anywhere
 */
export function createdObjectId(method: string, path: string, bodyHead: string): string | undefined {
  if (method !== 'POST' || path === '') return undefined;
  return /"id"\s*:\s*"([^"]+)"/.exec(bodyHead)?.[1];
}
