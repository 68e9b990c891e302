// @ts-check
import { remember, remembered } from './preferences.js';
import { createSignal } from './signal.js';

/** @typedef {'system' | 'light' | 'dark'} Theme */

/** @type {readonly Theme[]} */
export const themes = ['system', 'light', 'dark'];

const stored = remembered('theme');

/** @type {import('./signal.js').Signal<Theme>} */
export const theme = createSignal(stored === 'light' || stored === 'dark' ? stored : 'system');

/**
 * Counts up whenever colours change, by the switch or by the system: what draws on a canvas has to draw again.
 *
 * @type {import('./signal.js').Signal<number>}
 */
export const colorsVersion = createSignal(0);

/** @param {Theme} next */
export function chooseTheme(next) {
  if (next === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  remember('theme', next === 'system' ? undefined : next);
  theme.set(next);
  colorsVersion.set(colorsVersion.get() + 1);
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  colorsVersion.set(colorsVersion.get() + 1);
});
