import { AppError } from '../base/errors.ts';
import type { Credentials } from '../domain/access/admin-access.ts';
import type { Session } from '../domain/access/session.ts';

/**
 * Who may use a route: the admin alone; whoever may see the panel (everyone, unless `PUBLIC_PANEL=false`); everyone.
 * A route with a credential of its own (login, metrics) says `none` and checks it in its handler.
 */
export type Audience = 'admin' | 'panel' | 'none';

/** A request as handlers see it, whatever server carries it. */
export interface RouteRequest {
  /** As sent, not decoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly credentials: Credentials;
  readonly nowMs: number;
  /** The value of a field; `undefined` when it was not sent. */
  header(name: string): string | undefined;
  /**
   * Reads the body, which must be one JSON object.
   *
   * @param limitBytes most bytes read; 64 KiB when left out
   * @throws AppError `ERR_CONTENT_TYPE`, `ERR_BODY_TOO_LARGE`, `ERR_BAD_JSON`, `ERR_VALIDATION`
   */
  readObject(limitBytes?: number): Promise<ReadonlyMap<string, unknown>>;
}

export interface Answer {
  readonly status: number;
  /** Sent as JSON; left out for an answer without a body, or with `text`. */
  readonly json?: unknown;
  readonly text?: string | Buffer;
  /** Media type of `text`. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A session to put into the cookie, or `end` to delete the cookie. */
  readonly session?: Session | 'end';
}

/** One route as data: the router serves it and a test holds `openapi.yaml` to it. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** A path of `@koa/router`: `:name` stands for one segment, `*name` for one or more. */
  readonly path: string;
  readonly audience: Audience;
  readonly summary: string;
  /** A GET that a browser may open as a page (a download): it is answered even where HTML is asked for. */
  readonly navigable?: boolean;
  /** A GET that gives secrets away: with a session it needs the CSRF token as a write does. */
  readonly discloses?: boolean;
  handle(request: RouteRequest): Promise<Answer>;
}

/**
 * Refuses members that a route does not know: a misspelt one would otherwise be ignored in silence.
 *
 * @throws AppError `ERR_VALIDATION`, its field the first unknown member
 */
export function allowOnly(object: ReadonlyMap<string, unknown>, known: readonly string[]): void {
  for (const name of object.keys()) {
    if (known.includes(name)) continue;
    const field = name.length > 80 ? `${name.slice(0, 80)}…` : name;
    const expected = known.map(item => `\`${item}\``).join(', ');
    throw new AppError('ERR_VALIDATION', `Expected only ${expected} in the body, got \`${field}\` too`, {
      field,
    });
  }
}

/**
 * The body of a request that may have none: no members then.
 *
 * @throws AppError as `RouteRequest.readObject`
 */
export async function readOptionalObject(request: RouteRequest): Promise<ReadonlyMap<string, unknown>> {
  const length = request.header('content-length') ?? '0';
  const empty = length === '0' && request.header('transfer-encoding') === undefined;
  return empty ? new Map() : await request.readObject();
}

/**
 * The segment of a path that names one thing: `k1` in `/admin/keys/k1/test`.
 *
 * @param parent what stands before it, with a slash at its end
 * @throws AppError `ERR_VALIDATION` (field `id`) when the percent-encoding is broken
 */
export function idInPath(path: string, parent: string): string {
  const segment = path.slice(parent.length).split('/')[0]!;
  try {
    return decodeURIComponent(segment);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw new AppError('ERR_VALIDATION', 'Expected the id in the path to be percent-encoded UTF-8', {
      cause: error,
      field: 'id',
    });
  }
}
