import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { AppError } from '../src/base/errors.ts';
import { ConfigError, readConfig } from '../src/config/read.ts';
import { WELL_KNOWN_MAPPINGS } from '../src/domain/well-known.ts';
import { openStores } from '../src/stores/open.ts';

const USAGE = `Usage: npm run init [-- --force]

Fills a store that holds no mappings with ${WELL_KNOWN_MAPPINGS.size} well-known vendors. The store is the one that the settings
(environment, .env) name. One that was filled before and emptied since is left alone without --force.`;

/** Returns what was done, in one line. */
async function fill(force: boolean): Promise<string> {
  if (existsSync('.env')) process.loadEnvFile('.env');
  const stores = await openStores(readConfig(process.env), { log: pino({ level: 'silent' }) });
  try {
    const where = stores.kind === 'redis' ? 'Redis' : 'the embedded database';
    if (await stores.mappings.seed(WELL_KNOWN_MAPPINGS, { force })) {
      return `Wrote ${WELL_KNOWN_MAPPINGS.size} mappings to ${where}: ${[...WELL_KNOWN_MAPPINGS.keys()].join(' ')}`;
    }
    const { size } = await stores.mappings.readAll();
    if (size > 0) return `Nothing changed: ${where} holds mappings already (${size})`;
    return `Nothing changed: ${where} was emptied by someone; \`npm run init -- --force\` fills it again`;
  } finally {
    await stores.close();
  }
}

/** One line for the operator; a fault of the program itself keeps its trace. */
function explain(error: unknown): string {
  if (error instanceof ConfigError) return error.problems.join('; ');
  if (error instanceof AppError) return error.message;
  if (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))
    return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

try {
  const { values } = parseArgs({
    options: { force: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  });
  console.log(values.help ? USAGE : await fill(values.force));
} catch (error) {
  console.error(`init: ${explain(error)}`);
  process.exitCode = 1;
}
