import type { ExecutionContext } from 'ava';
import { AppError } from '../../../src/base/errors.ts';
import { KeyPool, type KeyPoolOptions } from '../../../src/domain/pool/key-pool.ts';
import { PoolReplica, type PoolReplicaOptions } from '../../../src/domain/pool/pool-replica.ts';
import type { Schedule } from '../../../src/domain/pool/schedule.ts';
import type { PoolStores, StoredKey } from '../../../src/stores/pool-types.ts';
import { capturedLog } from '../../support/captured-log.ts';
import { configOf, NOW_MS, storedKey } from './support.ts';

/** Timers that run when the test says so. */
export function manualSchedule() {
  const tasks = new Map<() => void, number>();
  const schedule: Schedule = (task, delayMs) => {
    // A task of its own, so that the same function may wait twice.
    const own = () => task();
    tasks.set(own, delayMs);
    return () => void tasks.delete(own);
  };
  return {
    schedule,
    /** Delays of the tasks that wait. */
    delays: () => [...tasks.values()],
    /** Runs every task that waits now and has this delay. */
    run(delayMs: number): void {
      for (const [task, delay] of [...tasks]) {
        if (delay !== delayMs) continue;
        tasks.delete(task);
        task();
      }
    },
  };
}

/** The stores, which may be told to fail, or to hold back what they answer. */
export class Gate {
  readonly stores: PoolStores;
  /** Calls that are not answered meanwhile. */
  away = false;
  /** Awaited between an answer of the store and its giving. */
  hold: (verb: string) => Promise<void> = async () => {};
  readonly calls: string[] = [];

  constructor(inner: PoolStores) {
    const wrap = <T extends object>(name: string, port: T): T =>
      new Proxy(port, {
        get: (target, verb) => {
          const value = Reflect.get(target, verb);
          if (typeof value !== 'function' || verb === 'watch') return value;
          return async (...parameters: unknown[]) => {
            this.calls.push(`${name}.${String(verb)}`);
            if (this.away) throw new AppError('ERR_STORE_UNAVAILABLE', 'The store does not answer');
            const answer = await value.apply(target, parameters);
            await this.hold(`${name}.${String(verb)}`);
            return answer;
          };
        },
      });
    this.stores = {
      keys: wrap('keys', inner.keys),
      groups: wrap('groups', inner.groups),
      settings: wrap('settings', inner.settings),
      rests: wrap('rests', inner.rests),
      leases: wrap('leases', inner.leases),
      sealed: wrap('sealed', inner.sealed),
      owners: wrap('owners', inner.owners),
      notes: wrap('notes', inner.notes),
    };
  }
}

/** A process: its pool and what keeps it current. The clear key of a record is its sealed one without `sealed:`. */
export async function startProcess(
  t: ExecutionContext,
  stores: PoolStores,
  options: Partial<PoolReplicaOptions> & { pool?: never; poolOptions?: Partial<KeyPoolOptions> } = {},
) {
  const gate = new Gate(stores);
  const timers = manualSchedule();
  const { log, lines } = capturedLog();
  const clock = { nowMs: NOW_MS };
  const { poolOptions, ...replicaOptions } = options;
  const pool = new KeyPool({
    config: configOf(),
    onEffect: effect => replica.record(effect),
    ...poolOptions,
  });
  const replica = new PoolReplica({
    stores: gate.stores,
    pool,
    opener: {
      knows: sealed => sealed.startsWith('sealed:'),
      open: (_id, sealed) => {
        if (!sealed.startsWith('sealed:') || sealed.includes('damaged'))
          throw new AppError('ERR_SEALED', 'cannot be opened');
        return sealed.slice('sealed:'.length).replace(/#.*/, '');
      },
    },
    log,
    now: () => clock.nowMs,
    schedule: timers.schedule,
    ...replicaOptions,
  });
  t.teardown(() => replica.stop());
  await replica.start();
  return { pool, replica, gate, timers, log: lines, clock };
}

/** A record as it lies in the store. */
export async function recordOf(stores: PoolStores, id: string): Promise<StoredKey | undefined> {
  let since = 0;
  for (;;) {
    const { changed, revision } = await stores.keys.changes(since, 1000);
    const found = changed.find(record => record.id === id);
    if (found !== undefined || changed.length < 1000) return found;
    since = revision;
  }
}

export { storedKey };
