/**
 * Every error code this program answers with, and the HTTP status it stands for.
 * Clients match `error.code`; the message is for people and may change.
 */
export const errorStatus = {
  ERR_BAD_REQUEST: 400,
  ERR_BAD_JSON: 400,
  ERR_VALIDATION: 400,
  ERR_UNAUTHORIZED: 401,
  ERR_FORBIDDEN: 403,
  ERR_CSRF: 403,
  ERR_PASSPHRASE: 403,
  ERR_NOT_FOUND: 404,
  ERR_NO_MAPPING: 404,
  ERR_METHOD_NOT_ALLOWED: 405,
  ERR_TIMEOUT: 408,
  ERR_RESERVED_PREFIX: 409,
  ERR_DUPLICATE: 409,
  ERR_CONFLICT: 409,
  ERR_PRECONDITION: 412,
  ERR_BODY_TOO_LARGE: 413,
  ERR_CONTENT_TYPE: 415,
  ERR_EXPECTATION: 417,
  ERR_TOO_MANY_ATTEMPTS: 429,
  ERR_KEYS_RESTING: 429,
  ERR_HEADERS_TOO_LARGE: 431,
  ERR_CLIENT_CLOSED: 499,
  ERR_INTERNAL: 500,
  ERR_SEALED: 500,
  ERR_UPSTREAM_REFUSED: 502,
  ERR_UPSTREAM_RESET: 502,
  ERR_UPSTREAM_PROTOCOL: 502,
  ERR_UPSTREAM_TLS: 502,
  ERR_UPSTREAM_DNS: 502,
  ERR_UPSTREAM_FORBIDDEN: 502,
  ERR_STORE_UNAVAILABLE: 503,
  ERR_ENCRYPTION_KEY: 503,
  ERR_SHUTTING_DOWN: 503,
  ERR_KEYS_BUSY: 503,
  ERR_NO_USABLE_KEY: 503,
  ERR_UPSTREAM_DOWN: 503,
  ERR_UPSTREAM_TIMEOUT: 504,
  ERR_HTTP_VERSION: 505,
  ERR_LOOP: 508,
} as const;

export type ErrorCode = keyof typeof errorStatus;

/**
 * An error with a stable code. `message` is shown to clients, so it never holds a secret, an internal address or a
 * library's own text; those go into `cause`, which only the log sees.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  /** The input the error is about (`prefix`, `target`, …), so that a form can show it in its place. */
  readonly field: string | undefined;
  /** Seconds after which asking again makes sense; sent as `Retry-After`. */
  readonly retryAfterSeconds: number | undefined;
  /** Further members of `error` in the answer: the row as it is now, the list of problems. Shown to clients. */
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      cause?: unknown;
      field?: string;
      retryAfterSeconds?: number;
      details?: Readonly<Record<string, unknown>>;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.field = options.field;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.details = options.details;
  }

  /** HTTP status of this error's code. */
  get status(): number {
    return errorStatus[this.code];
  }
}

/** JSON body of one of our own error answers: `{"error":{"code","message","field"?,…details,"request_id"}}`. */
export function errorBody(error: AppError, requestId: string): string {
  return JSON.stringify({
    error: {
      code: error.code,
      message: error.message,
      field: error.field,
      ...error.details,
      request_id: requestId,
    },
  });
}
