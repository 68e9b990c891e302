import type { AppError } from '../base/errors.ts';

/** JSON body of an error as OpenAI sends it (https://platform.openai.com/docs/guides/error-codes). */
export function openAiError(status: number, code: string, message: string): string {
  return JSON.stringify({ error: { message, type: openAiType(status, code), param: null, code } });
}

/** JSON body of an error as Anthropic sends it (https://platform.claude.com/docs/en/api/errors). */
export function anthropicError(status: number, message: string): string {
  return JSON.stringify({ type: 'error', error: { type: anthropicType(status), message } });
}

/**
 * JSON body of one of our own error answers, in the shape that clients of this path read. Our stable code and the
 * request's id stand in both shapes.
 *
 * @param path request target that begins with `/v1`
 */
export function errorBodyFor(path: string, error: AppError, requestId: string): string {
  const { code, message, status } = error;
  if (isAnthropicPath(path)) {
    return JSON.stringify({
      type: 'error',
      error: { type: anthropicType(status), message, code },
      request_id: requestId,
    });
  }
  return JSON.stringify({
    error: {
      message,
      type: openAiType(status, code),
      param: error.field ?? null,
      code,
      ...error.details,
      request_id: requestId,
    },
  });
}

function isAnthropicPath(path: string): boolean {
  return /^\/v1\/(?:messages|complete)(?![\w-])/.test(path);
}

function openAiType(status: number, code: string): string {
  if (code === 'insufficient_quota') return code;
  switch (status) {
    case 401:
      return 'authentication_error';
    case 403:
      return 'permission_error';
    case 429:
      return 'rate_limit_error';
    default:
      return status >= 500 ? 'server_error' : 'invalid_request_error';
  }
}

const ANTHROPIC_TYPES: ReadonlyMap<number, string> = new Map([
  [401, 'authentication_error'],
  [402, 'billing_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [413, 'request_too_large'],
  [429, 'rate_limit_error'],
  [503, 'overloaded_error'],
  [504, 'timeout_error'],
  [529, 'overloaded_error'],
]);

function anthropicType(status: number): string {
  return ANTHROPIC_TYPES.get(status) ?? (status >= 500 ? 'api_error' : 'invalid_request_error');
}
