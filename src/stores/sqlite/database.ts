import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { migrations } from './migrations.ts';

/** How long a statement waits for another process that writes. */
const BUSY_TIMEOUT_MS = 2_000;
/** Two processes that open a new file at once can meet a lock that no busy timeout covers. */
const OPEN_ATTEMPTS = 40;
const OPEN_PAUSE_MS = 50;

/** Primary result codes of SQLite (https://sqlite.org/rescode.html). */
const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/** The database cannot be opened; `message` is one line for the operator. */
export class DatabaseOpenError extends Error {
  override readonly name = 'DatabaseOpenError';
}

/** SQLite's primary result code, or `undefined` for an error that is not SQLite's. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number')
    return undefined;
  return error.errcode & 0xff;
}

/**
 * Opens the file, makes it where there is none (its folder too, mode 0700), and brings it to today's schema. Several
 * processes may hold it open. Blocks the thread, so it is called in a worker thread.
 *
 * @throws DatabaseOpenError
 */
export function openDatabase(path: string): DatabaseSync {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw notWritable(path, error);
  }
  for (let attempt = 1; ; attempt += 1) {
    let database: DatabaseSync | undefined;
    try {
      database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
      prepare(database, path);
      return database;
    } catch (error) {
      database?.close();
      const code = sqliteCode(error);
      if (code === SQLITE_BUSY && attempt < OPEN_ATTEMPTS) {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, OPEN_PAUSE_MS);
        continue;
      }
      if (error instanceof DatabaseOpenError || code === undefined) throw error;
      if (code === SQLITE_NOTADB || code === SQLITE_CORRUPT) {
        throw new DatabaseOpenError(
          `Expected \`${path}\` to be the SQLite database of Switchyard, got a damaged or foreign file`,
          { cause: error },
        );
      }
      throw notWritable(path, error);
    }
  }
}

/**
 * Write-ahead logging lets readers and the one writer work side by side. With `synchronous = NORMAL` a killed process
 * loses nothing; a power cut may lose the last moments but cannot damage the file.
 */
function prepare(database: DatabaseSync, path: string): void {
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 16777216',
  );
  database.exec('BEGIN IMMEDIATE');
  const version = Number(database.prepare('PRAGMA user_version').get()?.user_version);
  if (version > migrations.length) {
    throw new DatabaseOpenError(
      `Expected \`${path}\` to have schema ${migrations.length} at most, got ${version}: a newer Switchyard has used it`,
    );
  }
  for (const step of migrations.slice(version)) database.exec(step);
  database.exec(`PRAGMA user_version = ${migrations.length}`);
  database.exec('COMMIT');
}

function notWritable(path: string, error: unknown): DatabaseOpenError {
  const reason = error instanceof Error ? error.message : String(error);
  return new DatabaseOpenError(
    `Expected \`DATA_DIR\` to be a folder that this process may write to, got \`${dirname(path)}\` (${reason})`,
    { cause: error },
  );
}

/** Runs `work` in one transaction that holds the write lock from its beginning; an error undoes all of it. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  return between(database, 'BEGIN IMMEDIATE', work);
}

/** Runs statements that only read, all on the data as it is at the first of them, without waiting for a writer. */
export function inSnapshot<T>(database: DatabaseSync, work: () => T): T {
  return between(database, 'BEGIN', work);
}

function between<T>(database: DatabaseSync, begin: string, work: () => T): T {
  database.exec(begin);
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
