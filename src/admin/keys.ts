import { AppError } from '../base/errors.ts';
import { parseKeyText, withoutKey } from '../domain/pool/key-text.ts';
import { recordOf } from '../domain/transfer/key-record.ts';
import { DEFAULT_POOL, type KeyPatch, type StoredKey } from '../stores/pool-types.ts';
import {
  parseBaseUrl,
  parseFilter,
  parseNotes,
  parsePage,
  parsePoolGroup,
  parseProvider,
  parseQuota,
} from './key-input.ts';
import { KeyList } from './key-list.ts';
import { type KeyRow, rowOf, rowsOf, storedCounts } from './key-row.ts';
import { existingKey, newestPool, type PoolApi, unknownKey } from './pool-api.ts';
import {
  type Answer,
  allowOnly,
  idInPath,
  type Route,
  type RouteRequest,
  readOptionalObject,
} from './route.ts';

const PATH = '/admin/keys';

/** One key at a time, and pages of them. A change is live in this process when its answer leaves. */
export function keyRoutes(api: PoolApi): Route[] {
  const list = new KeyList(api);

  async function page({ query, nowMs }: RouteRequest): Promise<Answer> {
    const filter = parseFilter(name => query.get(name) || undefined);
    const { page: number, limit } = parsePage(query);
    const live = await newestPool(api);
    const { keys, total } = await list.page(filter, { from: (number - 1) * limit, limit, nowMs });
    return {
      status: 200,
      json: {
        keys: await rowsOf(keys, api, nowMs),
        page: number,
        pages: Math.max(1, Math.ceil(total / limit)),
        limit,
        total,
        counts: storedCounts(api, nowMs),
        stale: live.state !== 'ok',
      },
    };
  }

  async function add(request: RouteRequest): Promise<Answer> {
    const body = await request.readObject();
    allowOnly(body, ['key', 'notes', 'poolGroup', 'provider', 'baseUrl', 'quotaTokens']);
    const text = parseKeyText(body.get('key'));
    await newestPool(api);
    await api.encryption.verify();
    const provider = parseProvider(body.get('provider')) ?? api.providers.detect(text);
    const baseUrl = parseBaseUrl(body.get('baseUrl'), provider, api);
    const quotaTokens = parseQuota(body.get('quotaTokens'));
    const { nowMs } = request;
    const record = recordOf(
      {
        text,
        provider,
        pool: parsePoolGroup(body.get('poolGroup') ?? DEFAULT_POOL, api),
        notes: withoutKey(parseNotes(body.get('notes')), text),
        status: 'active',
        statusReason: '',
        statusAtMs: nowMs,
        createdAtMs: nowMs,
        ...(baseUrl !== undefined && { baseUrl }),
        ...(quotaTokens !== undefined && { quotaTokens }),
      },
      api.encryption.sealer,
    );
    const added = (await api.stores.keys.add([record])).length > 0;
    await api.live.refresh();
    if (!added) throw await duplicate([record.fingerprint, ...(record.otherFingerprints ?? [])], nowMs);
    api.log.info({ id: record.id, by: request.credentials.clientAddress }, 'key added');
    const headers = { location: `${api.basePath}${PATH}/${record.id}` };
    return { status: 201, json: await shown(api.live.records.get(record.id) ?? record, nowMs), headers };
  }

  async function read({ path, nowMs }: RouteRequest): Promise<Answer> {
    return { status: 200, json: await shown(await existingKey(api, idInPath(path, `${PATH}/`)), nowMs) };
  }

  async function change(request: RouteRequest): Promise<Answer> {
    const body = await request.readObject();
    const fields = ['notes', 'poolGroup', 'provider', 'baseUrl', 'quotaTokens'];
    allowOnly(body, fields);
    if (body.size === 0) throw new AppError('ERR_VALIDATION', `Expected one of ${fields.join(', ')}`);
    const record = await existingKey(api, idInPath(request.path, `${PATH}/`));
    return await patch(request, record, patchOf(body, record));
  }

  /** Checks the new base URL against the new provider, and an old one that stays too. */
  function patchOf(body: ReadonlyMap<string, unknown>, record: StoredKey): KeyPatch {
    const provider = parseProvider(body.get('provider')) ?? record.provider;
    const newBaseUrl = body.has('baseUrl') ? body.get('baseUrl') : record.baseUrl;
    const baseUrl = parseBaseUrl(newBaseUrl, provider, api);
    return {
      ...(body.has('notes') && { notes: notesOf(body, record) }),
      ...(body.has('poolGroup') && { pool: parsePoolGroup(body.get('poolGroup'), api) }),
      ...(body.has('provider') && { provider }),
      ...(body.has('baseUrl') && { baseUrl: baseUrl ?? null }),
      ...(body.has('quotaTokens') && { quotaTokens: parseQuota(body.get('quotaTokens')) ?? null }),
    };
  }

  /** Notes are shown, so a key that somebody pasted into them is not kept there. */
  function notesOf(body: ReadonlyMap<string, unknown>, record: StoredKey): string {
    const notes = parseNotes(body.get('notes'));
    const key = api.pool.get(record.id);
    return key === undefined ? notes : withoutKey(notes, key.secret.reveal());
  }

  function changeOne(field: 'notes' | 'poolGroup'): Route['handle'] {
    return async request => {
      const body = await request.readObject();
      allowOnly(body, [field]);
      if (!body.has(field)) throw new AppError('ERR_VALIDATION', `Expected \`${field}\``, { field });
      const record = await existingKey(api, idInPath(request.path, `${PATH}/`));
      return await patch(request, record, patchOf(body, record));
    };
  }

  async function toggle(request: RouteRequest): Promise<Answer> {
    const body = await readOptionalObject(request);
    allowOnly(body, ['status']);
    const wanted = body.get('status');
    if (wanted !== undefined && wanted !== 'active' && wanted !== 'disabled') {
      throw new AppError('ERR_VALIDATION', 'Expected `status` to be active or disabled', { field: 'status' });
    }
    const record = await existingKey(api, idInPath(request.path, `${PATH}/`));
    const status = wanted ?? (record.status === 'active' ? 'disabled' : 'active');
    if (status === record.status) return { status: 200, json: await shown(record, request.nowMs) };
    return await patch(request, record, {
      status,
      statusReason: status === 'disabled' ? 'by an admin' : '',
      statusAtMs: request.nowMs,
      failedRecoveries: 0,
    });
  }

  async function wake(request: RouteRequest): Promise<Answer> {
    const { id } = await existingKey(api, idInPath(request.path, `${PATH}/`));
    await api.stores.rests.wake(id);
    api.pool.wake(id);
    await api.live.refresh();
    api.log.info({ id, by: request.credentials.clientAddress }, 'key woken');
    return await answerFor(id, request.nowMs);
  }

  async function remove(request: RouteRequest): Promise<Answer> {
    const id = idInPath(request.path, `${PATH}/`);
    const removed = await api.stores.keys.remove([id]);
    await api.live.refresh();
    if (removed.length === 0) throw unknownKey();
    api.log.info({ id, by: request.credentials.clientAddress }, 'key deleted');
    return { status: 204 };
  }

  async function removeMany(request: RouteRequest): Promise<Answer> {
    const status = request.query.get('status');
    if (status !== 'banned' && status !== 'disabled') {
      throw new AppError('ERR_VALIDATION', 'Expected `status` to be banned or disabled', { field: 'status' });
    }
    const deleted = await api.stores.keys.removeByStatus(status);
    await api.live.refresh();
    api.log.info({ deleted, status, by: request.credentials.clientAddress }, 'keys deleted');
    return { status: 200, json: { deleted } };
  }

  /** A change of status holds only where nobody changed it meanwhile. */
  async function patch(request: RouteRequest, record: StoredKey, changes: KeyPatch): Promise<Answer> {
    const onlyIf = changes.status === undefined ? undefined : record.status;
    const outcome = await api.stores.keys.update(record.id, changes, onlyIf);
    await api.live.refresh();
    if (outcome === 'missing') throw unknownKey();
    if (outcome !== 'updated') {
      throw new AppError(
        'ERR_PRECONDITION',
        'The status of this key was changed in the meantime; look at it as it is now and decide again',
      );
    }
    const by = request.credentials.clientAddress;
    api.log.info({ id: record.id, fields: Object.keys(changes), by }, 'key changed');
    return await answerFor(record.id, request.nowMs);
  }

  async function answerFor(id: string, nowMs: number): Promise<Answer> {
    const record = api.live.records.get(id);
    if (record === undefined) throw unknownKey();
    return { status: 200, json: await shown(record, nowMs) };
  }

  function shown(record: StoredKey, nowMs: number): Promise<KeyRow> {
    return rowOf(record, api, nowMs);
  }

  async function duplicate(fingerprints: readonly string[], nowMs: number): Promise<AppError> {
    const records = [...api.live.records.values()];
    const current = records.find(({ fingerprint }) => fingerprints.includes(fingerprint));
    return new AppError('ERR_DUPLICATE', 'The pool has this key already', {
      field: 'key',
      ...(current !== undefined && { details: { current: await shown(current, nowMs) } }),
    });
  }

  const one = `${PATH}/:id`;
  const route = (method: Route['method'], path: string, rest: Pick<Route, 'summary' | 'handle'>): Route => ({
    method,
    path,
    audience: 'admin',
    ...rest,
  });
  return [
    route('GET', PATH, { summary: 'A page of the stored keys', handle: page }),
    route('POST', PATH, { summary: 'Add a key', handle: add }),
    route('DELETE', PATH, { summary: 'Delete all keys of a status', handle: removeMany }),
    route('GET', one, { summary: 'One key', handle: read }),
    route('PATCH', one, { summary: 'Change a key', handle: change }),
    route('DELETE', one, { summary: 'Delete a key', handle: remove }),
    route('PATCH', `${one}/toggle`, { summary: 'Switch a key off or on', handle: toggle }),
    route('PATCH', `${one}/notes`, {
      summary: 'Change the notes of a key',
      handle: changeOne('notes'),
    }),
    route('PATCH', `${one}/pool`, {
      summary: 'Move a key to another pool group',
      handle: changeOne('poolGroup'),
    }),
    route('POST', `${one}/wake`, { summary: "End a key's cool-downs", handle: wake }),
  ];
}
