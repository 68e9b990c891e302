import { parseFilter } from './key-input.ts';
import { KeyList } from './key-list.ts';
import { rowOf } from './key-row.ts';
import { existingKey, newestPool, type PoolApi, unknownKey } from './pool-api.ts';
import {
  type Answer,
  allowOnly,
  idInPath,
  type Route,
  type RouteRequest,
  readOptionalObject,
} from './route.ts';
import { shownProgress } from './test-progress.ts';

/** Tests of one key and of many. */
export function keyTestRoutes(api: PoolApi): Route[] {
  const list = new KeyList(api);

  async function testOne(request: RouteRequest): Promise<Answer> {
    const { id } = await existingKey(api, idInPath(request.path, '/admin/keys/'));
    const test = await api.testKey(id);
    await api.live.refresh();
    const record = api.live.records.get(id);
    if (record === undefined) throw unknownKey();
    api.log.info({ id, ok: test.ok, by: request.credentials.clientAddress }, 'key tested');
    return { status: 200, json: { test, key: await rowOf(record, api, request.nowMs) } };
  }

  async function start(request: RouteRequest): Promise<Answer> {
    const body = await readOptionalObject(request);
    allowOnly(body, ['status', 'pool', 'provider']);
    const filter = parseFilter(name => body.get(name));
    await newestPool(api);
    const ids = (await list.matching(filter, request.nowMs)).map(({ id }) => id);
    const progress = await api.testRun.start(ids);
    api.log.info({ count: ids.length, by: request.credentials.clientAddress }, 'test of many keys begun');
    return { status: 202, json: shownProgress(progress) };
  }

  async function look(): Promise<Answer> {
    return { status: 200, json: shownProgress(await api.testRun.progress()) };
  }

  async function cancel(request: RouteRequest): Promise<Answer> {
    if (await api.testRun.cancel()) {
      api.log.info({ by: request.credentials.clientAddress }, 'test of many keys cancelled');
    }
    return { status: 200, json: shownProgress(await api.testRun.progress()) };
  }

  const run = '/admin/keys/test-all';
  return [
    {
      method: 'GET',
      path: run,
      audience: 'admin',
      summary: 'How far the test of many keys is',
      handle: look,
    },
    { method: 'POST', path: run, audience: 'admin', summary: 'Test many keys', handle: start },
    {
      method: 'DELETE',
      path: run,
      audience: 'admin',
      summary: 'Cancel the test of many keys',
      handle: cancel,
    },
    {
      method: 'POST',
      path: '/admin/keys/:id/test',
      audience: 'admin',
      summary: 'Test a key with one request',
      handle: testOne,
    },
  ];
}
