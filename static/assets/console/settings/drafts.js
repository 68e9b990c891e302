// @ts-check
import { createSignal } from '../../lib/signal.js';

/**
 * What was typed and not saved, by the dotted name of the setting. It outlives the page of settings, so that a look at
 * another page loses nothing.
 *
 * @type {import('../../lib/signal.js').Signal<ReadonlyMap<string, unknown>>}
 */
export const drafts = createSignal(/** @type {ReadonlyMap<string, unknown>} */ (new Map()));

/**
 * @param {string} name
 * @param {unknown} value
 * @param {unknown} held the server's: a draft that equals it is none
 */
export function draft(name, value, held) {
  const next = new Map(drafts.get());
  if (String(value) === String(held)) next.delete(name);
  else next.set(name, value);
  drafts.set(next);
}

/** @param {Iterable<string>} names */
export function dropDrafts(names) {
  const next = new Map(drafts.get());
  for (const name of names) next.delete(name);
  drafts.set(next);
}
