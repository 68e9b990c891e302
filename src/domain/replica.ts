import { AppError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { LocalFile, MappingStore, RawMappings, StoreState } from '../stores/types.ts';
import { MappingTable, type SkippedRow } from './mappings.ts';

/** The rows as they lie in the local copy: pairs of prefix and target. */
export type MappingCopy = readonly (readonly [prefix: string, target: string])[];

/** Runs `task` once after `delayMs` and returns how to call that off. */
export type Schedule = (task: () => void, delayMs: number) => () => void;

/** How often the rows are compared with the store's. With the 250 ms that a fingerprint may be old: under a second. */
const COMPARE_EVERY_MS = 500;
/** Rows that are named when many are bad at once; the rest is counted. */
const MOST_WARNINGS = 50;

const byTimer: Schedule = (task, delayMs) => {
  const timer = setTimeout(task, delayMs).unref();
  return () => clearTimeout(timer);
};

export interface ReplicaOptions {
  readonly store: Pick<MappingStore, 'readAll' | 'fingerprint' | 'watch'>;
  /** Kept up to date, and served from when the store is away at start. Left out where the store is local itself. */
  readonly localCopy?: LocalFile<MappingCopy> | undefined;
  readonly log: Log;
  /** Called after the table was swapped. */
  readonly onChange?: ((table: MappingTable) => void) | undefined;
  readonly schedule?: Schedule;
}

/**
 * This process' copy of the mappings, which requests read. Hints from the store make it current at once, a comparison
 * twice a second makes that certain. While the store is away it keeps what it had.
 */
export class MappingReplica {
  readonly #store: ReplicaOptions['store'];
  readonly #localCopy: LocalFile<MappingCopy> | undefined;
  readonly #log: Log;
  readonly #onChange: ((table: MappingTable) => void) | undefined;
  readonly #schedule: Schedule;

  #table = MappingTable.empty;
  #rows: RawMappings | undefined;
  /** Taken before `#rows` was read from the store; `undefined` makes the next comparison read. */
  #fingerprint: string | undefined;
  #state: StoreState = 'ok';
  /** Bad rows that were warned of, prefix and problem. */
  #warned: ReadonlySet<string> = new Set();
  /** Rows of the store that the local copy does not hold yet. */
  #unsaved: RawMappings | undefined;
  #copyFails = false;

  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #stopped = false;
  #stopWatching: (() => void) | undefined;
  #cancelCompare: (() => void) | undefined;

  constructor({ store, localCopy, log, onChange, schedule = byTimer }: ReplicaOptions) {
    this.#store = store;
    this.#localCopy = localCopy;
    this.#log = log;
    this.#onChange = onChange;
    this.#schedule = schedule;
  }

  /** Immutable; a change puts another one in its place. Empty until something is loaded. */
  get table(): MappingTable {
    return this.#table;
  }

  /** `degraded` while the store does not give the mappings; the table is then the last one known. */
  get state(): StoreState {
    return this.#state;
  }

  /** Whether there is something to serve from, be it the local copy. An empty store counts as something. */
  get loaded(): boolean {
    return this.#rows !== undefined;
  }

  /** Loads from the store, else from the local copy, and keeps up from then on. Never rejects. */
  async start(): Promise<void> {
    this.#stopWatching = this.#store.watch(() => void this.refresh());
    await this.refresh();
    if (!this.loaded) await this.#loadLocalCopy();
    this.#compareLater();
  }

  /**
   * Takes over what the store holds now: a change whose write has ended before the call is in `table` when it resolves.
   * Calls during a read share one more read after it. Never rejects; a store that fails sets `state`.
   */
  refresh(): Promise<void> {
    if (this.#running === undefined) return this.#run({ fresh: true });
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return this.#running ?? this.#run({ fresh: true });
    });
    return this.#next;
  }

  /** Ends the watch and the comparisons; resolves when a read under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopWatching?.();
    this.#cancelCompare?.();
    await this.#next;
    await this.#running;
  }

  #compareLater(): void {
    if (this.#stopped) return;
    this.#cancelCompare = this.#schedule(() => {
      const read = this.#running ?? this.#run({ fresh: false });
      void read.then(() => this.#compareLater());
    }, COMPARE_EVERY_MS);
  }

  #run(options: { fresh: boolean }): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.#running = this.#compare(options).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #compare(options: { fresh: boolean }): Promise<void> {
    try {
      const fingerprint = await this.#store.fingerprint(options);
      if (fingerprint !== this.#fingerprint) {
        const rows = await this.#store.readAll();
        if (this.#rows === undefined || !sameRows(this.#rows, rows)) {
          this.#swap(rows);
          this.#unsaved = rows;
        }
        this.#fingerprint = fingerprint;
      }
      this.#recovered();
      await this.#saveLocalCopy();
    } catch (error) {
      this.#failed(error);
    }
  }

  #swap(rows: RawMappings): void {
    // Rows that differ only by a slash at the end are one prefix: in this order the row without it wins, everywhere.
    const ordered = [...rows].sort(([left], [right]) => (left < right ? 1 : -1));
    const table = MappingTable.from(ordered, this.#table);
    this.#rows = rows;
    this.#table = table;
    this.#warn(table.skipped);
    this.#onChange?.(table);
  }

  /** Each bad row is told of once, and once more after it was mended and went bad again. */
  #warn(skipped: readonly SkippedRow[]): void {
    const keyed = new Map(skipped.map(row => [`${row.prefix}\n${row.problem}`, row]));
    const fresh = [...keyed].filter(([key]) => !this.#warned.has(key));
    for (const [, { prefix, problem }] of fresh.slice(0, MOST_WARNINGS)) {
      this.#log.warn(
        { prefix: prefix.slice(0, 300), problem },
        'Mapping skipped: the store holds a row that is not valid',
      );
    }
    if (fresh.length > MOST_WARNINGS) {
      this.#log.warn(`Mappings skipped: ${fresh.length - MOST_WARNINGS} more rows are not valid`);
    }
    this.#warned = new Set(keyed.keys());
  }

  #recovered(): void {
    if (this.#state === 'ok') return;
    this.#state = 'ok';
    this.#log.info('Mappings: the store is back');
  }

  #failed(error: unknown): void {
    // What the store holds after an outage is read anew, not told by a fingerprint from before it.
    this.#fingerprint = undefined;
    if (this.#state === 'degraded') return;
    this.#state = 'degraded';
    const reason = error instanceof AppError ? error.message : 'unexpected error';
    this.#log.warn(
      { err: error },
      `Mappings: the store does not answer, the last known ones serve on (${reason})`,
    );
  }

  async #loadLocalCopy(): Promise<void> {
    const copy: unknown = await this.#localCopy?.load();
    if (copy === undefined || this.loaded) return;
    if (!isMappingCopy(copy)) {
      this.#log.warn('Mappings: the local copy is not usable');
      return;
    }
    this.#swap(new Map(copy));
    this.#log.warn(`Mappings: serving ${this.#table.size} from the local copy`);
  }

  async #saveLocalCopy(): Promise<void> {
    if (this.#unsaved === undefined) return;
    try {
      await this.#localCopy?.save([...this.#unsaved]);
      this.#unsaved = undefined;
      this.#copyFails = false;
    } catch (error) {
      if (!this.#copyFails) this.#log.warn({ err: error }, 'Mappings: the local copy cannot be written');
      this.#copyFails = true;
    }
  }
}

function sameRows(left: RawMappings, right: RawMappings): boolean {
  if (left.size !== right.size) return false;
  for (const [prefix, target] of left) {
    if (right.get(prefix) !== target) return false;
  }
  return true;
}

function isMappingCopy(value: unknown): value is MappingCopy {
  return (
    Array.isArray(value) &&
    value.every(row => Array.isArray(row) && row.length === 2 && row.every(part => typeof part === 'string'))
  );
}
