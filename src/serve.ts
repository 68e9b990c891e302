import { startApp } from './app.ts';
import { AppError } from './base/errors.ts';
import type { Log } from './base/log.ts';
import { ConfigError, readConfig } from './config/read.ts';
import type { Config } from './config/settings.ts';
import { createLog } from './server/create-log.ts';

/** Runs the server until a signal ends the process. What keeps it from starting is told in a line, with exit code 1. */
export async function serve(environment: NodeJS.ProcessEnv): Promise<void> {
  let log: Log | undefined;
  try {
    const config = readConfig(environment);
    log = createLog(config);
    await run(config, log);
  } catch (error) {
    // One clear line (or one for each wrong setting), where whoever started us looks.
    log?.flush();
    process.stderr.write(`switchyard: ${startProblem(error)}\n`);
    process.exit(1);
  }
}

async function run(config: Config, log: Log): Promise<void> {
  const app = await startApp(config, log);
  let stopping = false;
  const stop = (signal: string) => {
    if (stopping) process.exit(1);
    stopping = true;
    log.info({ signal }, 'signal received');
    void app.stop().then(
      () => process.exit(0),
      error => {
        log.fatal({ err: error }, 'stopping failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('uncaughtException', error => {
    log.fatal({ err: error }, 'unexpected error');
    if (stopping) process.exit(1);
    stopping = true;
    void app.stop().finally(() => process.exit(1));
  });
}

/** What to tell the operator about a start that failed. */
function startProblem(error: unknown): string {
  if (error instanceof ConfigError || error instanceof AppError) return error.message;
  const { code, message } = error as NodeJS.ErrnoException & { port?: number; address?: string };
  const { port, address, path } = error as { port?: number; address?: string; path?: string };
  switch (code) {
    case 'EADDRINUSE':
      return `port ${port} on ${address} is in use; set PORT to a free one`;
    case 'EADDRNOTAVAIL':
      return `HOST ${address} is not an address of this machine`;
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ENOTDIR':
    case 'EEXIST':
      return path === undefined
        ? `no permission to listen on ${address}:${port}`
        : `${path} cannot be written (${code}); set DATA_DIR to a folder that can`;
    default:
      return message;
  }
}
