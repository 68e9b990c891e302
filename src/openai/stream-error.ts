/** An error that came inside a stream, as if it had been an answer of its own. */
export interface StreamError {
  /** HTTP status that the vendor gives such an error. */
  readonly status: number;
  /** JSON in the shape of an error answer, `{error: …}`; a text where it was no JSON. */
  readonly body: unknown;
}

/**
 * The error that an event tells of: OpenAI `{"error":{…}}`, Responses `response.failed` and `error`, Anthropic
 * `{"type":"error","error":{…}}`, Gemini `[{"error":{…}}]`. `undefined` where it tells of none.
 *
 * @param value data of the event, parsed where it is JSON
 * @param name of the event; empty where it has none
 */
export function errorIn(value: unknown, name: string): StreamError | undefined {
  const event = record(Array.isArray(value) ? value[0] : value);
  if (event.type === 'response.failed') return streamError({ error: record(event.response).error ?? {} });
  if (event.error !== undefined && event.error !== null && event.error !== false) {
    return streamError(Array.isArray(value) ? event : value);
  }
  if (event.type === 'error') return streamError({ error: { ...event, type: undefined } });
  return name === 'error' ? streamError(value) : undefined;
}

function streamError(body: unknown): StreamError {
  return { status: statusOf(body), body };
}

/** Words of the vendors' errors → status. */
const STATUS: ReadonlyMap<string, number> = new Map([
  // https://platform.openai.com/docs/guides/error-codes
  ['invalid_api_key', 401],
  ['account_deactivated', 401],
  ['insufficient_quota', 429],
  ['billing_hard_limit_reached', 429],
  ['rate_limit_exceeded', 429],
  ['rate_limit_error', 429],
  ['requests', 429],
  ['tokens', 429],
  ['too_many_requests', 429],
  ['model_not_found', 404],
  ['context_length_exceeded', 400],
  ['invalid_prompt', 400],
  ['content_policy_violation', 400],
  ['invalid_request_error', 400],
  ['server_error', 500],
  ['internal_error', 500],
  ['internal_server_error', 500],
  ['server_is_overloaded', 503],
  ['slow_down', 503],
  ['engine_overloaded', 503],
  ['service_unavailable', 503],
  ['vector_store_timeout', 504],
  // https://platform.claude.com/docs/en/api/errors
  ['authentication_error', 401],
  ['billing_error', 402],
  ['permission_error', 403],
  ['not_found_error', 404],
  ['request_too_large', 413],
  ['api_error', 500],
  ['timeout_error', 504],
  ['overloaded_error', 529],
  // https://cloud.google.com/apis/design/errors#handling_errors
  ['invalid_argument', 400],
  ['failed_precondition', 400],
  ['out_of_range', 400],
  ['unauthenticated', 401],
  ['permission_denied', 403],
  ['not_found', 404],
  ['resource_exhausted', 429],
  ['internal', 500],
  ['unavailable', 503],
  ['deadline_exceeded', 504],
]);

function statusOf(body: unknown): number {
  const { error } = record(body);
  const { code, type, status } = record(error);
  // A code says more than a type: OpenAI's wrong key is an `invalid_request_error` with code `invalid_api_key`.
  for (const word of [code, status, record(body).status, type, error]) {
    if (typeof word === 'string') {
      const known = STATUS.get(word.toLowerCase()) ?? Number(word);
      if (isErrorStatus(known)) return known;
    } else if (isErrorStatus(word)) {
      return word;
    }
  }
  return 500;
}

function isErrorStatus(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 400 && (value as number) <= 599;
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
