import { formField } from './form-field.ts';
import { scanMembers, skipSpace, stringAt, stringsAt, WantedKeys } from './json-scan.ts';
import { isObjectId } from './stored-objects.ts';

/** What the pool must know of a request's body. */
export interface RequestFacts {
  /** Member `model`; `undefined` where there is none, or it is no text, or the body is no JSON object and no form. */
  readonly model: string | undefined;
  /** Member `stream` is `true`. */
  readonly stream: boolean;
  /** Ids of stored objects that the body refers to, in its order, each once: `file-…`, `resp_…`. */
  readonly references: readonly string[];
}

const NO_REFERENCES: readonly string[] = [];
const NOTHING: RequestFacts = { model: undefined, stream: false, references: NO_REFERENCES };

/** Members that refer to stored objects, wherever they stand: text, or a list of texts. */
const REFERRING: ReadonlySet<string> = new Set([
  'previous_response_id',
  'conversation',
  'input_file_id',
  'training_file',
  'validation_file',
  'file_id',
  'file_ids',
  'assistant_id',
  'thread_id',
  'vector_store_id',
  'vector_store_ids',
  'container',
  'container_id',
  'video_id',
]);
const WANTED = new WantedKeys(['model', 'stream', 'id', ...REFERRING]);
const LONGEST_MODEL_BYTES = 512;
const LONGEST_ID_BYTES = 256;
const MOST_REFERENCES = 32;

/**
 * Reads what decides about the key out of a body. As with `JSON.parse`, the last of two equal members counts; it takes
 * about a nanosecond a byte and builds nothing, so long conversations and images cost little.
 *
 * @param body all of it; of a form, its beginning is enough
 * @param contentType `undefined` counts as JSON
 */
export function readRequestFacts(body: Buffer, contentType: string | undefined): RequestFacts {
  if (contentType !== undefined && /^\s*multipart\/form-data/i.test(contentType)) {
    const model = formField(body, contentType, 'model');
    return { model, stream: formField(body, contentType, 'stream') === 'true', references: [] };
  }
  if (body[skipSpace(body, 0)] !== 0x7b) return NOTHING;
  let model: string | undefined;
  let stream = false;
  let inConversation = false;
  let references: Set<string> | undefined;
  scanMembers(body, WANTED, (key, valueAt, depth) => {
    if (depth === 1) {
      inConversation = key === 'conversation' && body[valueAt] === 0x7b;
      if (key === 'model') model = stringAt(body, valueAt, LONGEST_MODEL_BYTES);
      if (key === 'stream') stream = body.toString('latin1', valueAt, valueAt + 4) === 'true';
    }
    const ofConversation = key === 'id' && depth === 2 && inConversation;
    if (ofConversation) inConversation = false;
    if (ofConversation || REFERRING.has(key)) {
      const one = stringAt(body, valueAt, LONGEST_ID_BYTES);
      for (const id of one === undefined ? stringsAt(body, valueAt, LONGEST_ID_BYTES) : [one]) {
        if (!isObjectId(id)) continue;
        references ??= new Set();
        if (references.size < MOST_REFERENCES) references.add(id);
      }
    }
  });
  return { model, stream, references: references === undefined ? NO_REFERENCES : [...references] };
}

/** The model alone, as `readRequestFacts` finds it. */
export function readModel(body: Buffer, contentType: string | undefined): string | undefined {
  return readRequestFacts(body, contentType).model;
}

/** The model that a path names: `?model=` (realtime), `/v1/models/<model>:generateContent` (Gemini). */
export function modelInPath(path: string): string | undefined {
  const found = /^\/v1\/models\/([^/?]+):[A-Za-z]+(?:\?|$)/.exec(path) ?? /[?&]model=([^&]+)/.exec(path);
  if (found === null) return undefined;
  try {
    return decodeURIComponent(found[1]!);
  } catch (error) {
    if (error instanceof URIError) return found[1]!;
    throw error;
  }
}
