import { AppError } from '../../base/errors.ts';
import type { Secret } from '../../base/secret.ts';
import { type Session, SessionKeeper } from './session.ts';
import { FailureThrottle } from './throttle.ts';

/** What a request brings to prove who sends it; fields that are absent are `undefined`. */
export interface Credentials {
  /** The `Authorization` field; schemes other than Bearer are not for us. */
  readonly authorization: string | undefined;
  /** The `x-admin-key` field. */
  readonly adminKey: string | undefined;
  /** Values of every session cookie sent: a browser may hold one for `/` and one for a sub-path. */
  readonly cookies: readonly string[];
  /** The `x-csrf-token` field. */
  readonly csrf: string | undefined;
  /** Whom failures are counted for. */
  readonly clientAddress: string;
}

/**
 * Decides who is the admin: by the admin secret itself, or by a session that was traded for it.
 *
 * Wrong secrets are counted per address. A throttled address is refused with the right secret too, but a session that
 * is already open goes on: an admin at work is not locked out by somebody else's guesses from behind the same front.
 */
export class AdminAccess {
  readonly sessions: SessionKeeper;
  readonly #secret: Secret;
  readonly #throttle: FailureThrottle;

  constructor(secret: Secret, throttle: FailureThrottle = new FailureThrottle()) {
    this.#secret = secret;
    this.#throttle = throttle;
    this.sessions = new SessionKeeper(secret);
  }

  /**
   * Trades the admin secret for a session.
   *
   * @throws AppError `ERR_TOO_MANY_ATTEMPTS`, `ERR_UNAUTHORIZED`
   */
  logIn(attempt: { token: string; clientAddress: string }, nowMs: number): Session {
    this.#check(attempt.token, attempt.clientAddress, nowMs);
    return this.sessions.open(nowMs);
  }

  /** The session that a cookie proves, without regard to other credentials. */
  sessionOf(credentials: Credentials, nowMs: number): Session | undefined {
    for (const cookie of credentials.cookies) {
      const session = this.sessions.read(cookie, nowMs);
      if (session !== undefined) return session;
    }
    return undefined;
  }

  /**
   * Lets the admin through. A secret that was sent decides alone, so that a script with a wrong one notices it.
   *
   * @param credentials what the request brought
   * @param use `writes`: a session then also needs its CSRF token, because a browser sends cookies by itself
   * @returns the session, or `undefined` where the secret was sent
   * @throws AppError `ERR_UNAUTHORIZED`, `ERR_TOO_MANY_ATTEMPTS`, `ERR_CSRF`
   */
  authorize(credentials: Credentials, use: { writes: boolean }, nowMs: number): Session | undefined {
    const token = bearerToken(credentials.authorization) ?? credentials.adminKey;
    if (token !== undefined) {
      this.#check(token, credentials.clientAddress, nowMs);
      return undefined;
    }
    const session = this.sessionOf(credentials, nowMs);
    if (session === undefined) {
      throw new AppError('ERR_UNAUTHORIZED', 'Expected the admin token or an open session, got neither');
    }
    if (use.writes) this.requireCsrf(session, credentials);
    return session;
  }

  /**
   * @throws AppError `ERR_CSRF`
   */
  requireCsrf(session: Session, credentials: Credentials): void {
    if (credentials.csrf === undefined || !this.sessions.csrfMatches(session, credentials.csrf)) {
      throw new AppError(
        'ERR_CSRF',
        "Expected `x-csrf-token` to hold the session's token, got another or none",
      );
    }
  }

  #check(token: string, clientAddress: string, nowMs: number): void {
    this.#throttle.admit(clientAddress, nowMs);
    if (!this.#secret.matches(token)) {
      this.#throttle.fail(clientAddress, nowMs);
      throw new AppError('ERR_UNAUTHORIZED', 'Expected the admin token, got another one', { field: 'token' });
    }
    this.#throttle.succeed(clientAddress);
  }
}

/** The token of an `Authorization: Bearer` field (RFC 6750 §2.1); `undefined` for other schemes. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^bearer +(.*)$/i.exec(authorization ?? '')?.[1]?.trim();
}
