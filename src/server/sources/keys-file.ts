import { readFile, stat } from 'node:fs/promises';
import type { Log } from '../../base/log.ts';
import { byTimer, type Schedule } from '../../domain/pool/schedule.ts';
import { type KeyList, parseKeyList } from '../../domain/pool/sources/key-list.ts';
import type { SourceReport } from '../../domain/pool/sources/types.ts';
import { watchPath } from './watch-path.ts';

export interface KeysFileOptions {
  /** `FACTORY_KEYS_FILE`. */
  readonly path: string;
  /** Called with all keys of the file whenever they may be others. */
  readonly onKeys: (keys: readonly string[]) => void;
  readonly log: Log;
  readonly nowMs: () => number;
  readonly schedule?: Schedule;
}

const LOOK_EVERY_MS = 2000;
/** An editor that deletes a file and writes it anew leaves none for a moment. */
const MISSING_MS = 1000;
const LARGEST_FILE_BYTES = 64 * 1024 * 1024;
const MOST_LINES_TOLD = 10;

/**
 * The keys in a file, followed as it changes. A file that is gone has no keys. One that cannot be read, or is no text,
 * leaves the keys of before in use: somebody is about to mend it.
 */
export class KeysFile {
  readonly #options: Required<KeysFileOptions>;
  #list: KeyList = { keys: [], badLines: [], repeated: 0 };
  #state: 'off' | 'ok' | 'failing' = 'off';
  #problem = '';
  /** Differs when the file does; `undefined` before it was read. */
  #stamp: string | undefined;
  #missingSinceMs: number | undefined;
  #looking: Promise<void> | undefined;
  #again = false;
  #cancel: (() => void) | undefined;
  #unwatch: (() => void) | undefined;
  #stopped = false;

  constructor(options: KeysFileOptions) {
    this.#options = { schedule: byTimer, ...options };
  }

  /** Resolves when the file was read. Never rejects. */
  async start(): Promise<void> {
    this.#unwatch = watchPath(this.#options.path, () => void this.look());
    await this.look();
    this.#lookLater();
  }

  async stop(): Promise<void> {
    this.#unwatch?.();
    this.#cancel?.();
    this.#stopped = true;
    await this.#looking;
  }

  /** Looks now whether the file is another one. Never rejects. */
  look(): Promise<void> {
    this.#again = true;
    this.#looking ??= this.#looks().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  report(): SourceReport {
    const { keys, badLines, repeated } = this.#list;
    if (this.#state === 'off') return { keys: 0, state: 'off', detail: '' };
    if (this.#state === 'failing') {
      const serving = keys.length > 0 ? '; the keys of before serve' : '';
      return { keys: keys.length, state: 'failing', detail: this.#problem + serving };
    }
    const details = [
      badLineWords(badLines),
      repeated > 0 ? `${repeated} keys stand there more than once` : '',
    ];
    return {
      keys: keys.length,
      state: keys.length > 0 ? 'ok' : 'empty',
      detail: details.filter(words => words !== '').join('; '),
    };
  }

  #lookLater(): void {
    if (this.#stopped) return;
    this.#cancel = this.#options.schedule(() => {
      void this.look().then(() => this.#lookLater());
    }, LOOK_EVERY_MS);
  }

  async #looks(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      await this.#once();
    }
  }

  async #once(): Promise<void> {
    const { path } = this.#options;
    try {
      const { mtimeMs, ctimeMs, size, ino } = await stat(path);
      const stamp = `${mtimeMs} ${ctimeMs} ${size} ${ino}`;
      this.#missingSinceMs = undefined;
      if (stamp === this.#stamp) return;
      if (size > LARGEST_FILE_BYTES) return this.#fail(stamp, 'the file is larger than 64 MiB');
      const list = parseKeyList(await readFile(path));
      if (list === undefined) return this.#fail(stamp, 'the file is no text');
      // Read as it was at this stamp or later; later it has another one and is read again.
      this.#take(stamp, list);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'an unknown error';
      if (code === 'ENOENT' || code === 'ENOTDIR') this.#missing();
      else this.#fail(undefined, `the file cannot be read (${code})`);
    }
  }

  #take(stamp: string, list: KeyList): void {
    const { log, onKeys } = this.#options;
    this.#stamp = stamp;
    this.#state = 'ok';
    this.#problem = '';
    this.#list = list;
    log.info({ keys: list.keys.length, bad_lines: list.badLines.length }, 'file of keys read');
    onKeys(list.keys);
  }

  #missing(): void {
    const { nowMs, log, onKeys } = this.#options;
    this.#missingSinceMs ??= nowMs();
    if (this.#state === 'off') return;
    if (this.#list.keys.length > 0 && nowMs() - this.#missingSinceMs < MISSING_MS) return;
    this.#stamp = undefined;
    this.#state = 'off';
    this.#list = { keys: [], badLines: [], repeated: 0 };
    log.warn('the file of keys is gone, and so are its keys');
    onKeys([]);
  }

  #fail(stamp: string | undefined, problem: string): void {
    this.#stamp = stamp;
    this.#state = 'failing';
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#options.log.warn(`file of keys: ${problem}`);
  }
}

function badLineWords(lines: readonly number[]): string {
  if (lines.length === 0) return '';
  const told = lines.slice(0, MOST_LINES_TOLD).join(', ');
  return `no keys on lines ${told}${lines.length > MOST_LINES_TOLD ? ' and others' : ''}`;
}
