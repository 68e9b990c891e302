import { AppError } from '../base/errors.ts';
import { parsePrefix, parseTarget } from '../domain/mappings.ts';
import { type MappingApi, newestTable, refresh, type StoredRow, storedRow } from './mapping-api.ts';
import { ifMatchAllows, locationOf, mappingRow, prefixOfPath } from './mapping-row.ts';
import { type Answer, allowOnly, type Route, type RouteRequest } from './route.ts';

/** `/api/mappings`: one mapping at a time. A change is live in this process when its answer leaves. */
export function mappingRoutes(api: MappingApi): Route[] {
  async function list(): Promise<Answer> {
    const table = await newestTable(api);
    const mappings = [...table.values()]
      .map(mapping => mappingRow(mapping.prefix, mapping.target.url))
      .sort((left, right) => (left.prefix < right.prefix ? -1 : 1));
    return { status: 200, json: { mappings, skipped: table.skipped, stale: api.live.state !== 'ok' } };
  }

  async function read(request: RouteRequest): Promise<Answer> {
    const prefix = prefixOfPath(request.path);
    const table = await newestTable(api);
    const mapping = table.get(prefix) ?? table.get(prefix.replace(/\/$/, ''));
    if (mapping === undefined) throw unknown(prefix);
    return rowAnswer(200, mapping.prefix, mapping.target.url);
  }

  async function create(request: RouteRequest): Promise<Answer> {
    const body = await request.readObject();
    allowOnly(body, ['prefix', 'target']);
    const prefix = parsePrefix(body.get('prefix'));
    const target = parseTarget(body.get('target'));
    const taken = storedRow(await api.store.readAll(), prefix) !== undefined;
    if (taken || !(await api.store.create(prefix, target.url))) {
      throw new AppError('ERR_DUPLICATE', `Expected \`prefix\` to be new, got \`${prefix}\`, which exists`, {
        field: 'prefix',
      });
    }
    await refresh(api);
    api.log.info({ prefix, by: request.credentials.clientAddress }, 'mapping added');
    return rowAnswer(201, prefix, target.url, { location: locationOf(api.basePath, prefix) });
  }

  async function replace(request: RouteRequest): Promise<Answer> {
    const body = await request.readObject();
    allowOnly(body, ['target']);
    const prefix = parsePrefix(prefixOfPath(request.path));
    const target = parseTarget(body.get('target'));
    const found = await find(prefix, request.header('if-match'));
    const outcome = await api.store.replace(found.name, target.url, found.expectedTarget);
    await settle(outcome, prefix);
    api.log.info({ prefix, by: request.credentials.clientAddress }, 'mapping changed');
    return rowAnswer(200, prefix, target.url);
  }

  async function remove(request: RouteRequest): Promise<Answer> {
    const prefix = prefixOfPath(request.path);
    const found = await find(prefix, request.header('if-match'));
    await settle(await api.store.remove(found.name, found.expectedTarget), prefix);
    api.log.info({ prefix, by: request.credentials.clientAddress }, 'mapping deleted');
    return { status: 204 };
  }

  /** The row to change; with `If-Match` also what it must still say when it is changed. */
  async function find(
    prefix: string,
    ifMatch: string | undefined,
  ): Promise<{ name: string; expectedTarget?: string }> {
    const row = storedRow(await api.store.readAll(), prefix);
    if (row === undefined) throw unknown(prefix);
    if (ifMatch === undefined) return { name: row.name };
    if (!ifMatchAllows(ifMatch, mappingRow(row.name, row.target))) throw changed(prefix, row);
    return { name: row.name, expectedTarget: row.target };
  }

  /** Between `find` and the write somebody else may have come first: the store then wrote nothing. */
  async function settle(
    outcome: 'replaced' | 'removed' | 'missing' | 'changed',
    prefix: string,
  ): Promise<void> {
    if (outcome === 'missing') throw unknown(prefix);
    if (outcome === 'changed') {
      const row = storedRow(await api.store.readAll(), prefix);
      throw row === undefined ? unknown(prefix) : changed(prefix, row);
    }
    await refresh(api);
  }

  const many = '/api/mappings';
  const one = '/api/mappings/*prefix';
  return [
    {
      method: 'GET',
      path: many,
      audience: 'admin',
      summary: 'All mappings, and stored rows that cannot serve',
      handle: list,
    },
    { method: 'POST', path: many, audience: 'admin', summary: 'Add a mapping', handle: create },
    { method: 'GET', path: one, audience: 'admin', summary: 'One mapping', handle: read },
    { method: 'PUT', path: one, audience: 'admin', summary: "Change a mapping's target", handle: replace },
    { method: 'DELETE', path: one, audience: 'admin', summary: 'Delete a mapping', handle: remove },
  ];
}

function rowAnswer(status: number, prefix: string, target: string, headers?: Record<string, string>): Answer {
  const row = mappingRow(prefix, target);
  return { status, json: row, headers: { ...headers, etag: `"${row.etag}"` } };
}

function unknown(prefix: string): AppError {
  const shown = prefix.length > 80 ? `${prefix.slice(0, 80)}…` : prefix;
  return new AppError('ERR_NOT_FOUND', `Expected a mapping that exists, got \`${shown}\``, {
    field: 'prefix',
  });
}

function changed(prefix: string, row: StoredRow): AppError {
  return new AppError(
    'ERR_PRECONDITION',
    'Somebody changed this mapping in the meantime; look at it as it is now and decide again',
    { details: { current: mappingRow(prefix, row.target) } },
  );
}
