import { execFile } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import type { Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { MappingReplica } from '../../src/domain/replica.ts';
import { DatabaseThread, startWorker } from '../../src/stores/sqlite/database-thread.ts';
import { DATABASE_FILE, openSqlite } from '../../src/stores/sqlite/open-sqlite.ts';
import { SELECT_TOTALS } from '../../src/stores/sqlite/statistics-verbs.ts';
import type { Stores } from '../../src/stores/types.ts';
import { capturedLog } from '../support/captured-log.ts';
import { rowAt, storeContract, totalOf } from './contract.ts';

function folderOf(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-sqlite-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function opened(t: ExecutionContext, folder: string): Promise<Stores> {
  const stores = await openSqlite(folder);
  t.teardown(() => stores.close());
  return stores;
}

storeContract('sqlite', async t => {
  const folder = folderOf(t);
  return () => opened(t, folder);
});

test('a new file opened by several at once gets one schema', async t => {
  const folder = folderOf(t);
  const all = await Promise.all(Array.from({ length: 6 }, () => opened(t, folder)));
  const created = await Promise.all(
    all.map(stores => stores.mappings.seed(new Map([['/a', 'https://a.example']]), { force: false })),
  );
  t.is(created.filter(Boolean).length, 1);
});

test('a folder is made, for this user alone', async t => {
  const folder = join(folderOf(t), 'deep', 'data');
  await opened(t, folder);
  t.is(statSync(folder).mode & 0o777, 0o700);
});

test('a data folder that cannot be is one clear line', async t => {
  const file = join(folderOf(t), 'file');
  writeFileSync(file, '');
  const error = await t.throwsAsync(openSqlite(join(file, 'data')), { code: 'ERR_STORE_UNAVAILABLE' });
  t.regex(
    error.message,
    /^Expected `DATA_DIR` to be a folder that this process may write to, got `.*file\/data`/,
  );
  t.notRegex(error.message, /\n/);
});

test('a database that is a folder is one clear line', async t => {
  const folder = folderOf(t);
  await openSqlite(join(folder, DATABASE_FILE)).then(stores => stores.close());
  const error = await t.throwsAsync(openSqlite(folder), { code: 'ERR_STORE_UNAVAILABLE' });
  t.regex(error.message, /^Expected `DATA_DIR` to be a folder that this process may write to/);
});

test('a file that is no database is named and left as it is', async t => {
  const folder = folderOf(t);
  const path = join(folder, DATABASE_FILE);
  const text = 'these are my notes '.repeat(200);
  writeFileSync(path, text);
  const error = await t.throwsAsync(openSqlite(folder), { code: 'ERR_STORE_UNAVAILABLE' });
  t.true(error.message.includes(path) && error.message.includes('damaged or foreign'), error.message);
  t.is(readFileSync(path, 'utf8'), text);
});

test('a database of a newer version is refused', async t => {
  const folder = folderOf(t);
  const database = new DatabaseSync(join(folder, DATABASE_FILE));
  database.exec('PRAGMA user_version = 9999');
  database.close();
  const error = await t.throwsAsync(openSqlite(folder), { code: 'ERR_STORE_UNAVAILABLE' });
  t.regex(error.message, /newer Switchyard/);
});

test('an edit by another program changes the fingerprint, emptying the table too', async t => {
  const folder = folderOf(t);
  const { mappings } = await opened(t, folder);
  await mappings.create('/a', 'https://a.example');
  const shell = new DatabaseSync(join(folder, DATABASE_FILE));
  t.teardown(() => shell.close());
  const before = await mappings.fingerprint();
  shell.exec("INSERT INTO mappings VALUES ('/b', 'https://b.example')");
  const between = await mappings.fingerprint();
  shell.exec('DELETE FROM mappings');
  const after = await mappings.fingerprint();
  t.is(new Set([before, between, after]).size, 3);
  t.is((await mappings.readAll()).size, 0);
});

test('a replica sees what another process wrote, by comparison, the removal of the last row too', async t => {
  const folder = folderOf(t);
  const [writer, reader] = await Promise.all([opened(t, folder), opened(t, folder)]);
  const events = new EventEmitter();
  const replica = new MappingReplica({
    store: reader.mappings,
    log: capturedLog().log,
    onChange: () => events.emit('change'),
  });
  t.teardown(() => replica.stop());
  await replica.start();
  const created = once(events, 'change');
  await writer.mappings.create('/a', 'https://a.example');
  await created;
  t.is(replica.table.find('/a/x')?.target.url, 'https://a.example');
  const removed = once(events, 'change');
  await writer.mappings.remove('/a');
  await removed;
  t.is(replica.table.size, 0);
});

test('counting does not change the fingerprint of the mappings', async t => {
  const { mappings, statistics } = await opened(t, folderOf(t));
  const before = await mappings.fingerprint();
  await statistics.add({ writer: 'w', sequence: 1, rows: [rowAt('p /a', 1, { requests: 1 })] });
  t.is(await mappings.fingerprint(), before);
});

test('what a killed process had written is there', async t => {
  const folder = folderOf(t);
  const script = `
    const { openSqlite } = await import(${JSON.stringify(new URL('../../src/stores/sqlite/open-sqlite.ts', import.meta.url).href)});
    const stores = await openSqlite(${JSON.stringify(folder)});
    await stores.mappings.create('/a', 'https://a.example');
    const row = { series: 'p /a', minuteMs: 0, hourMs: 0, dayMs: 0, values: { requests: 7 }, lastSeenMs: 5 };
    await stores.statistics.add({ writer: 'w', sequence: 1, rows: [row] });
    process.kill(process.pid, 'SIGKILL');`;
  const killed = await t.throwsAsync(
    promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]),
  );
  t.is((killed as Error & { signal?: string }).signal, 'SIGKILL');
  const { mappings, statistics } = await opened(t, folder);
  t.deepEqual([...(await mappings.readAll())], [['/a', 'https://a.example']]);
  t.is(await totalOf(statistics, 'p /a', 'requests'), 7);
});

test('a lock held by another program for too long is an error, not a wait without end, and no half batch', async t => {
  const folder = folderOf(t);
  const { mappings, statistics } = await opened(t, folder);
  const other = new DatabaseSync(join(folder, DATABASE_FILE));
  t.teardown(() => other.close());
  other.exec('BEGIN IMMEDIATE');
  const batch = { writer: 'w', sequence: 1, rows: [rowAt('p /a', 1, { requests: 1 })] };
  const error = await t.throwsAsync(statistics.add(batch), { code: 'ERR_STORE_UNAVAILABLE' });
  t.notRegex(error.message, /sqlite|locked/i);
  t.is((await mappings.readAll()).size, 0);
  other.exec('ROLLBACK');
  await statistics.add(batch);
  t.is(await totalOf(statistics, 'p /a', 'requests'), 1);
});

test('a thread that dies fails its calls, and the next call has a new one', async t => {
  const workers: Worker[] = [];
  const thread = await DatabaseThread.open(join(folderOf(t), DATABASE_FILE), path => {
    const worker = startWorker(path);
    workers.push(worker);
    return worker;
  });
  t.teardown(() => thread.close());
  await thread.call('createMapping', '/a', 'https://a.example');
  const ended = workers[0]!.terminate();
  await t.throwsAsync(thread.call('readMappings'), { code: 'ERR_STORE_UNAVAILABLE' });
  await ended;
  t.deepEqual([...(await thread.call('readMappings'))], [['/a', 'https://a.example']]);
  t.is(workers.length, 2);
});

test('a read of a time range walks an index, however many buckets there are', async t => {
  const folder = folderOf(t);
  await opened(t, folder);
  const database = new DatabaseSync(join(folder, DATABASE_FILE));
  t.teardown(() => database.close());
  const plan = database
    .prepare(
      `EXPLAIN QUERY PLAN SELECT series_id, start_ms, counts FROM buckets
       WHERE tier = ? AND family = ? AND start_ms >= ? AND start_ms < ?`,
    )
    .all('hour', 'p', 0, 1)
    .map(step => String(step.detail));
  t.deepEqual(plan, [
    'SEARCH buckets USING INDEX buckets_by_time (tier=? AND family=? AND start_ms>? AND start_ms<?)',
  ]);
});

test('sums of a few series are found by their names, however many series there are', async t => {
  const folder = folderOf(t);
  await opened(t, folder);
  const database = new DatabaseSync(join(folder, DATABASE_FILE), { readOnly: true });
  t.teardown(() => database.close());
  const plan = database.prepare(`EXPLAIN QUERY PLAN ${SELECT_TOTALS}`).all('["k a"]', 'k');
  const steps = plan.map(({ detail }) => String(detail));
  t.is(steps.length, 3);
  t.regex(steps[0]!, /^SCAN asked VIRTUAL TABLE/);
  t.regex(steps[1]!, /^SEARCH series USING .*INDEX .*\(name=\?\)/);
  t.regex(steps[2]!, /^SEARCH buckets USING INDEX buckets_by_time .*series_id=\?\)/);
});
