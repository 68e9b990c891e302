import { AppError } from '../base/errors.ts';
import type { AdminAccess } from '../domain/access/admin-access.ts';
import type { Session } from '../domain/access/session.ts';
import { type Answer, allowOnly, type Route, type RouteRequest } from './route.ts';

const LONGEST_TOKEN = 4096;

/** Log in, look, log out. The secret itself is sent once, here, and never kept by the browser. */
export function sessionRoutes(access: AdminAccess): Route[] {
  async function logIn(request: RouteRequest): Promise<Answer> {
    const body = await request.readObject();
    allowOnly(body, ['token']);
    const token = body.get('token');
    if (typeof token !== 'string' || token === '' || token.length > LONGEST_TOKEN) {
      throw new AppError('ERR_VALIDATION', 'Expected `token` to be the admin token, got no text', {
        field: 'token',
      });
    }
    const { clientAddress } = request.credentials;
    const session = access.logIn({ token, clientAddress }, request.nowMs);
    return { status: 200, json: shown(session), session };
  }

  async function look(request: RouteRequest): Promise<Answer> {
    const session = access.sessionOf(request.credentials, request.nowMs);
    if (session === undefined) return { status: 200, json: { authenticated: false } };
    const renewed = access.sessions.renew(session, request.nowMs);
    return {
      status: 200,
      json: { authenticated: true, ...shown(renewed ?? session) },
      ...(renewed && { session: renewed }),
    };
  }

  async function logOut(request: RouteRequest): Promise<Answer> {
    const session = access.sessionOf(request.credentials, request.nowMs);
    if (session !== undefined) {
      access.requireCsrf(session, request.credentials);
      access.sessions.revoke(session, request.nowMs);
    }
    return { status: 204, session: 'end' };
  }

  function shown(session: Session): { expires_at_ms: number; csrf: string } {
    return { expires_at_ms: session.expiresMs, csrf: access.sessions.csrfToken(session) };
  }

  const path = '/admin/session';
  return [
    {
      method: 'POST',
      path,
      audience: 'none',
      summary: 'Log in: trade the admin token for a session',
      handle: logIn,
    },
    { method: 'GET', path, audience: 'none', summary: 'Whether a session is open', handle: look },
    { method: 'DELETE', path, audience: 'none', summary: 'Log out', handle: logOut },
  ];
}
