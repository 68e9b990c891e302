import type { Middleware } from 'koa';

/** No source but our own origin, nothing inline: text that a user chose can never run on our pages. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** Fields of every answer of our own; proxied answers never pass here. */
export const setPageHeaders: Middleware = async (context, next) => {
  context.set({ 'X-Content-Type-Options': 'nosniff', 'Cross-Origin-Resource-Policy': 'same-origin' });
  // Scripts and styles are no documents: the page that loads them has said the rest, and fifty files would repeat it.
  if (!context.path.startsWith('/assets/')) {
    context.set({
      'Content-Security-Policy': CONTENT_SECURITY_POLICY,
      'Referrer-Policy': 'no-referrer',
      'X-Robots-Tag': 'noindex',
      'Cross-Origin-Opener-Policy': 'same-origin',
    });
  }
  await next();
};
