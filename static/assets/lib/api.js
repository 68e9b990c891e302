// @ts-check
import { isKey, t } from './i18n.js';

/** Where the server's paths begin: empty, or a sub-path such as `/switchyard`. */
export const base = document.documentElement.dataset.base ?? '';

/**
 * The address of a prefix as this browser reaches the gateway, whatever fronts stand between.
 *
 * @param {string} prefix
 */
export function addressOf(prefix) {
  return `${location.origin}${base}${prefix}`;
}

/** @typedef {{ prefix: string, code: string, field?: string, message: string }} Problem one row of a refused import */

/**
 * What a request failed with. `code` is the server's (`ERR_…`), or `NETWORK` where no answer came, `TIMEOUT` where none
 * came in time, `UNREADABLE` where the answer was not ours (a front's error page, for example).
 */
export class ApiError extends Error {
  /**
   * @param {string} code
   * @param {{ status?: number, detail?: string, field?: string, requestId?: string, retryAfterSeconds?: number,
   *   current?: any, problems?: readonly Problem[], cause?: unknown }} [facts] `detail` is the server's own sentence,
   *   in English
   */
  constructor(code, facts = {}) {
    super(code, { cause: facts.cause });
    this.code = code;
    this.status = facts.status ?? 0;
    this.detail = facts.detail;
    this.field = facts.field;
    this.requestId = facts.requestId;
    this.retryAfterSeconds = facts.retryAfterSeconds;
    this.current = facts.current;
    this.problems = facts.problems ?? [];
  }
}

/**
 * Sends one request to our own server and reads its JSON.
 *
 * @param {'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} method
 * @param {string} path without the base
 * @param {{ body?: unknown, headers?: Record<string, string>, timeoutMs?: number, signal?: AbortSignal,
 *   asFile?: boolean }} [options] `asFile`: the answer is a file, not JSON: `{ text, headers }`
 * @returns {Promise<any>} `undefined` for an empty answer
 * @throws {ApiError}
 */
export async function request(
  method,
  path,
  { body, headers = {}, timeoutMs = 15_000, signal, asFile = false } = {},
) {
  const timeout = AbortSignal.timeout(timeoutMs);
  /** @type {RequestInit} */
  const init = {
    method,
    headers: { accept: 'application/json', ...headers },
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    cache: 'no-store',
    credentials: 'same-origin',
  };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { ...init.headers, 'content-type': 'application/json' };
  }
  let response;
  let text;
  try {
    response = await fetch(base + path, init);
    text = await response.text();
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(timeout.aborted ? 'TIMEOUT' : 'NETWORK', { cause });
  }
  noteTime(response);
  if (asFile && response.ok) return { text, headers: response.headers };
  const answer = parsed(text);
  if (response.ok && (text === '' || answer !== undefined)) return answer;
  throw failure(response, answer);
}

/** How far the server's clock is ahead of this device's. */
let aheadMs = 0;
/** A `Date` field is told in seconds and may have been long on its way: less than this says nothing. */
const CLOCK_TOLERANCE_MS = 5000;

/** @param {Response} response */
function noteTime(response) {
  const ahead = Date.parse(response.headers.get('date') ?? '') - Date.now();
  if (!Number.isNaN(ahead)) aheadMs = Math.abs(ahead) < CLOCK_TOLERANCE_MS ? 0 : ahead;
}

/** The server's time by its last answer, so that a wrong clock here does not matter. Epoch ms. */
export function serverNowMs() {
  return Date.now() + aheadMs;
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * @param {Response} response
 * @param {any} answer
 */
function failure(response, answer) {
  const error = answer?.error;
  if (typeof error?.code !== 'string') return new ApiError('UNREADABLE', { status: response.status });
  const retryAfter = Number(response.headers.get('retry-after'));
  return new ApiError(error.code, {
    status: response.status,
    detail: error.message,
    field: error.field,
    requestId: error.request_id,
    current: error.current,
    problems: error.problems,
    ...(retryAfter > 0 && { retryAfterSeconds: retryAfter }),
  });
}

/**
 * What a person reads about a failure: by its code, in their language. A code that has no text keeps the server's words.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function errorText(error) {
  if (!(error instanceof ApiError)) return t('error.UNEXPECTED');
  return codeText(error) ?? error.detail ?? t('error.UNREADABLE', { status: String(error.status) });
}

/**
 * The text of an error code, in the light of the field it is about.
 *
 * @param {{ code: string, field?: string | undefined, status?: number }} error
 * @returns {string | undefined} `undefined` for a code that has none
 */
export function codeText({ code, field, status = 0 }) {
  const key = [`error.${code}.${field}`, `error.${code}`].find(isKey);
  return key === undefined
    ? undefined
    : t(/** @type {import('./i18n.js').Key} */ (key), { status: String(status) });
}
