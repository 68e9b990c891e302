import { SESSION_COOKIE as NAME, type Session } from '../../domain/access/session.ts';

interface CookieScope {
  /** `BASE_PATH`; the cookie is sent to nothing outside it. */
  readonly basePath: string;
  readonly secure: boolean;
}

/** Every value of the session cookie in a `Cookie` field (RFC 6265 §5.4): two scopes may each have sent one. */
export function sessionCookies(field: string | undefined): string[] {
  return (field ?? '')
    .split(';')
    .map(pair => pair.trim())
    .filter(pair => pair.startsWith(`${NAME}=`))
    .map(pair => pair.slice(NAME.length + 1));
}

/** `Set-Cookie` that opens a session in the browser. */
export function openingCookie(
  session: Session,
  signed: string,
  scope: CookieScope & { nowMs: number },
): string {
  const seconds = Math.max(0, Math.floor((session.expiresMs - scope.nowMs) / 1000));
  return cookie(signed, seconds, scope);
}

/** `Set-Cookie` that ends it. */
export function endingCookie(scope: CookieScope): string {
  return cookie('', 0, scope);
}

function cookie(value: string, seconds: number, scope: CookieScope): string {
  const path = scope.basePath === '' ? '/' : scope.basePath;
  const secure = scope.secure ? '; Secure' : '';
  return `${NAME}=${value}; Path=${path}; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`;
}
