import test from 'ava';
import { POOL_CONFIG_NAMES } from '../../src/config/pool-settings.ts';
import { type Setting, settings } from '../../src/config/settings.ts';
import { DEFAULT_POOL_CONFIG } from '../../src/domain/pool/pool-config.ts';

test('the documented default of each pool setting is the one that holds', t => {
  for (const [key, dotted] of Object.entries(POOL_CONFIG_NAMES)) {
    const setting = settings[key as keyof typeof POOL_CONFIG_NAMES] as Setting<unknown>;
    const holds = dotted
      .split('.')
      .reduce<unknown>((value, name) => (value as Record<string, unknown>)[name], DEFAULT_POOL_CONFIG);
    t.is(setting.parse(setting.shownDefault), holds, dotted);
  }
});
