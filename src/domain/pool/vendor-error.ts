/** What an error body says, whatever vendor wrote it. */
export interface VendorError {
  /** `code`, `type`, `status` and `reason` words of the error and its details, in lower case. */
  readonly words: ReadonlySet<string>;
  /** Text for people. May hold a key or a client's own words: for matching only, never for a log or an answer. */
  readonly message: string;
  /** HTTP status that the body itself names; 0 where it names none. */
  readonly status: number;
  /** The parsed JSON; `undefined` where the body is none. */
  readonly json: unknown;
}

/** Characters of text that are looked at. */
const LONGEST_TEXT = 4096;
const WORD_MEMBERS = ['code', 'type', 'status', 'reason', 'error_code'] as const;
const MESSAGE_MEMBERS = ['message', 'detail', 'error_description', 'title'] as const;

/**
 * Reads an error body in the shapes that vendors send:
 *
 * - OpenAI `{"error":{"message","type","param","code"}}` (https://platform.openai.com/docs/guides/error-codes)
 * - Anthropic `{"type":"error","error":{"type","message"},"request_id"}` (https://docs.claude.com/en/api/errors)
 * - Gemini `{"error":{"code":400,"message","status","details":[{"@type","reason"}]}}`, at its OpenAI-compatible endpoint
 *   inside an array (https://ai.google.dev/gemini-api/docs/troubleshooting)
 * - xAI `{"code":"…","error":"…"}` (https://docs.x.ai/docs/key-information/debugging)
 * - Azure `{"error":{"code":"401","message"}}`, `{"statusCode":401,"message"}`
 *   (https://learn.microsoft.com/azure/ai-services/openai/reference)
 * - Factory, problem details: `{"detail","status":402,"title"}` (RFC 9457)
 *
 * @param body parsed JSON, or text; text that was cut off is searched for the members above
 */
export function readVendorError(body: unknown): VendorError {
  const json = typeof body === 'string' ? parsed(body) : body;
  const words = new Set<string>();
  if (typeof json !== 'object' || json === null) {
    const text = typeof body === 'string' ? body.slice(0, LONGEST_TEXT) : '';
    return readText(text, words);
  }
  const holder = (Array.isArray(json) ? json[0] : json) as Record<string, unknown> | null | undefined;
  if (typeof holder !== 'object' || holder === null) return { words, message: '', status: 0, json };
  const inner = holder.error;
  const error =
    typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : { ...holder };
  addWords(words, error);
  if (error !== holder) addWords(words, holder);
  const details = error.details;
  for (const detail of Array.isArray(details) ? details : [details]) addWords(words, detail);
  const message =
    typeof inner === 'string'
      ? inner
      : (firstText(error, MESSAGE_MEMBERS) ?? firstText(holder, MESSAGE_MEMBERS));
  return {
    words,
    message: (message ?? '').slice(0, LONGEST_TEXT),
    status: statusOf(error) || statusOf(holder),
    json,
  };
}

function readText(text: string, words: Set<string>): VendorError {
  let message: string | undefined;
  let status = 0;
  for (const [, name, value, number] of text.matchAll(
    /"(code|type|status|reason|message|detail|error|statusCode)"\s*:\s*(?:"((?:[^"\\]|\\.)*)"?|(\d{3})\b)/g,
  )) {
    if (number !== undefined) status ||= asStatus(Number(number));
    else if ((WORD_MEMBERS as readonly string[]).includes(name!)) words.add(value!.toLowerCase());
    else message ??= value;
  }
  return { words, message: message ?? text, status, json: undefined };
}

function addWords(words: Set<string>, holder: unknown): void {
  if (typeof holder !== 'object' || holder === null) return;
  for (const name of WORD_MEMBERS) {
    const value = (holder as Record<string, unknown>)[name];
    if (typeof value === 'string') words.add(value.toLowerCase());
  }
}

function firstText(holder: Record<string, unknown>, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = holder[name];
    if (typeof value === 'string' && value !== '') return value;
  }
  return undefined;
}

function statusOf(holder: Record<string, unknown>): number {
  for (const name of ['code', 'status', 'statusCode']) {
    const status = asStatus(Number(holder[name] ?? Number.NaN));
    if (status !== 0) return status;
  }
  return 0;
}

function asStatus(value: number): number {
  return Number.isInteger(value) && value >= 400 && value <= 599 ? value : 0;
}

function parsed(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
