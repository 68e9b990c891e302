import { hash } from 'node:crypto';
import { AppError } from '../base/errors.ts';

/** A mapping as the API shows it. */
export interface MappingRow {
  readonly prefix: string;
  readonly target: string;
  /** Changes with the target; goes into `If-Match`, in quotes. */
  readonly etag: string;
}

export function mappingRow(prefix: string, target: string): MappingRow {
  return { prefix, target, etag: hash('sha256', target, 'base64url').slice(0, 16) };
}

/**
 * Whether an `If-Match` field lets a change of the row through (RFC 9110 §13.1.1): `*`, or a list that names its etag.
 * Weak etags never match; an etag without its quotes is taken as if it had them.
 */
export function ifMatchAllows(field: string, row: MappingRow): boolean {
  return field.split(',').some(part => {
    const tag = part.trim();
    return tag === '*' || tag === row.etag || tag === `"${row.etag}"`;
  });
}

const MAPPINGS_PATH = '/api/mappings/';

/**
 * The prefix that a path under `/api/mappings/` names: `team/openai`, `team%2Fopenai` and `%2Fteam%2Fopenai` are all
 * `/team/openai`. It is only decoded, not checked.
 *
 * @throws AppError `ERR_VALIDATION` when the percent-encoding is broken
 */
export function prefixOfPath(path: string): string {
  const rest = path.slice(MAPPINGS_PATH.length);
  try {
    const decoded = decodeURIComponent(rest);
    return decoded.startsWith('/') ? decoded : `/${decoded}`;
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw new AppError('ERR_VALIDATION', 'Expected the prefix in the path to be percent-encoded UTF-8', {
      cause: error,
      field: 'prefix',
    });
  }
}

/** `Location` of a mapping, for a checked prefix: it has only characters that a path may hold. */
export function locationOf(basePath: string, prefix: string): string {
  return `${basePath}/api/mappings${prefix}`;
}
