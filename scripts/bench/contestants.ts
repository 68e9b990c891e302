import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { untilListening } from './children.ts';
import { PROXY_CORES } from './cores.ts';
import { findProgram } from './find-program.ts';
import type { BenchContext, ContestantName } from './measure.ts';
import { PREFIX, startSwitchyardFor } from './switchyard.ts';

/** A proxy, ready: `prefix` leads to the origin. */
export interface Contestant {
  readonly name: ContestantName;
  readonly port: number;
  readonly prefix: string;
  /** The process to watch; `undefined` for the way without a proxy. */
  readonly pid: number | undefined;
  readonly stop: () => Promise<void>;
}

type Start = (context: BenchContext, originPort: number) => Promise<Omit<Contestant, 'name'>>;

const PROGRAMS = join(import.meta.dirname, 'programs');

const direct: Start = async (_context, originPort) => ({
  port: originPort,
  prefix: '',
  pid: undefined,
  stop: async () => undefined,
});

const switchyard: Start = async (context, originPort) => {
  const { pid, port, stop } = await startSwitchyardFor(context, `http://127.0.0.1:${originPort}`);
  return { pid, port, prefix: PREFIX, stop };
};

function nodeProgram(file: string): Start {
  return async ({ children, folder }, originPort) => {
    const program = children.start({
      command: process.execPath,
      args: [join(PROGRAMS, file), String(originPort), PREFIX],
      cores: PROXY_CORES,
      folder,
      environment: { NODE_ENV: 'production' },
    });
    const { port } = await program.message();
    return { pid: program.pid, port: port as number, prefix: PREFIX, stop: program.stop };
  };
}

const nginx: Start = async (context, originPort) => {
  const { children } = context;
  const [port, folder] = [await freePort(), mkdtempSync(join(context.folder, 'nginx-'))];
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, nginxConfiguration(port, originPort));
  const program = children.start({
    command: findProgram('nginx')!,
    args: ['-p', folder, '-c', file, '-e', 'stderr'],
    cores: PROXY_CORES,
    folder,
  });
  await untilListening(port);
  return { pid: program.pid, port, prefix: PREFIX, stop: program.stop };
};

const caddy: Start = async (context, originPort) => {
  const { children } = context;
  const [port, folder] = [await freePort(), mkdtempSync(join(context.folder, 'caddy-'))];
  const file = join(folder, 'Caddyfile');
  writeFileSync(file, caddyConfiguration(port, originPort));
  const program = children.start({
    command: findProgram('caddy')!,
    args: ['run', '--config', file, '--adapter', 'caddyfile'],
    cores: PROXY_CORES,
    folder,
    environment: { GOMAXPROCS: '1' },
  });
  await untilListening(port);
  return { pid: program.pid, port, prefix: PREFIX, stop: program.stop };
};

const STARTS: Readonly<Record<ContestantName, Start>> = {
  direct,
  Switchyard: switchyard,
  'http-proxy-3': nodeProgram('http-proxy-3.ts'),
  undici: nodeProgram('undici-relay.ts'),
  nginx,
  Caddy: caddy,
};

const INSTALLED_APART: Partial<Record<ContestantName, string>> = { nginx: 'nginx', Caddy: 'caddy' };

/** Starts those of `names` that are installed; says which are not. */
export async function startContestants(
  names: readonly ContestantName[],
  context: BenchContext,
  originPort: number,
): Promise<Contestant[]> {
  const started: Contestant[] = [];
  for (const name of names) {
    if (isInstalled(name, context.say)) started.push({ name, ...(await STARTS[name](context, originPort)) });
  }
  return started;
}

function isInstalled(name: ContestantName, say: BenchContext['say']): boolean {
  const program = INSTALLED_APART[name];
  if (program === undefined || findProgram(program) !== undefined) return true;
  say(`${name} is left out: not installed (apt-get install ${program})`);
  return false;
}

/** One worker. Connections are kept on both sides, nothing is logged, and an event is passed on as it comes. */
function nginxConfiguration(port: number, originPort: number): string {
  return `daemon off;
master_process off;
pid nginx.pid;
worker_rlimit_nofile 16384;
error_log stderr error;
events { worker_connections 8192; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  keepalive_requests 100000000;
  client_max_body_size 0;
  upstream origin {
    server 127.0.0.1:${originPort};
    keepalive 256;
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location ${PREFIX}/ {
      proxy_pass http://origin/;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering off;
    }
  }
}
`;
}

function caddyConfiguration(port: number, originPort: number): string {
  return `{
  admin off
  auto_https off
  log {
    level ERROR
  }
}
http://127.0.0.1:${port} {
  bind 127.0.0.1
  handle_path ${PREFIX}/* {
    reverse_proxy 127.0.0.1:${originPort} {
      flush_interval -1
      transport http {
        keepalive_idle_conns_per_host 256
        compression off
      }
    }
  }
}
`;
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
