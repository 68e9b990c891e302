import { Worker } from 'node:worker_threads';
import { AppError } from '../../base/errors.ts';
import type { Call, Reply, Verbs } from './worker.ts';

const UNAVAILABLE = 'The embedded database does not work right now';

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/**
 * Starts the thread that owns a database file. It takes none of the process' own Node options over: `--input-type`, say,
 * would keep it from starting. Node 24 still calls SQLite experimental, which is no news to an operator.
 */
export function startWorker(path: string): Worker {
  return new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: path,
    name: 'database',
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
}

/**
 * The main thread's end of the database thread. Calls run one after the other, in order. A thread that died fails the
 * calls it had and is started anew by the next one.
 */
export class DatabaseThread {
  readonly #start: () => Worker;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Promise<Worker> | undefined;
  #lastId = 0;
  #closing: Promise<void> | undefined;

  private constructor(start: () => Worker) {
    this.#start = start;
  }

  /**
   * @param start starts a worker on the file
   * @throws AppError `ERR_STORE_UNAVAILABLE` whose message is one line for the operator
   */
  static async open(path: string, start: (path: string) => Worker = startWorker): Promise<DatabaseThread> {
    const thread = new DatabaseThread(() => start(path));
    await thread.#running();
    return thread;
  }

  /** @throws AppError `ERR_STORE_UNAVAILABLE` */
  async call<Name extends keyof Verbs>(
    verb: Name,
    ...args: Parameters<Verbs[Name]>
  ): Promise<ReturnType<Verbs[Name]>> {
    if (this.#closing !== undefined) throw new AppError('ERR_STORE_UNAVAILABLE', UNAVAILABLE);
    return this.#send(verb, args) as Promise<ReturnType<Verbs[Name]>>;
  }

  /** Finishes the calls under way, then closes the file and ends the thread. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#worker === undefined) return;
    const worker = await this.#worker;
    const ended = new Promise<void>(resolve => worker.once('exit', () => resolve()));
    await this.#send('close', []);
    await ended;
  }

  async #send(verb: keyof Verbs, args: readonly unknown[]): Promise<unknown> {
    const worker = await this.#running();
    this.#lastId += 1;
    const call: Call = { id: this.#lastId, verb, args };
    return new Promise((resolve, reject) => {
      this.#waiting.set(call.id, { resolve, reject });
      worker.postMessage(call);
    });
  }

  #running(): Promise<Worker> {
    this.#worker ??= this.#spawn();
    return this.#worker;
  }

  #spawn(): Promise<Worker> {
    const worker = this.#start();
    return new Promise((resolve, reject) => {
      this.#waiting.set(0, { resolve: () => resolve(worker), reject });
      let fault: unknown;
      worker.on('message', (reply: Reply) => this.#settle(reply));
      worker.on('error', error => {
        fault = error;
      });
      worker.on('exit', () => {
        this.#worker = undefined;
        for (const { reject } of this.#waiting.values()) {
          reject(new AppError('ERR_STORE_UNAVAILABLE', UNAVAILABLE, { cause: fault }));
        }
        this.#waiting.clear();
      });
    });
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (waiting === undefined) return;
    if ('value' in reply) {
      waiting.resolve(reply.value);
      return;
    }
    const { kind, text } = reply.failure;
    if (kind === 'fault') {
      waiting.reject(new Error(`Database thread: ${text}`));
      return;
    }
    waiting.reject(
      new AppError('ERR_STORE_UNAVAILABLE', kind === 'open' ? text : UNAVAILABLE, { cause: new Error(text) }),
    );
  }
}
