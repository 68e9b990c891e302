import type { AppError } from '../base/errors.ts';

/** JSON body of an error as OpenAI sends it: `{"error":{"message","type","param","code"}}`. */
export function openAiError(status: number, code: string, message: string): string {
  return JSON.stringify({ error: { message, type: typeOf(status), param: null, code } });
}

/** JSON body of an error in the shape that clients of this path read. */
export function errorBodyFor(path: string, error: AppError, requestId: string): string {
  return openAiError(error.status, error.code, `${error.message}${path}${requestId}`);
}

function typeOf(status: number): string {
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}
