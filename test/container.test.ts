import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { validate } from 'dockerfile-utils';
import { parse } from 'yaml';
import { buildByHand, environmentOf, execForm, readStages, stepOf } from './support/dockerfile.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

const stages = readStages(read('Dockerfile'));
const image = stages.at(-1)!;

test('the Dockerfile has no fault that a linter finds', t => {
  t.deepEqual(validate(read('Dockerfile')), []);
});

test('the image is built in stages on the same small base of a pinned major version', t => {
  t.true(stages.length >= 2);
  for (const stage of stages) t.regex(stage.image, /^node:\d+-slim$/);
  t.is(new Set(stages.map(stage => stage.image)).size, 1);
});

test('only dependencies of production are installed, from the lock file', t => {
  const runs = stages
    .flatMap(stage => stage.steps)
    .filter(step => /\bnpm\b/.test(step.text) && step.keyword === 'RUN');
  t.is(runs.length, 1);
  t.regex(runs[0]!.text, /^npm ci --omit=dev\b/);
  t.false(image.steps.some(step => step.keyword === 'RUN' && /npm|node /.test(step.text)));
});

test('the image runs as a user that is not root, given as a number', t => {
  t.regex(stepOf(image, 'USER')?.text ?? '', /^[1-9]\d*:[1-9]\d*$/);
  const afterUser = image.steps.slice(image.steps.findIndex(step => step.keyword === 'USER'));
  t.false(afterUser.some(step => ['RUN', 'COPY', 'ADD'].includes(step.keyword)));
});

test('the image starts node itself, stops by SIGTERM, and checks its health with node', t => {
  t.deepEqual(execForm(stepOf(image, 'CMD')), ['node', '--no-allocation-site-pretenuring', 'src/main.ts']);
  t.is(stepOf(image, 'ENTRYPOINT'), undefined);
  t.is(stepOf(image, 'STOPSIGNAL')?.text, 'SIGTERM');
  const [command, , script] = execForm(stepOf(image, 'HEALTHCHECK')) ?? [];
  t.is(command, 'node');
  t.regex(script ?? '', /\/health\/live/);
});

test('data and logs are volumes, and nothing of the image is a secret or a setting of one machine', t => {
  t.deepEqual(JSON.parse(stepOf(image, 'VOLUME')?.text ?? '[]'), ['/app/data', '/app/logs']);
  t.deepEqual(environmentOf(image), { NODE_ENV: 'production' });
  t.false(stages.some(stage => stage.steps.some(step => step.keyword === 'ARG')));
});

test('the build is given only what the Dockerfile copies', t => {
  const lines = read('.dockerignore')
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'));
  t.is(lines[0], '*');
  t.true(lines.slice(1).every(line => line.startsWith('!')));
  const allowed = lines.slice(1).map(line => line.slice(1));
  const copied = stages
    .flatMap(stage => stage.steps)
    .filter(step => step.keyword === 'COPY' && !step.flags.some(flag => flag.startsWith('--from=')))
    .flatMap(step => step.text.split(/\s+/).slice(0, -1));
  t.deepEqual([...new Set(copied)].sort(), allowed.sort());
  for (const path of allowed) t.true(existsSync(join(root, path)), path);
});

interface Service {
  image: string;
  command?: string[];
  environment: Record<string, string | number>;
  ports?: string[];
  volumes: string[];
  networks: string[];
  read_only?: boolean;
  cap_drop?: string[];
  privileged?: boolean;
  security_opt: string[];
  healthcheck?: { test: string[] };
  depends_on?: Record<string, { condition: string }>;
}

const compose = parse(read('docker-compose.yml')) as {
  services: { switchyard: Service; redis: Service };
  networks: Record<string, { internal?: boolean } | null>;
  volumes: Record<string, unknown>;
};

test('compose asks for the Redis password and knows no other', t => {
  const { switchyard, redis } = compose.services;
  const required = /^\$\{REDIS_PASSWORD:\?[^}]+\}$/;
  t.regex(String(switchyard.environment.REDIS_PASSWORD), required);
  t.regex(redis.command![redis.command!.indexOf('--requirepass') + 1]!, required);
  const defaults = [...read('docker-compose.yml').matchAll(/\$\{(\w+):?-([^}]*)\}/g)].map(match => match[1]);
  t.deepEqual(defaults, ['PORT']);
  const environment = Object.keys({ ...switchyard.environment, ...redis.environment });
  t.deepEqual(
    environment.filter(name => /TOKEN|SECRET|KEY|PASSWORD|AUTH/.test(name)),
    ['REDIS_PASSWORD', 'REDISCLI_AUTH'],
  );
});

test('compose keeps Redis on disk, behind its password, and away from every port', t => {
  const { redis } = compose.services;
  t.deepEqual(redis.command!.slice(0, 3), ['redis-server', '--appendonly', 'yes']);
  t.is(redis.ports, undefined);
  t.deepEqual(redis.volumes, ['redis:/data']);
  t.deepEqual(
    redis.networks.map(name => compose.networks[name]),
    [{ internal: true }],
  );
  t.regex(redis.healthcheck!.test.join(' '), /redis-cli ping/);
});

test('compose runs the gateway without rights, on a read-only root, with volumes for what it writes', t => {
  const { switchyard } = compose.services;
  t.true(switchyard.read_only);
  t.deepEqual(switchyard.cap_drop, ['ALL']);
  t.deepEqual(switchyard.security_opt, ['no-new-privileges:true']);
  t.is(switchyard.privileged, undefined);
  t.deepEqual(switchyard.volumes, ['data:/app/data', 'logs:/app/logs']);
  t.deepEqual(Object.keys(compose.volumes).sort(), ['data', 'logs', 'redis']);
  t.is(switchyard.depends_on!.redis!.condition, 'service_healthy');
  t.is(switchyard.ports?.length, 1);
  t.regex(switchyard.ports![0]!, /^\$\{PORT:-8000\}:8000$/);
  t.like(switchyard.environment, { NODE_ENV: 'production', PORT: 8000, REDIS_HOST: 'redis' });
});

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Every path under a folder with size and time of change, but for the folders that are volumes. */
function snapshot(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(path => !/^(data|logs)(\/|$)/.test(path))
    .map(path => `${path} ${statSync(join(folder, path)).mtimeMs}`)
    .sort();
}

/** Runs a command as the image would: its user where this is root, its environment, its folder. */
function startInImage(
  folder: string,
  command: readonly string[],
  environment: NodeJS.ProcessEnv,
): ChildProcess {
  const [uid, gid] = stepOf(image, 'USER')!.text.split(':').map(Number);
  return spawn(join(folder, '../../node'), command.slice(1), {
    cwd: folder,
    env: { PATH: process.env.PATH, TZ: 'UTC', ...environmentOf(image), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(process.getuid?.() === 0 ? { uid, gid } : {}),
  });
}

/** Waits until a path is answered, as long as the process lives. */
async function answered(url: string, child: ChildProcess): Promise<Response> {
  for (;;) {
    if (child.exitCode !== null)
      throw new Error(`Expected the program to run, it exited with ${child.exitCode}`);
    try {
      return await fetch(url);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      await new Promise(resolve => setTimeout(resolve, 50));
    }
  }
}

function outputOf(child: ChildProcess): () => string {
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return () => output;
}

/** Builds the image's folders; what is not a volume cannot be written by the one who runs it. */
function build(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-image-'));
  t.teardown(() => {
    spawnSync('chmod', ['-R', 'u+w', folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  chmodSync(folder, 0o755);
  const workFolder = buildByHand(stages, folder, root);
  copyFileSync(process.execPath, join(folder, 'node'), constants.COPYFILE_FICLONE);
  const fixed = readdirSync(workFolder).filter(name => name !== 'data' && name !== 'logs');
  spawnSync('chmod', ['-R', 'a-w,a+rX', ...fixed], { cwd: workFolder });
  if (process.getuid?.() !== 0) chmodSync(workFolder, 0o555);
  return workFolder;
}

test('the steps of the Dockerfile, done by hand, give a program that runs without rights and writes only its volumes', async t => {
  t.timeout(120_000);
  const folder = build(t);
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { dev?: boolean }>;
  };
  const shipped = Object.entries(packages).filter(([path]) => path !== '' && existsSync(join(folder, path)));
  t.deepEqual(
    shipped.filter(([, entry]) => entry.dev === true).map(([path]) => path),
    [],
  );
  t.true(existsSync(join(folder, 'node_modules/koa')));

  const before = snapshot(folder);
  const environment = { PORT: String(await freePort()) };
  const address = `http://127.0.0.1:${environment.PORT}`;
  const child = startInImage(folder, execForm(stepOf(image, 'CMD'))!, environment);
  t.teardown(() => child.kill('SIGKILL'));
  const output = outputOf(child);
  const exited = once(child, 'exit');

  try {
    t.is((await answered(`${address}/health/live`, child)).status, 200);
    for (const path of ['/', '/admin', '/openapi.yaml', '/health/ready'])
      t.is((await fetch(address + path)).status, 200, path);
    const check = startInImage(folder, execForm(stepOf(image, 'HEALTHCHECK'))!, environment);
    t.deepEqual(await once(check, 'exit'), [0, null]);
  } catch (error) {
    t.log(output());
    throw error;
  }

  child.kill('SIGTERM');
  t.deepEqual(await exited, [0, null], output());
  const check = startInImage(folder, execForm(stepOf(image, 'HEALTHCHECK'))!, environment);
  t.deepEqual(await once(check, 'exit'), [1, null]);

  t.deepEqual(snapshot(folder), before);
  t.is(statSync(join(folder, 'data/admin-token')).mode & 0o777, 0o600);
  const token = readFileSync(join(folder, 'data/admin-token'), 'utf8').trim();
  const logs = readdirSync(join(folder, 'logs'));
  t.true(logs.length >= 1 && logs.every(name => /^switchyard_\d{4}-\d\d-\d\d\.log$/.test(name)));
  for (const name of logs) t.false(readFileSync(join(folder, 'logs', name), 'utf8').includes(token));
  t.regex(output(), /admin-token/);
  t.false(output().includes(token));
});
