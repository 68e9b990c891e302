import type { Middleware } from 'koa';
import type { Answer, Route, RouteRequest } from '../../admin/route.ts';
import type { AdminAccess, Credentials } from '../../domain/access/admin-access.ts';
import { cameByHttps, clientAddress } from './client.ts';
import { readObject } from './read-object.ts';
import { endingCookie, openingCookie, sessionCookies } from './session-cookie.ts';

type Context = Parameters<Middleware>[0];

export interface RouteServing {
  readonly access: AdminAccess;
  readonly basePath: string;
  readonly trustProxy: boolean;
  readonly publicPanel: boolean;
  readonly nowMs: () => number;
}

/** What a request brings to prove who sends it. */
export function credentialsOf(context: Context, trustProxy: boolean): Credentials {
  const { headers } = context.req;
  return {
    authorization: headers.authorization,
    adminKey: single(headers['x-admin-key']),
    cookies: sessionCookies(headers.cookie),
    csrf: single(headers['x-csrf-token']),
    clientAddress: clientAddress(context.req, trustProxy),
  };
}

/** Puts a route behind Koa: lets the right people in, calls it, writes its answer. */
export function serveRoute(route: Route, serving: RouteServing): Middleware {
  const guarded = route.audience === 'admin' || (route.audience === 'panel' && !serving.publicPanel);
  const writes = route.method !== 'GET' || route.discloses === true;
  return async context => {
    const nowMs = serving.nowMs();
    const credentials = credentialsOf(context, serving.trustProxy);
    if (guarded) {
      const session = serving.access.authorize(credentials, { writes }, nowMs);
      const renewed = session && serving.access.sessions.renew(session, nowMs);
      if (renewed !== undefined) setSession(context, { session: renewed, serving, nowMs });
    }
    const request: RouteRequest = {
      path: context.path,
      query: new URLSearchParams(context.querystring),
      credentials,
      nowMs,
      header: name => single(context.req.headers[name.toLowerCase()]),
      readObject: limitBytes => readObject(context.req, limitBytes),
    };
    const answer = await route.handle(request);
    write(context, answer);
    if (answer.session !== undefined) setSession(context, { session: answer.session, serving, nowMs });
  };
}

function write(context: Context, answer: Answer): void {
  context.status = answer.status;
  context.set('Cache-Control', 'no-store');
  if (answer.headers !== undefined) context.set(answer.headers);
  if (answer.text !== undefined) {
    context.body = answer.text;
    context.set('Content-Type', answer.type ?? 'text/plain; charset=utf-8');
  } else if (answer.json !== undefined) {
    context.body = JSON.stringify(answer.json);
    context.set('Content-Type', 'application/json');
  }
}

function setSession(
  context: Context,
  change: { session: NonNullable<Answer['session']>; serving: RouteServing; nowMs: number },
): void {
  const { session, serving, nowMs } = change;
  const scope = { basePath: serving.basePath, secure: cameByHttps(context.req, serving.trustProxy) };
  const cookie =
    session === 'end'
      ? endingCookie(scope)
      : openingCookie(session, serving.access.sessions.sign(session), { ...scope, nowMs });
  context.set('Set-Cookie', cookie);
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}
