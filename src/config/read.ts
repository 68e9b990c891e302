import type { Secret } from '../base/secret.ts';
import { type Config, type Setting, settings } from './settings.ts';

/** The configuration is not usable; `problems` has one line for each setting that is wrong. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`Configuration not usable:\n${problems.map(problem => `  - ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

const WEAK_SECRETS = new Set([
  'password',
  'changeme',
  'secret',
  'admin',
  'token',
  'test',
  '123',
  '123456',
  'default',
]);
const SHORTEST_SECRET = 16;

/**
 * Reads every setting from `environment` (`process.env`). Collects all problems before it throws `ConfigError`. An
 * empty variable counts as unset, as compose files write it that way.
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(settings) as [string, Setting<unknown>][]) {
    const name = setting.names.find(candidate => (environment[candidate] ?? '').trim() !== '');
    if (name === undefined) {
      values[key] = setting.fallback;
      continue;
    }
    const text = environment[name]!.trim();
    const value = setting.parse(text);
    if (value === undefined) {
      const got = setting.secret ? 'another value (not shown)' : `\`${text}\``;
      problems.push(`Expected \`${name}\` to be ${setting.expected}, got ${got}`);
    }
    values[key] = value;
  }
  const config = values as Config;
  if (config.timeZone !== '' && !isTimeZone(config.timeZone)) {
    problems.push(`Expected \`TZ\` to be an IANA time zone, got \`${config.timeZone}\``);
  }
  if (config.nodeEnv === 'production') {
    for (const key of ['adminToken', 'apiAccessKey', 'proxyAccessKey', 'metricsToken'] as const) {
      problems.push(...weakness(settings[key].names[0], config[key]));
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

function weakness(name: string, secret: Secret | undefined): string[] {
  if (secret === undefined) return [];
  const text = secret.reveal();
  if (text.length < SHORTEST_SECRET || WEAK_SECRETS.has(text.toLowerCase()) || /^(.)\1*$/.test(text)) {
    return [
      `Expected \`${name}\` to be a strong secret of at least ${SHORTEST_SECRET} characters in production, got a weak or short one`,
    ];
  }
  return [];
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
