import { AppError } from '../base/errors.ts';

/**
 * Paths this program serves itself. A mapping may not equal one, lie under one, or contain one: `/admin`, `/admin/x`
 * and, because of `/api/mappings`, `/api` too.
 */
export const RESERVED_PATHS = [
  '/index.html',
  '/assets',
  '/stats',
  '/status',
  '/health',
  '/metrics',
  '/robots.txt',
  '/favicon.ico',
  '/favicon.svg',
  '/openapi.yaml',
  '/openapi.json',
  '/admin',
  '/api/mappings',
  '/v1',
] as const;

const LONGEST_PREFIX = 256;
const LONGEST_TARGET = 2048;

/** Where a mapping leads, taken apart once so that the request path never parses a URL. */
export interface Target {
  /** As stored. */
  readonly url: string;
  readonly tls: boolean;
  /** Host for the connection and SNI: an IPv6 literal has no brackets here. */
  readonly hostname: string;
  readonly port: number;
  /** Value of the `Host` field (RFC 9110 §7.2): the port is left out where it is the scheme's default. */
  readonly authority: string;
  /** Path put before the rest of the request's path: empty, or begins with a slash and does not end with one. */
  readonly basePath: string;
}

export interface Mapping {
  /** Begins with a slash, does not end with one, has one or more segments. */
  readonly prefix: string;
  readonly target: Target;
}

/**
 * Checks a prefix that a user wrote. A slash at the end is dropped.
 *
 * @throws AppError `ERR_VALIDATION` (field `prefix`), `ERR_RESERVED_PREFIX`
 */
export function parsePrefix(text: unknown): string {
  if (typeof text !== 'string' || text === '') {
    throw invalid('prefix', `Expected \`prefix\` to be text such as \`/openai\`, got ${shown(text)}`);
  }
  const prefix = text.length > 1 && text.endsWith('/') ? text.slice(0, -1) : text;
  if (prefix.length > LONGEST_PREFIX) {
    throw invalid(
      'prefix',
      `Expected \`prefix\` to have at most ${LONGEST_PREFIX} characters, got ${prefix.length}`,
    );
  }
  if (!/^(\/[A-Za-z0-9._~!$&'()*+,;=:@-]+)+$/.test(prefix)) {
    throw invalid(
      'prefix',
      `Expected \`prefix\` to begin with a slash and hold only path characters (RFC 3986 §3.3), got ${shown(text)}`,
    );
  }
  if (/\/\.{1,2}(\/|$)/.test(prefix)) {
    throw invalid('prefix', `Expected \`prefix\` to hold no dot segment, got ${shown(text)}`);
  }
  const reserved = RESERVED_PATHS.find(path => owns(path, prefix) || owns(prefix, path));
  if (reserved !== undefined) {
    throw new AppError(
      'ERR_RESERVED_PREFIX',
      `Expected \`prefix\` to leave \`${reserved}\` free, got \`${prefix}\``,
      {
        field: 'prefix',
      },
    );
  }
  return prefix;
}

/**
 * Checks a target that a user wrote and takes it apart: an http or https URL with no credentials, query or fragment.
 *
 * @throws AppError `ERR_VALIDATION` (field `target`)
 */
export function parseTarget(text: unknown): Target {
  if (typeof text !== 'string' || text === '') {
    throw invalid(
      'target',
      `Expected \`target\` to be a URL such as \`https://api.openai.com\`, got ${shown(text)}`,
    );
  }
  if (text.length > LONGEST_TARGET) {
    throw invalid(
      'target',
      `Expected \`target\` to have at most ${LONGEST_TARGET} characters, got ${text.length}`,
    );
  }
  const match = /^(https?):\/\/([^/?#\s\\]+)(\/[\x21\x22\x24-\x3e\x40-\x7e]*)?$/i.exec(text);
  if (match === null || !URL.canParse(text)) throw invalid('target', targetProblem(text));
  const url = new URL(text);
  if (match[2]!.includes('@')) {
    throw invalid('target', 'Expected `target` to hold no user name or password, got a URL with credentials');
  }
  const tls = url.protocol === 'https:';
  return {
    url: text,
    tls,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (tls ? 443 : 80) : Number(url.port),
    authority: url.host,
    basePath: (match[3] ?? '').replace(/\/+$/, ''),
  };
}

function targetProblem(text: string): string {
  if (!/^https?:\/\//i.test(text))
    return `Expected \`target\` to begin with http:// or https://, got ${shown(withoutCredentials(text))}`;
  if (/[?#]/.test(text)) return 'Expected `target` to hold no query and no fragment';
  return `Expected \`target\` to be a URL, got ${shown(withoutCredentials(text))}`;
}

/** Text that is no target may hold a password all the same, wherever it was meant to stand: nothing before an `@` is shown. */
function withoutCredentials(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1***@');
}

const RESERVED_HEADS: ReadonlySet<string> = new Set(RESERVED_PATHS.map(path => path.split('/')[1]!));

/**
 * Whether this program serves a path itself: `/`, or anything at or under a reserved path.
 *
 * @param path request target in origin form, query included
 */
export function isReservedPath(path: string): boolean {
  const query = path.indexOf('?');
  const bare = query === -1 ? path : path.slice(0, query);
  if (bare === '/') return true;
  const slash = bare.indexOf('/', 1);
  if (!RESERVED_HEADS.has(slash === -1 ? bare.slice(1) : bare.slice(1, slash))) return false;
  return RESERVED_PATHS.some(reserved => owns(reserved, bare));
}

/** True when `path` equals `prefix` or continues it after a slash. */
function owns(prefix: string, path: string): boolean {
  return path === prefix || path.startsWith(`${prefix}/`);
}

function invalid(field: string, message: string): AppError {
  return new AppError('ERR_VALIDATION', message, { field });
}

function shown(value: unknown): string {
  if (typeof value !== 'string')
    return value === undefined ? 'nothing' : `a value of type ${value === null ? 'null' : typeof value}`;
  return `\`${value.length > 80 ? `${value.slice(0, 80)}…` : value}\``;
}

/** A row of the store that cannot serve, and why. */
export interface SkippedRow {
  readonly prefix: string;
  readonly problem: string;
}

/**
 * The mappings a process serves: immutable, replaced whole. Lookup costs one map access for each segment border of the
 * path, up to the deepest prefix, whatever the number of mappings.
 */
export class MappingTable {
  readonly #byPrefix: ReadonlyMap<string, Mapping>;
  readonly #deepest: number;
  readonly skipped: readonly SkippedRow[];

  private constructor(byPrefix: ReadonlyMap<string, Mapping>, skipped: readonly SkippedRow[]) {
    this.#byPrefix = byPrefix;
    this.skipped = skipped;
    let deepest = 0;
    for (const prefix of byPrefix.keys()) deepest = Math.max(deepest, prefix.split('/').length - 1);
    this.#deepest = deepest;
  }

  static readonly empty = new MappingTable(new Map(), []);

  /**
   * Builds the table from stored rows; a row that is not valid is left out and named in `skipped`. Rows that `previous`
   * has as they are keep their `Mapping`, so that one edit among thousands costs little and what hangs on it stays.
   */
  static from(rows: Iterable<readonly [string, string]>, previous = MappingTable.empty): MappingTable {
    const byPrefix = new Map<string, Mapping>();
    const skipped: SkippedRow[] = [];
    for (const [storedPrefix, storedTarget] of rows) {
      const known = previous.#byPrefix.get(storedPrefix);
      if (known !== undefined && known.target.url === storedTarget) {
        byPrefix.set(storedPrefix, known);
        continue;
      }
      try {
        const prefix = parsePrefix(storedPrefix);
        byPrefix.set(prefix, { prefix, target: parseTarget(storedTarget) });
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        skipped.push({ prefix: storedPrefix, problem: error.message });
      }
    }
    return new MappingTable(byPrefix, skipped);
  }

  get size(): number {
    return this.#byPrefix.size;
  }

  get(prefix: string): Mapping | undefined {
    return this.#byPrefix.get(prefix);
  }

  /** In no particular order. */
  values(): IterableIterator<Mapping> {
    return this.#byPrefix.values();
  }

  /**
   * Finds the mapping that owns a path: the longest prefix that ends on a segment border.
   *
   * @param path request target in origin form (RFC 9112 §3.2.1), not decoded, query included
   */
  find(path: string): Mapping | undefined {
    let found: Mapping | undefined;
    let from = 1;
    const query = path.indexOf('?');
    const end = query === -1 ? path.length : query;
    for (let depth = 0; depth < this.#deepest; depth += 1) {
      const slash = path.indexOf('/', from);
      const border = slash === -1 || slash > end ? end : slash;
      const mapping = this.#byPrefix.get(path.slice(0, border));
      if (mapping !== undefined) found = mapping;
      if (border === end) break;
      from = border + 1;
    }
    return found;
  }
}
