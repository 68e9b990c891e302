const LONGEST_SEGMENT = 64;
const MOST_SEGMENTS = 10;
const LONGEST_WORD = 40;
const SHORTEST_RANDOM = 12;

/**
 * Names the endpoint that a path belongs to: without its query, and with `:id` in place of each segment that looks
 * like an identifier or a secret. The result has a bounded length, and it is shown on a page that may be public, so a
 * doubtful segment is better replaced than shown.
 *
 * @param path rest of the request target after the mapping's prefix; empty counts as `/`
 */
export function endpointName(path: string): string {
  const end = path.search(/[?#]/);
  const bare = end === -1 ? path : path.slice(0, end);
  const segments = bare.split('/').slice(1);
  const shown = segments.slice(0, MOST_SEGMENTS).map(segmentName);
  if (segments.length > MOST_SEGMENTS) shown.push('…');
  return `/${shown.join('/')}`;
}

function segmentName(segment: string): string {
  if (isIdentifier(segment)) return ':id';
  return segment.length > LONGEST_SEGMENT ? `${segment.slice(0, LONGEST_SEGMENT)}…` : segment;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const NUMBER_OR_HEX = /^(?:\d+|(?=.*\d)[0-9a-f]{12,}|[0-9a-f]{24,})$/i;
/** What vendors put before their random parts: `file-…`, `resp_…`, `msgbatch_…`. */
const VENDOR_ID =
  /^(?:asst|batch|call|cfile|chatcmpl|cmpl|cntr|container|conv|eval|evalrun|file|ft|ftckpt|ftjob|item|job|key|msg|msgbatch|org|part|proj|req|resp|run|sess|step|thread|upload|user|video|vs|vsfb|ws)[-_](?=.*\d)[A-Za-z0-9_-]{4,}$/;

/** Every identifier has a digit or some length; most words have neither, and need no closer look. */
const DIGIT_OR_LONG = /\d|^.{16}/s;

function isIdentifier(segment: string): boolean {
  if (!DIGIT_OR_LONG.test(segment)) return false;
  if (UUID.test(segment) || NUMBER_OR_HEX.test(segment) || VENDOR_ID.test(segment)) return true;
  return segment.length >= SHORTEST_RANDOM && segment.split(/[^A-Za-z0-9]+/).some(looksRandom);
}

/**
 * Whether a run of letters and digits is too long and too mixed for a word or a version: model names
 * (`claude-sonnet-4-20250514`) and methods (`streamGenerateContent`) are not, base64 and base62 ids are.
 */
function looksRandom(run: string): boolean {
  if (run.length < SHORTEST_RANDOM) return false;
  if (run.length >= LONGEST_WORD) return true;
  let changes = 0;
  for (let index = 1; index < run.length; index += 1) {
    if (kindOf(run.charCodeAt(index)) !== kindOf(run.charCodeAt(index - 1))) changes += 1;
  }
  if (run.length >= 16 && changes > run.length / 4) return true;
  return changes > run.length / 3 && /\d.*\d/.test(run);
}

function kindOf(code: number): 'digit' | 'upper' | 'lower' {
  if (code <= 0x39) return 'digit';
  return code <= 0x5a ? 'upper' : 'lower';
}
