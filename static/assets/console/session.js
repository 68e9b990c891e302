// @ts-check
import { ApiError, request } from '../lib/api.js';
import { createSignal } from '../lib/signal.js';

/**
 * `expired`: the reader was signed in and is no longer; the page stays as it is until they sign in again.
 *
 * @typedef {'unknown' | 'out' | 'in' | 'expired'} SessionState
 */

/** @type {import('../lib/signal.js').Signal<SessionState>} */
export const session = createSignal(/** @type {SessionState} */ ('unknown'));

/** Proof, on every write, that this page sent it: the cookie alone does not show that. */
let csrf = '';

/**
 * Asks the server whether the cookie still holds.
 *
 * @throws {ApiError}
 */
export async function refreshSession() {
  const answer = await request('GET', '/admin/session');
  if (answer?.authenticated === true) {
    csrf = answer.csrf;
    session.set('in');
  } else {
    lose();
  }
}

/**
 * Trades the secret for a session cookie. The secret itself is kept nowhere.
 *
 * @param {string} token
 * @throws {ApiError} code `COOKIES_BLOCKED` when the browser did not keep the cookie
 */
export async function signIn(token) {
  const answer = await request('POST', '/admin/session', { body: { token } });
  const check = await request('GET', '/admin/session');
  if (check?.authenticated !== true) throw new ApiError('COOKIES_BLOCKED');
  csrf = check.csrf ?? answer.csrf;
  session.set('in');
}

/** @throws {ApiError} */
export async function signOut() {
  try {
    await request('DELETE', '/admin/session', { headers: { 'x-csrf-token': csrf } });
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 401)) throw error;
  }
  csrf = '';
  session.set('out');
}

/** Gives up a lost session: back to the login page. */
export function abandonSession() {
  csrf = '';
  session.set('out');
}

/**
 * A request in the name of the signed-in reader. When the session has ended the login dialog opens, and a request that
 * somebody asked for goes on after it: nothing typed is lost.
 *
 * @param {'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} method
 * @param {string} path
 * @param {Parameters<typeof request>[2] & { background?: boolean, discloses?: boolean }} [options] `background`:
 *   nobody waits, so it fails rather than wait for a login; `discloses`: a GET that gives secrets away
 * @returns {Promise<any>}
 * @throws {ApiError}
 */
export async function adminRequest(method, path, { background = false, discloses = false, ...options } = {}) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const headers = {
        ...options.headers,
        ...((method !== 'GET' || discloses) && { 'x-csrf-token': csrf }),
      };
      return await request(method, path, { ...options, headers });
    } catch (error) {
      if (!(error instanceof ApiError) || attempt === 3) throw error;
      if (error.code === 'ERR_CSRF') {
        await refreshSession();
      } else if (error.status === 401) {
        lose();
        if (background) throw error;
      } else {
        throw error;
      }
      if (session.get() !== 'in' && !(await signedInAgain())) throw error;
    }
  }
}

function lose() {
  if (session.get() === 'in') session.set('expired');
  else if (session.get() === 'unknown') session.set('out');
}

/** @returns {Promise<boolean>} false when the reader gave up */
function signedInAgain() {
  const { promise, resolve } = Promise.withResolvers();
  const leave = session.subscribe(() => {
    const state = session.get();
    if (state === 'expired') return;
    leave();
    resolve(state === 'in');
  });
  return promise;
}
