import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test, { type ExecutionContext } from 'ava';
import { DatabaseThread } from '../../src/stores/sqlite/database-thread.ts';
import { migrations } from '../../src/stores/sqlite/migrations.ts';
import { DATABASE_FILE, openSqlite } from '../../src/stores/sqlite/open-sqlite.ts';
import { sqliteOwners } from '../../src/stores/sqlite/sqlite-pool.ts';
import type { Stores } from '../../src/stores/types.ts';
import { importAndKill } from './import-and-kill.ts';
import { poolContract } from './pool-contract.ts';
import { keyOf, recordsOf } from './pool-keys.ts';
import { poolModelContract } from './pool-model.ts';
import { poolPartsContract } from './pool-parts-contract.ts';
import { rotationContract } from './rotation-contract.ts';

function folderOf(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-pool-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function opened(t: ExecutionContext, folder: string): Promise<Stores> {
  const stores = await openSqlite(folder);
  t.teardown(() => stores.close());
  return stores;
}

const prepare = async (t: ExecutionContext) => {
  const folder = folderOf(t);
  return () => opened(t, folder);
};
poolContract('sqlite', prepare);
poolPartsContract('sqlite', prepare);
poolModelContract('sqlite', prepare);
rotationContract('sqlite', prepare);

test('a killed import leaves each batch whole or absent, and none that was acknowledged is missing', async t => {
  const folder = folderOf(t);
  const acknowledged = await importAndKill({
    module: new URL('../../src/stores/sqlite/open-sqlite.ts', import.meta.url),
    open: `openSqlite(${JSON.stringify(folder)})`,
    batches: 200,
    batchSize: 500,
    killAfter: 3,
  });
  const { pool } = await opened(t, folder);
  const numbers = [...(await recordsOf(pool.keys)).keys()].map(id => Number(id.slice('key-'.length)));
  const whole = Math.max(...numbers) + 1;
  t.is(whole % 500, 0);
  t.is(numbers.length, whole);
  t.true(whole >= acknowledged * 500 && whole < 200 * 500, `${whole}`);
});

test('a database of the version before the pool is brought up to it and keeps its rows', async t => {
  const folder = folderOf(t);
  const old = new DatabaseSync(join(folder, DATABASE_FILE));
  old.exec(migrations[0]!);
  old.exec("PRAGMA user_version = 1; INSERT INTO mappings VALUES ('/a', 'https://a.example')");
  old.close();
  const { mappings, pool } = await opened(t, folder);
  t.is((await mappings.readAll()).size, 1);
  t.deepEqual(await pool.keys.add([keyOf(1)]), ['key-1']);
});

test('of too many objects those remembered first are forgotten', async t => {
  const thread = await DatabaseThread.open(join(folderOf(t), DATABASE_FILE));
  t.teardown(() => thread.close());
  const owners = sqliteOwners(thread, 3);
  for (const id of ['a', 'b', 'a', 'a', 'a', 'c', 'd']) await owners.remember(id, `key of ${id}`, 10);
  const found = await Promise.all(['a', 'b', 'c', 'd'].map(id => owners.find(id, 0)));
  t.deepEqual(found, [undefined, 'key of b', 'key of c', 'key of d']);
});

test('cool-downs that have ended leave the database', async t => {
  const folder = folderOf(t);
  const { pool } = await opened(t, folder);
  for (let number = 0; number < 20; number += 1) {
    await pool.rests.rest({ keyId: `key-${number}`, model: '*', untilMs: 100 + number }, 50);
  }
  await pool.rests.rest({ keyId: 'last', model: '*', untilMs: 500 }, 110);
  const database = new DatabaseSync(join(folder, DATABASE_FILE));
  t.teardown(() => database.close());
  t.is(database.prepare('SELECT count(*) AS count FROM pool_rests').get()?.count, 10);
});

test('what is asked of very many keys walks an index', async t => {
  const folder = folderOf(t);
  await opened(t, folder);
  const database = new DatabaseSync(join(folder, DATABASE_FILE));
  t.teardown(() => database.close());
  const planOf = (sql: string) =>
    database
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map(step => String(step.detail));
  const expected: [sql: string, plan: string][] = [
    [
      'SELECT id FROM pool_keys WHERE revision > 1 AND revision <= 2 ORDER BY revision',
      'SEARCH pool_keys USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)',
    ],
    [
      "SELECT details FROM pool_keys WHERE id = 'x'",
      'SEARCH pool_keys USING INDEX sqlite_autoindex_pool_keys_1 (id=?)',
    ],
    [
      "SELECT id FROM pool_keys WHERE fingerprint = 'x'",
      'SEARCH pool_keys USING INDEX sqlite_autoindex_pool_keys_2 (fingerprint=?)',
    ],
    [
      "SELECT id FROM pool_keys WHERE status = 'banned' LIMIT 5",
      'SEARCH pool_keys USING INDEX pool_keys_by_status (status=?)',
    ],
    ["SELECT id FROM pool_keys WHERE pool = 'a'", 'SEARCH pool_keys USING INDEX pool_keys_by_pool (pool=?)'],
    [
      'DELETE FROM pool_rests WHERE until_ms <= 5',
      'SEARCH pool_rests USING COVERING INDEX pool_rests_by_end (until_ms<?)',
    ],
  ];
  for (const [sql, plan] of expected) t.deepEqual(planOf(sql), [plan], sql);
});
