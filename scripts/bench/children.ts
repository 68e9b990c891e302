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
  message(): Promise<Readonly<Record<string, unknown>>>;
  stop(): Promise<void>;
}

/** How much of what a program wrote to stderr is shown when it ends before its time. */
const SHOWN_CHARACTERS = 2000;

/** Every program that a run starts. None outlives the run, however it ends. */
export class Children {
  readonly #running = new Set<ChildProcess>();

  /** Starts a program on its cores. It gets a bare environment, so that no setting of the user's own reaches it. */
  start({ command, args, cores, folder, environment = {} }: ProgramStart): Program {
    // The kernel ends a program with `pdeathsig` even when this process is killed outright.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'taskset', '-c', cores, command, ...args], {
      cwd: folder,
      env: { PATH: process.env.PATH ?? '', HOME: folder, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let complaints = '';
    child.stderr.on('data', (piece: Buffer) => {
      complaints = (complaints + piece).slice(-SHOWN_CHARACTERS);
    });
    this.#running.add(child);
    const exited = new Promise<void>((resolve, reject) => {
      child.once('exit', () => {
        this.#running.delete(child);
        resolve();
      });
      child.once('error', reject);
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return {
      pid: child.pid ?? -1,
      async message() {
        for (;;) {
          const line = await lines.next();
          if (line.done === true) throw ended(command, complaints);
          if (line.value.startsWith('{')) return JSON.parse(line.value);
        }
      },
      async stop() {
        child.kill('SIGKILL');
        await exited;
      },
    };
  }

  /** Ends everything at once. */
  stopAll(): void {
    for (const child of this.#running) child.kill('SIGKILL');
  }
}

function ended(command: string, complaints: string): Error {
  return new Error(`Expected \`${command}\` to go on, it ended:\n${complaints}`);
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
