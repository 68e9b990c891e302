import { AppError } from '../base/errors.ts';
import {
  groupIdFor,
  isGroupId,
  LARGEST_PRIORITY,
  LONGEST_DESCRIPTION,
  LONGEST_GROUP_NAME,
} from '../domain/pool/group-text.ts';
import { DEFAULT_POOL, type PoolGroup } from '../stores/pool-types.ts';
import { type KeyCounts, keyCounts } from './key-row.ts';
import { newestPool, type PoolApi } from './pool-api.ts';
import { type Answer, allowOnly, idInPath, type Route, type RouteRequest } from './route.ts';

const PATH = '/admin/pool-groups';

export interface GroupRow extends PoolGroup {
  readonly counts: KeyCounts;
}

/** The groups by priority; those of equal priority by id, so that the order never jumps. */
export function groupRows(api: Pick<PoolApi, 'live' | 'pool'>, nowMs: number): GroupRow[] {
  return [...api.live.groups]
    .sort((left, right) => left.priority - right.priority || (left.id < right.id ? -1 : 1))
    .map(group => groupRow(api, group, nowMs));
}

function groupRow(api: Pick<PoolApi, 'pool'>, group: PoolGroup, nowMs: number): GroupRow {
  const { id, name, priority, description } = group;
  return { id, name, priority, description, counts: keyCounts(api.pool.counts(nowMs, { pool: id })) };
}

export function poolGroupRoutes(api: PoolApi): Route[] {
  async function list({ nowMs }: RouteRequest): Promise<Answer> {
    const live = await newestPool(api);
    return { status: 200, json: { groups: groupRows(api, nowMs), stale: live.state !== 'ok' } };
  }

  async function add(request: RouteRequest): Promise<Answer> {
    const body = await request.readObject();
    allowOnly(body, ['id', 'name', 'priority', 'description']);
    const name = parseName(body.get('name'));
    const groups = await api.stores.groups.readAll();
    const taken = new Set(groups.map(group => group.id));
    const id = body.has('id') ? parseId(body.get('id')) : groupIdFor(name, taken);
    if (taken.has(id)) {
      throw new AppError('ERR_DUPLICATE', 'Expected `id` to be new, got that of another pool group', {
        field: 'id',
      });
    }
    const last = Math.max(0, ...groups.map(group => group.priority));
    const group: PoolGroup = {
      id,
      name,
      priority: body.has('priority')
        ? parsePriority(body.get('priority'))
        : Math.min(last + 1, LARGEST_PRIORITY),
      description: parseDescription(body.get('description') ?? ''),
    };
    return await put(request, group, { status: 201, words: 'pool group added' });
  }

  async function change(request: RouteRequest): Promise<Answer> {
    const body = await request.readObject();
    allowOnly(body, ['name', 'priority', 'description']);
    if (body.size === 0) throw new AppError('ERR_VALIDATION', 'Expected one of name, priority, description');
    const id = idInPath(request.path, `${PATH}/`);
    const group = (await api.stores.groups.readAll()).find(candidate => candidate.id === id);
    if (group === undefined) throw unknownGroup();
    const changed: PoolGroup = {
      id,
      name: body.has('name') ? parseName(body.get('name')) : group.name,
      priority: body.has('priority') ? parsePriority(body.get('priority')) : group.priority,
      description: body.has('description') ? parseDescription(body.get('description')) : group.description,
    };
    return await put(request, changed, { status: 200, words: 'pool group changed' });
  }

  async function put(
    request: RouteRequest,
    group: PoolGroup,
    { status, words }: { status: number; words: string },
  ): Promise<Answer> {
    await api.stores.groups.put(group);
    await api.live.refresh();
    api.log.info({ id: group.id, by: request.credentials.clientAddress }, words);
    return { status, json: groupRow(api, group, request.nowMs) };
  }

  async function order(request: RouteRequest): Promise<Answer> {
    const body = await request.readObject();
    allowOnly(body, ['order']);
    const ids = body.get('order');
    const present = new Set((await api.stores.groups.readAll()).map(group => group.id));
    const named = new Set(Array.isArray(ids) ? ids : []);
    const complete =
      Array.isArray(ids) && ids.length === present.size && [...present].every(id => named.has(id));
    if (!complete) {
      throw new AppError('ERR_VALIDATION', 'Expected `order` to name every pool group once', {
        field: 'order',
      });
    }
    await api.stores.groups.reorder(new Map(ids.map((id: string, index) => [id, index + 1])));
    await api.live.refresh();
    api.log.info({ by: request.credentials.clientAddress }, 'pool groups put in order');
    return await list(request);
  }

  async function remove(request: RouteRequest): Promise<Answer> {
    const id = idInPath(request.path, `${PATH}/`);
    if (id === DEFAULT_POOL) {
      throw new AppError(
        'ERR_CONFLICT',
        'The pool group `default` takes the keys of deleted ones and stays',
        {
          field: 'id',
        },
      );
    }
    const movedKeys = await api.stores.groups.remove(id);
    await api.live.refresh();
    if (movedKeys === undefined) throw unknownGroup();
    api.log.info({ id, movedKeys, by: request.credentials.clientAddress }, 'pool group deleted');
    return { status: 200, json: { movedKeys } };
  }

  const one = `${PATH}/:id`;
  const route = (method: Route['method'], path: string, rest: Pick<Route, 'summary' | 'handle'>): Route => ({
    method,
    path,
    audience: 'admin',
    ...rest,
  });
  return [
    route('GET', PATH, { summary: 'All pool groups', handle: list }),
    route('POST', PATH, { summary: 'Add a pool group', handle: add }),
    route('PUT', `${PATH}/order`, { summary: 'Put the pool groups in order', handle: order }),
    route('PATCH', one, { summary: 'Change a pool group', handle: change }),
    route('DELETE', one, { summary: 'Delete a pool group', handle: remove }),
  ];
}

function parseId(value: unknown): string {
  if (typeof value !== 'string' || !isGroupId(value)) {
    throw invalid('id', 'up to 64 letters, digits, `-`, `_` and `.`, a letter or digit first');
  }
  return value;
}

function parseName(value: unknown): string {
  const name = typeof value === 'string' ? value.trim() : '';
  if (name === '' || name.length > LONGEST_GROUP_NAME) {
    throw invalid('name', `text of 1 to ${LONGEST_GROUP_NAME} characters`);
  }
  return name;
}

function parsePriority(value: unknown): number {
  if (!Number.isSafeInteger(value) || Number(value) < 1 || Number(value) > LARGEST_PRIORITY) {
    throw invalid('priority', `an integer from 1 to ${LARGEST_PRIORITY}`);
  }
  return Number(value);
}

function parseDescription(value: unknown): string {
  if (typeof value !== 'string' || value.length > LONGEST_DESCRIPTION) {
    throw invalid('description', `text of at most ${LONGEST_DESCRIPTION} characters`);
  }
  return value.trim();
}

function invalid(field: string, expected: string): AppError {
  return new AppError('ERR_VALIDATION', `Expected \`${field}\` to be ${expected}`, { field });
}

function unknownGroup(): AppError {
  return new AppError('ERR_NOT_FOUND', 'Expected the id of a pool group that exists, got another one', {
    field: 'id',
  });
}
