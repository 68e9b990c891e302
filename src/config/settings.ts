import { poolSettings } from './pool-settings.ts';
import { providerSettings } from './provider-settings.ts';
import { serverSettings } from './server-settings.ts';
import type { Setting } from './setting.ts';

export type { Setting } from './setting.ts';

/**
 * The only table of settings. `read.ts` turns the environment into a `Config` by it, and `docs/configuration.md` and
 * `.env.example` are printed from it (a test compares them).
 */
export const settings = {
  ...serverSettings,
  ...poolSettings,
  ...providerSettings,
};

/** The settings as the program uses them, one value for each row of the table. */
export type Config = {
  readonly [Name in keyof typeof settings]: (typeof settings)[Name] extends Setting<infer T> ? T : never;
};
