import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface RedisServerOptions {
  /** Value of `notify-keyspace-events`, for example `Kh`; off by default, as Redis ships. */
  readonly notifyKeyspaceEvents?: string;
  readonly password?: string;
  /** Every write is on disk before its reply, so that `restart` brings all of it back. */
  readonly durable?: boolean;
}

/** A real `redis-server` of the test's own, on a free port with its own folder. */
export interface RedisServer {
  readonly port: number;
  /** Password included. */
  readonly url: string;
  readonly process: ChildProcess;
  /** SIGSTOP: connections stay open and are accepted, nothing is answered. */
  pause(): void;
  resume(): void;
  /** SIGKILL; the port and the folder stay reserved for `start`. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, on the same port and folder. */
  start(): Promise<void>;
  /** `kill` and `start`. */
  restart(): Promise<void>;
  /** Ends it, paused or not, and deletes its folder. */
  stop(): Promise<void>;
}

/** Resolves when the server answers PONG. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-redis-'));
  let port = 0;
  let child: ChildProcess | undefined;
  for (let attempt = 1; child === undefined; attempt += 1) {
    port = await freePort();
    try {
      child = await launch(port, folder, options);
    } catch (error) {
      // Somebody else may have taken the port in between.
      if (attempt < 5 && !(error instanceof MissingRedisError)) continue;
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }
  let running = child;
  let guard = guardOf(running, folder);

  async function kill(): Promise<void> {
    guard.kill('SIGKILL');
    if (running.exitCode !== null || running.signalCode !== null) return;
    const exited = once(running, 'exit');
    running.kill('SIGKILL');
    await exited;
  }
  async function start(): Promise<void> {
    running = await launch(port, folder, options);
    guard = guardOf(running, folder);
  }

  return {
    port,
    url: `redis://${options.password === undefined ? '' : `:${encodeURIComponent(options.password)}@`}127.0.0.1:${port}`,
    get process() {
      return running;
    },
    pause: () => void running.kill('SIGSTOP'),
    resume: () => void running.kill('SIGCONT'),
    kill,
    start,
    restart: async () => {
      await kill();
      await start();
    },
    stop: async () => {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

class MissingRedisError extends Error {}

/**
 * A process that ends the server, and deletes its folder, when this process is gone however it ended: the pipe between
 * them closes then.
 */
function guardOf(server: ChildProcess, folder: string): ChildProcess {
  const guard = spawn('sh', ['-c', 'cat; kill -9 "$0"; rm -rf "$1"', String(server.pid), folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.unref();
  return guard;
}

async function launch(port: number, folder: string, options: RedisServerOptions): Promise<ChildProcess> {
  const child = spawn(
    'redis-server',
    [
      ['--port', String(port)],
      ['--bind', '127.0.0.1'],
      ['--dir', folder],
      ['--databases', '64'],
      ['--save', ''],
      ['--appendonly', options.durable ? 'yes' : 'no'],
      ['--appendfsync', 'always'],
      ['--notify-keyspace-events', options.notifyKeyspaceEvents ?? ''],
      ...(options.password === undefined ? [] : [['--requirepass', options.password]]),
    ].flat(),
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const said: string[] = [];
  await new Promise<void>((resolve, reject) => {
    child.once('error', error => {
      reject(
        'code' in error && error.code === 'ENOENT'
          ? new MissingRedisError('These tests need a real Redis: apt-get install redis-server')
          : error,
      );
    });
    child.once('exit', () => reject(new Error(`redis-server ended at once: ${said.join('\n')}`)));
    createInterface({ input: child.stdout! }).on('line', line => {
      said.push(line);
      if (line.includes('Ready to accept connections')) resolve();
    });
  });
  child.removeAllListeners('exit');
  await pong(port, options.password);
  return child;
}

/** Asks for a PONG and waits for it. */
async function pong(port: number, password: string | undefined): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.write(`${password === undefined ? '' : `AUTH ${password}\r\n`}PING\r\n`);
  let answer = '';
  for await (const chunk of socket) {
    answer += chunk;
    if (answer.includes('+PONG')) break;
  }
  socket.destroy();
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('Expected a TCP address');
  return address.port;
}
