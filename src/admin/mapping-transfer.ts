import { AppError, type ErrorCode } from '../base/errors.ts';
import { parsePrefix, parseTarget } from '../domain/mappings.ts';
import { type MappingApi, newestTable, refresh } from './mapping-api.ts';
import { type Answer, allowOnly, type Route, type RouteRequest } from './route.ts';

/** Room for tens of thousands of mappings in one import. */
const IMPORT_LIMIT_BYTES = 4 * 1024 * 1024;

/** Why one row of an import was refused. */
interface ImportProblem {
  readonly prefix: string;
  readonly code: string;
  readonly field: string | undefined;
  readonly message: string;
}

/** Mappings as a whole, in and out, and a single request to a target. */
export function mappingTransferRoutes(api: MappingApi): Route[] {
  async function exportAll(): Promise<Answer> {
    const table = await newestTable(api);
    const rows = [...table.values()]
      .map(mapping => [mapping.prefix, mapping.target.url] as const)
      .sort(([left], [right]) => (left < right ? -1 : 1));
    // Prefixes begin with a slash, so none of them can be a name that objects treat specially.
    const text = `${JSON.stringify({ mappings: Object.fromEntries(rows) }, null, 2)}\n`;
    return {
      status: 200,
      text,
      type: 'application/json',
      headers: { 'content-disposition': 'attachment; filename="switchyard-mappings.json"' },
    };
  }

  async function importAll(request: RouteRequest): Promise<Answer> {
    const body = await request.readObject(IMPORT_LIMIT_BYTES);
    allowOnly(body, ['mappings', 'mode']);
    const mode = body.get('mode') ?? 'merge';
    if (mode !== 'merge') {
      throw new AppError('ERR_VALIDATION', 'Expected `mode` to be `merge`', { field: 'mode' });
    }
    const rows = checkedRows(body.get('mappings'));
    const before = await api.store.readAll();
    if (rows.size > 0) await api.store.putAll(rows);
    await refresh(api);
    let added = 0;
    let changed = 0;
    for (const [prefix, target] of rows) {
      const old = before.get(prefix);
      if (old === undefined) added += 1;
      else if (old !== target) changed += 1;
    }
    api.log.info({ added, changed, by: request.credentials.clientAddress }, 'mappings imported');
    return { status: 200, json: { added, changed, unchanged: rows.size - added - changed } };
  }

  async function tryOne(request: RouteRequest): Promise<Answer> {
    const body = await request.readObject();
    allowOnly(body, ['prefix']);
    const prefix = parsePrefix(body.get('prefix'));
    const mapping = (await newestTable(api)).get(prefix);
    if (mapping === undefined) {
      throw new AppError('ERR_NOT_FOUND', `Expected a mapping that exists, got \`${prefix}\``, {
        field: 'prefix',
      });
    }
    const result = await api.tryTarget(mapping);
    const shown =
      'error' in result
        ? {
            error: { code: result.error, message: failureText(result.error) },
            duration_ms: result.duration_ms,
          }
        : result;
    return { status: 200, json: { prefix, target: mapping.target.url, ...shown } };
  }

  return [
    {
      method: 'GET',
      path: '/admin/mappings/export',
      audience: 'admin',
      summary: 'All mappings as a file that import takes',
      navigable: true,
      handle: exportAll,
    },
    {
      method: 'POST',
      path: '/admin/mappings/import',
      audience: 'admin',
      summary: 'Add or overwrite many mappings, all or none',
      handle: importAll,
    },
    {
      method: 'POST',
      path: '/admin/mappings/try',
      audience: 'admin',
      summary: "Send one request to a mapping's target",
      handle: tryOne,
    },
  ];
}

/**
 * Checks an import as a whole.
 *
 * @throws AppError `ERR_VALIDATION` with every problem in `problems`
 */
function checkedRows(mappings: unknown): Map<string, string> {
  if (typeof mappings !== 'object' || mappings === null || Array.isArray(mappings)) {
    throw new AppError('ERR_VALIDATION', 'Expected `mappings` to be an object of prefix and target', {
      field: 'mappings',
    });
  }
  const rows = new Map<string, string>();
  const problems: ImportProblem[] = [];
  for (const [writtenPrefix, writtenTarget] of Object.entries(mappings)) {
    try {
      const prefix = parsePrefix(writtenPrefix);
      const target = parseTarget(writtenTarget);
      if (rows.has(prefix)) {
        throw new AppError('ERR_DUPLICATE', `Expected \`${prefix}\` once, got it twice`, { field: 'prefix' });
      }
      rows.set(prefix, target.url);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const prefix = writtenPrefix.length > 256 ? `${writtenPrefix.slice(0, 256)}…` : writtenPrefix;
      problems.push({ prefix, code: error.code, field: error.field, message: error.message });
    }
  }
  if (problems.length > 0) {
    throw new AppError(
      'ERR_VALIDATION',
      `Expected mappings that can all serve, got ${problems.length} that cannot; nothing was changed`,
      { field: 'mappings', details: { problems } },
    );
  }
  return rows;
}

const FAILURE_TEXTS: ReadonlyMap<ErrorCode, string> = new Map([
  ['ERR_UPSTREAM_DNS', "The target's host name was not found"],
  ['ERR_UPSTREAM_REFUSED', 'The target refused the connection'],
  ['ERR_UPSTREAM_RESET', 'The target closed the connection before it answered'],
  ['ERR_UPSTREAM_PROTOCOL', "The target's answer was not valid HTTP"],
  ['ERR_UPSTREAM_TLS', "The target's certificate could not be verified"],
  ['ERR_UPSTREAM_FORBIDDEN', "The target's address is one that mappings may not reach"],
  ['ERR_UPSTREAM_TIMEOUT', 'The target did not answer in time'],
]);

function failureText(code: ErrorCode): string {
  return FAILURE_TEXTS.get(code) ?? 'The target could not be reached';
}
