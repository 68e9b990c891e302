import { scanMembers, stringAt, WantedKeys } from './json-scan.ts';

/** What can be made by a POST and asked for later: the path of its collection under `/v1`. */
const COLLECTIONS = [
  'files',
  'batches',
  'responses',
  'conversations',
  'threads',
  'assistants',
  'vector_stores',
  'uploads',
  'videos',
  'evals',
  'containers',
  'skills',
  'fine_tuning/jobs',
  'messages/batches',
  'chat/completions',
  'chat/deferred-completion',
] as const;

const UNDER_COLLECTION = new RegExp(`^/v1/(?:${COLLECTIONS.join('|')})/([^/?]+)`);

/**
 * A POST to these makes an object of its own. Chat completions are left out: they are kept only on demand, and
 * remembering every one would cost a write each. A run belongs to its thread, an item to its conversation.
 */
const CREATING =
  /^\/v1\/(?:files|batches|responses|conversations|threads|threads\/runs|assistants|vector_stores|uploads|uploads\/[^/?]+\/complete|videos|videos\/(?:edits|extensions|[^/?]+\/remix)|evals|containers|skills|fine_tuning\/jobs|messages\/batches)\/?(?:\?|$)/;

/** Words that vendors put before the random part of an id. */
const KNOWN_PREFIX =
  /^(?:file|batch|resp|conv|thread|asst|assistant|vs|upload|video|eval|cntr|container|skill|ftjob|ft|msgbatch|chatcmpl|run)[-_]/;
const LONGEST_ID = 200;
const ID_KEYS = new WantedKeys(['id', 'thread_id', 'response', 'file']);

/**
 * Whether a text has the form of a stored object's id: a vendor's word before it, or a digit in it (xAI's and Gemini's
 * ids are bare). Names of actions, such as `input_tokens`, have neither.
 */
export function isObjectId(text: string): boolean {
  if (text.length < 4 || text.length > LONGEST_ID || !/^[\w.:-]+$/.test(text)) return false;
  return KNOWN_PREFIX.test(text) || /\d/.test(text);
}

/**
 * The stored object that a path is about: of `/v1/threads/thread_1/runs/run_2` the thread, for the run goes where its
 * thread is. `undefined` where it is about none.
 *
 * @param path request target that begins with `/v1`
 */
export function objectIdOf(path: string): string | undefined {
  const id = UNDER_COLLECTION.exec(path)?.[1];
  return id !== undefined && isObjectId(id) ? id : undefined;
}

/** Whether a good answer to this request tells the id of a new object. */
export function createsObject(method: string, path: string): boolean {
  return method === 'POST' && CREATING.test(path);
}

/**
 * The id of the object that a request made, as its answer names it: a JSON object, or the first event of a stream.
 *
 * @param path request target that begins with `/v1`
 * @param bodyHead beginning of a good answer; may end anywhere
 * @returns `undefined` where nothing was made, or the id has not come yet
 */
export function createdObjectId(method: string, path: string, bodyHead: string): string | undefined {
  if (!createsObject(method, path)) return undefined;
  const json = bodyHead.trimStart().startsWith('{') ? bodyHead : /^data: ?(\{.*)/m.exec(bodyHead)?.[1];
  if (json === undefined) return undefined;
  // The thread outlives the run that was made with it; the file that an upload became outlives the upload.
  const inside = /^\/v1\/uploads\/[^/?]+\/complete/.test(path) ? 'file' : 'response';
  const ofThread = path.startsWith('/v1/threads/runs');
  const text = Buffer.from(json);
  let holder: string | undefined;
  let outer: string | undefined;
  let inner: string | undefined;
  scanMembers(text, ID_KEYS, (key, valueAt, depth) => {
    if (depth === 1) holder = key;
    if (key !== 'id' && key !== 'thread_id') return;
    const id = stringAt(text, valueAt, LONGEST_ID + 2);
    if (id === undefined || !isObjectId(id)) return;
    if (ofThread ? !id.startsWith('thread_') : key === 'thread_id') return;
    if (depth === 1) outer ??= id;
    else if (depth === 2 && holder === inside) inner ??= id;
  });
  if (inside === 'file') return inner;
  return inner ?? outer;
}

/**
 * Further objects that an answer tells of: the files that a batch or a fine-tuning job wrote. They belong to the key of
 * the job.
 *
 * @param body of a good answer about one stored object
 */
export function producedObjectIds(path: string, body: string): string[] {
  if (!/^\/v1\/(?:batches|fine_tuning\/jobs)\/[^/?]+/.test(path)) return [];
  const ids = body.matchAll(
    /"(?:output_file_id|error_file_id|result_files)"\s*:\s*\[?\s*"([\w.:-]{4,200})"/g,
  );
  return [...ids].map(match => match[1]!);
}
