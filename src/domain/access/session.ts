import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../base/secret.ts';

/** Name of the cookie that carries a session. */
export const SESSION_COOKIE = 'switchyard_session';
/** How long a session lasts after its last use. */
export const SESSION_IDLE_MS = 12 * 60 * 60 * 1000;
/** How long a session lasts at most, used or not. */
export const SESSION_LONGEST_MS = 7 * 24 * 60 * 60 * 1000;
/** A session is issued anew when this much of its idle time has passed: not on every request. */
const RENEW_AFTER_MS = 5 * 60 * 1000;

/** A login of the console. */
export interface Session {
  /** 16 random bytes in hex. */
  readonly id: string;
  readonly startedMs: number;
  readonly expiresMs: number;
}

/**
 * Signs and reads sessions. Nothing is stored: the signed text is the session, so every process with the same admin
 * secret accepts it, a restart ends none, and a changed secret ends all.
 *
 * A revoked session (log out) is remembered in this process alone. Another process goes on accepting a *copied* cookie
 * until it expires; changing the admin secret ends it everywhere.
 */
export class SessionKeeper {
  readonly #sessionKey: Uint8Array;
  readonly #csrfKey: Uint8Array;
  /** Session id → epoch ms after which no cookie with it can be valid any more. */
  readonly #revoked = new Map<string, number>();

  constructor(adminSecret: Secret) {
    this.#sessionKey = derive(adminSecret, 'switchyard session v1');
    this.#csrfKey = derive(adminSecret, 'switchyard csrf v1');
  }

  open(nowMs: number): Session {
    return { id: randomBytes(16).toString('hex'), startedMs: nowMs, expiresMs: nowMs + SESSION_IDLE_MS };
  }

  /** The session as a cookie value: `<id>.<started>.<expires>.<signature>`. */
  sign(session: Session): string {
    const text = `${session.id}.${session.startedMs}.${session.expiresMs}`;
    return `${text}.${seal(this.#sessionKey, text)}`;
  }

  /** The session of a cookie value; `undefined` when it is forged, damaged, expired or revoked. */
  read(cookie: string, nowMs: number): Session | undefined {
    const match = /^(([0-9a-f]{32})\.(\d{1,16})\.(\d{1,16}))\.([\w-]{43})$/.exec(cookie);
    if (match === null || !equal(seal(this.#sessionKey, match[1]!), match[5]!)) return undefined;
    const session = { id: match[2]!, startedMs: Number(match[3]), expiresMs: Number(match[4]) };
    return session.expiresMs > nowMs && !this.#revoked.has(session.id) ? session : undefined;
  }

  /** The session with a later end, when it is due for one; `undefined` otherwise. */
  renew(session: Session, nowMs: number): Session | undefined {
    const expiresMs = Math.min(nowMs + SESSION_IDLE_MS, session.startedMs + SESSION_LONGEST_MS);
    return expiresMs - session.expiresMs >= RENEW_AFTER_MS ? { ...session, expiresMs } : undefined;
  }

  revoke(session: Session, nowMs: number): void {
    for (const [id, untilMs] of this.#revoked) {
      if (untilMs <= nowMs) this.#revoked.delete(id);
    }
    this.#revoked.set(session.id, Math.max(nowMs + SESSION_IDLE_MS, session.expiresMs));
  }

  /** What the console must send as `x-csrf-token` on writes; the same for the whole life of a session. */
  csrfToken(session: Session): string {
    return seal(this.#csrfKey, session.id);
  }

  csrfMatches(session: Session, token: string): boolean {
    return equal(this.csrfToken(session), token);
  }
}

function derive(secret: Secret, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret.reveal(), '', purpose, 32));
}

function seal(key: Uint8Array, text: string): string {
  return createHmac('sha256', key).update(text).digest('base64url');
}

/** Compares two texts in time that does not depend on where they differ; both lengths are public. */
function equal(expected: string, given: string): boolean {
  const left = Buffer.from(expected);
  const right = Buffer.from(given);
  return left.length === right.length && timingSafeEqual(left, right);
}
