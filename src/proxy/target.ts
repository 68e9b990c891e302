import { AppError } from '../base/errors.ts';
import type { Mapping } from '../domain/mappings.ts';

/** A request target in origin form, and the authority the client named. */
export interface RequestTarget {
  /** Begins with a slash; query included; byte for byte as received. `*` for `OPTIONS *`. */
  readonly path: string;
  /** From an absolute-form target, which beats `Host` (RFC 9112 §3.2.2); else from `Host`. */
  readonly authority: string;
}

/**
 * Takes origin-form and absolute-form targets (RFC 9112 §3.2). Never goes through `URL`, which would rewrite `%2e%2e`,
 * `//` and quotes.
 *
 * @throws AppError `ERR_BAD_REQUEST`
 */
export function parseRequestTarget(url: string, host: string): RequestTarget {
  if (url.charCodeAt(0) === 0x2f) {
    if (url.includes('#'))
      throw new AppError('ERR_BAD_REQUEST', 'Expected the request target to hold no fragment');
    return { path: url, authority: host };
  }
  if (url === '*') return { path: url, authority: host };
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/is.exec(url);
  if (absolute === null || absolute[1] === '' || absolute[2]!.includes('#')) {
    throw new AppError('ERR_BAD_REQUEST', 'Expected the request target to be a path or an absolute URL');
  }
  const rest = absolute[2]!;
  return { path: rest.startsWith('/') ? rest : `/${rest}`, authority: absolute[1]! };
}

/**
 * The path to ask the target for: its base path, then what follows the prefix, query included, byte for byte.
 *
 * @param path request target in origin form, owned by the mapping
 */
export function upstreamPath(mapping: Mapping, path: string): string {
  const rest = path.slice(mapping.prefix.length);
  const { basePath } = mapping.target;
  if (rest.charCodeAt(0) === 0x2f) return basePath + rest;
  return basePath === '' ? `/${rest}` : basePath + rest;
}
