/** What the pool must know of a request's body. */
export interface RequestFacts {
  /** Top-level `model`; `undefined` where there is none, or the body is no JSON object and no form. */
  readonly model: string | undefined;
  /** Top-level `stream` is `true`. */
  readonly stream: boolean;
  /** Ids of stored objects that the body refers to: `file-…`, `resp_…`; each once. */
  readonly references: readonly string[];
}

/**
 * Reads what decides about the key out of a body.
 *
 * @param body all of it, or of a form its beginning
 */
export function readRequestFacts(body: Buffer, contentType: string | undefined): RequestFacts {
  if (contentType === undefined) return { model: undefined, stream: false, references: [] };
  const value = JSON.parse(body.toString());
  return { model: value.model, stream: value.stream === true, references: [] };
}

/** The model alone, as `readRequestFacts` finds it. */
export function readModel(body: Buffer, contentType: string | undefined): string | undefined {
  return readRequestFacts(body, contentType).model;
}

/** The model that a path names: `?model=` of the realtime API, `/v1/models/<model>:generateContent`. */
export function modelInPath(path: string): string | undefined {
  return /[?&]model=([^&]+)/.exec(path)?.[1];
}
