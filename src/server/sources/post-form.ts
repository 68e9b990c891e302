import type { Target } from '../../domain/mappings.ts';
import { type Asked, ask } from '../../proxy/ask.ts';
import type { Upstreams } from '../../proxy/upstreams.ts';

/** Sends a form to an http or https URL and reads the beginning of the answer. Never rejects. */
export type PostForm = (
  url: string,
  form: URLSearchParams,
  limits: { readonly timeoutMs: number; readonly bodyBytes: number },
) => Promise<Asked>;

/**
 * Sends forms on the way that clients' requests take, so that the same outbound proxy, address guard and time limits hold
 * for them. Redirects are not followed.
 */
export function createPostForm(upstreams: Pick<Upstreams, 'at'>): PostForm {
  return (url, form, { timeoutMs, bodyBytes }) => {
    const { target, path } = placeOf(url);
    const body = Buffer.from(form.toString());
    const headers = ['Host', target.authority, 'Accept', 'application/json', 'User-Agent', 'switchyard'];
    headers.push('Accept-Encoding', 'identity');
    headers.push('Content-Type', 'application/x-www-form-urlencoded;charset=UTF-8');
    headers.push('Content-Length', String(body.length));
    return ask(
      upstreams.at(target),
      { method: 'POST', path, headers, body: 'length', upgrade: false, expectContinue: false },
      { wholeBody: body, timeoutMs, bodyBytes },
    );
  };
}

function placeOf(text: string): { target: Target; path: string } {
  const { protocol, hostname, host, port, pathname, search } = new URL(text);
  const tls = protocol === 'https:';
  const target = {
    url: text,
    tls,
    hostname: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (tls ? 443 : 80) : Number(port),
    authority: host,
    basePath: '',
  };
  return { target, path: pathname + search };
}
