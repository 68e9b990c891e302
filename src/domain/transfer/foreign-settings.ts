import { AppError } from '../../base/errors.ts';
import { parsePoolConfigChange } from '../pool/pool-config.ts';
import type { Remarks } from './remarks.ts';

/** droid2api's names of settings → ours, where they differ; sections that are the same in both are left out. */
const NAMES: ReadonlyMap<string, readonly [section: string | undefined, name: string]> = new Map([
  ['retry.maxRetries', ['retry', 'max']],
  ['retry.retryDelay', ['retry', 'delayMs']],
  ['autoBan.errorThreshold', ['autoBan', 'threshold']],
  ['autoBan.ban401', ['autoBan', 'ban_401']],
  ['autoBan.ban402', ['autoBan', 'ban_402']],
  ['performance.concurrentLimit', [undefined, 'concurrentLimit']],
  ['performance.requestTimeout', [undefined, 'requestTimeoutMs']],
]);

/** The file's `config`, setting by setting; one that is not valid here is remarked upon and left out. */
export function foreignSettings(config: unknown, remarks: Remarks): Readonly<Record<string, unknown>>[] {
  if (typeof config !== 'object' || config === null) return [];
  const settings: Readonly<Record<string, unknown>>[] = [];
  for (const [section, value] of Object.entries(config)) {
    const parts =
      typeof value === 'object' && value !== null
        ? Object.entries(value).map(([name, part]) => [`${section}.${name}`, part] as const)
        : [[section, value] as const];
    for (const [name, part] of parts) {
      const setting = inOurWords(name, part);
      if (isValid(setting)) settings.push(setting);
      else remarks.invalidSetting(name);
    }
  }
  return settings;
}

function inOurWords(name: string, value: unknown): Readonly<Record<string, unknown>> {
  const [section, field] = NAMES.get(name) ?? split(name);
  return section === undefined ? { [field]: value } : { [section]: { [field]: value } };
}

function split(name: string): readonly [string | undefined, string] {
  const dot = name.indexOf('.');
  return dot === -1 ? [undefined, name] : [name.slice(0, dot), name.slice(dot + 1)];
}

function isValid(setting: Readonly<Record<string, unknown>>): boolean {
  try {
    return [...parsePoolConfigChange(setting).values()].every(value => value !== null);
  } catch (error) {
    if (error instanceof AppError) return false;
    throw error;
  }
}
