import type { RouterContext } from '@koa/router';
import type { Middleware } from 'koa';
import { AppError } from '../../base/errors.ts';
import { codingFor } from './compress.ts';
import type { StaticFile, StaticSite } from './static-site.ts';

type Context = Parameters<Middleware>[0];

const IMMUTABLE = 'public, max-age=31536000, immutable';

/** Sends a file in the best coding that the client takes; 304 where the client has it already. */
async function sendFile(context: Context, file: StaticFile, cacheControl: string): Promise<void> {
  context.status = 200;
  context.type = file.type;
  context.set('Cache-Control', cacheControl);
  context.set('ETag', file.etag);
  if (file.compressible) context.vary('Accept-Encoding');
  if (context.fresh) {
    context.status = 304;
    return;
  }
  const coding = file.compressible ? codingFor(context) : 'identity';
  context.body = await file.body(coding);
  if (coding !== 'identity') context.set('Content-Encoding', coding);
}

export interface Pages {
  panel: Middleware;
  console: Middleware;
  /** Answers a browser that opens a path under `/admin`; whether it is a page is the console's own routing. */
  consoleViews: Middleware;
  /** Answers a browser that opens `/status`. */
  statusView: Middleware;
  asset(context: RouterContext): Promise<void>;
  favicon: Middleware;
}

/**
 * The pages and their files.
 *
 * @param options.mayPanel whether this request may see the panel
 * @param options.isDownload whether a path is an API address that browsers open like a page
 */
export function createPages(options: {
  site: StaticSite;
  basePath: string;
  mayPanel: (context: Context) => boolean;
  isDownload: (path: string) => boolean;
}): Pages {
  const { site } = options;
  const sendConsole: Middleware = context => sendFile(context, site.consolePage, 'no-cache');
  const sendPublic = async (context: Context, page: StaticFile): Promise<void> => {
    if (options.mayPanel(context)) return await sendFile(context, page, 'no-cache');
    context.set('Cache-Control', 'no-store');
    context.redirect(`${options.basePath}/admin`);
  };
  return {
    panel: context => sendPublic(context, site.panelPage),
    console: sendConsole,
    consoleViews: async (context, next) => {
      const view = /^\/admin\/./.test(context.path) && ['GET', 'HEAD'].includes(context.method);
      if (!view || options.isDownload(context.path)) return await next();
      context.vary('Accept');
      return context.accepts('json', 'html') === 'html' ? await sendConsole(context, next) : await next();
    },
    statusView: async (context, next) => {
      const page = ['GET', 'HEAD'].includes(context.method) ? site.statusPage : undefined;
      if (context.path !== '/status' || page === undefined) return await next();
      context.vary('Accept');
      return context.accepts('json', 'html') === 'html' ? await sendPublic(context, page) : await next();
    },
    asset: async context => {
      const path = context.path.slice('/assets/'.length);
      const hashed = /^([0-9a-f]{16})\/(.+)$/.exec(path);
      const file = site.assets.get(hashed?.[2] ?? path);
      if (file === undefined)
        throw new AppError('ERR_NOT_FOUND', 'Expected an asset that exists, got another one');
      // Another hash comes from a page of another version, while replicas are replaced one by one: it gets what is
      // here, but must not keep it under that address.
      await sendFile(context, file, hashed?.[1] === site.hash ? IMMUTABLE : 'no-cache');
    },
    favicon: async context => {
      const file = site.assets.get('favicon.svg');
      if (file === undefined) throw new AppError('ERR_NOT_FOUND', 'There is no icon here');
      await sendFile(context, file, 'public, max-age=86400');
    },
  };
}
