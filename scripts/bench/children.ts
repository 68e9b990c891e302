import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

export interface ProgramStart {
  readonly command: string;
  readonly args: readonly string[];
  /** List of `taskset`. */
  readonly cores: string;
  readonly folder: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** A program of this run. */
export interface Program {
  readonly pid: number;
  /** The next line of its output that is a JSON object. Rejects when the program ends first. */
  message(): Promise<Message>;
  stop(): Promise<void>;
}

/** How much of what a program wrote to stderr is shown when it ends before its time. */
const SHOWN_CHARACTERS = 2000;

/** More than anybody asks for; a program that logs every request must not fill our memory. */
const KEPT_MESSAGES = 100;

/** The end of a program that did what it was there for. */
const DONE = 'done';

/** Every program that a run starts. None outlives the run, however it ends. */
export class Children {
  readonly #running = new Set<ChildProcess>();
  #stopping = false;

  /** Starts a program on its cores. It gets a bare environment, so that no setting of the user's own reaches it. */
  start({ command, args, cores, folder, environment = {} }: ProgramStart): Program {
    // The kernel ends a program with `pdeathsig` even when this process is killed outright.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'taskset', '-c', cores, command, ...args], {
      cwd: folder,
      env: { PATH: process.env.PATH ?? '', HOME: folder, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#running.add(child);
    let complaints = '';
    child.stderr.on('data', (piece: Buffer) => {
      complaints = (complaints + piece).slice(-SHOWN_CHARACTERS);
    });
    const messages = new MessageQueue();
    // Always read to the end: a program whose output nobody takes would be measured while it waits.
    createInterface({ input: child.stdout }).on('line', line => messages.add(line));
    let stopped = false;
    const exited = new Promise<void>(resolve => {
      const end = (cause: string) => {
        this.#running.delete(child);
        const name = [command, ...args].join(' ').slice(0, SHOWN_CHARACTERS);
        const reason = new Error(`Expected \`${name}\` to go on, it ended (${cause}):\n${complaints}`);
        // Nobody may be waiting for it: what fails next would look like somebody else's fault.
        if (!stopped && !this.#stopping && cause !== DONE) console.error(reason.message);
        messages.end(reason);
        resolve();
      };
      child.once('close', (code, signal) => end(signal ?? (code === 0 ? DONE : `exit code ${code}`)));
      child.once('error', error => end(error.message));
    });
    return {
      pid: child.pid ?? -1,
      message: () => messages.next(),
      async stop() {
        stopped = true;
        child.kill('SIGKILL');
        await exited;
      },
    };
  }

  /** Ends everything at once. */
  stopAll(): void {
    this.#stopping = true;
    for (const child of this.#running) child.kill('SIGKILL');
  }
}

type Message = Readonly<Record<string, unknown>>;

/** Lines of JSON that a program printed and nobody has asked for yet. */
class MessageQueue {
  readonly #messages: Message[] = [];
  #waiting: PromiseWithResolvers<Message> | undefined;
  #end: Error | undefined;

  add(line: string): void {
    if (!line.startsWith('{') || this.#messages.length >= KEPT_MESSAGES) return;
    const message = JSON.parse(line) as Message;
    if (this.#waiting === undefined) this.#messages.push(message);
    else this.#waiting.resolve(message);
    this.#waiting = undefined;
  }

  end(reason: Error): void {
    this.#end = reason;
    this.#waiting?.reject(reason);
  }

  async next(): Promise<Message> {
    const message = this.#messages.shift();
    if (message !== undefined) return message;
    if (this.#end !== undefined) throw this.#end;
    this.#waiting = Promise.withResolvers<Message>();
    return this.#waiting.promise;
  }
}

/** Waits until something listens on a port of this machine. Rejects after ten seconds. */
export async function untilListening(port: number): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    } finally {
      socket.destroy();
    }
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}
