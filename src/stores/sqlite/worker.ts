import type { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { DatabaseOpenError, openDatabase, sqliteCode } from './database.ts';
import { mappingVerbs } from './mapping-verbs.ts';
import { poolVerbs } from './pool-verbs.ts';
import { statisticsVerbs } from './statistics-verbs.ts';

/** What the thread understands; `database-thread.ts` calls it. */
export type Verbs = ReturnType<typeof verbsOn>;

export interface Call {
  readonly id: number;
  readonly verb: keyof Verbs;
  readonly args: readonly unknown[];
}

/** `failure.kind` is `open` for a database that cannot be opened, `store` for SQLite's refusals, else `fault`. */
export type Reply =
  | { readonly id: number; readonly value: unknown }
  | {
      readonly id: number;
      readonly failure: { readonly kind: 'open' | 'store' | 'fault'; readonly text: string };
    };

function verbsOn(database: DatabaseSync) {
  return {
    ...mappingVerbs(database),
    ...statisticsVerbs(database),
    ...poolVerbs(database),
    ping: () => {
      database.prepare('SELECT 1').get();
    },
    close: () => {
      database.close();
    },
  };
}

function failureOf(error: unknown): { kind: 'open' | 'store' | 'fault'; text: string } {
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof DatabaseOpenError) return { kind: 'open', text };
  if (sqliteCode(error) !== undefined) return { kind: 'store', text };
  return { kind: 'fault', text: error instanceof Error ? (error.stack ?? text) : text };
}

/**
 * Entry of the thread that owns the database, so that no disk and no lock of another process ever holds up the event
 * loop. The first reply (id 0) says whether the database is open.
 */
function serve(port: NonNullable<typeof parentPort>, path: string): void {
  const send = (reply: Reply) => port.postMessage(reply);
  let verbs: Verbs;
  try {
    verbs = verbsOn(openDatabase(path));
  } catch (error) {
    send({ id: 0, failure: failureOf(error) });
    return;
  }
  port.on('message', ({ id, verb, args }: Call) => {
    try {
      const run = verbs[verb] as (...args: readonly unknown[]) => unknown;
      send({ id, value: run(...args) });
    } catch (error) {
      send({ id, failure: failureOf(error) });
    }
    if (verb === 'close') port.close();
  });
  send({ id: 0, value: undefined });
}

if (parentPort !== null) serve(parentPort, String(workerData));
