// @ts-check
import { useEffect, useState } from './html.js';

/**
 * One value that several parts show, such as the language or the session.
 *
 * @template T
 * @typedef {{ get(): T, set(next: T): void, subscribe(listener: () => void): () => void }} Signal
 */

/**
 * @template T
 * @param {T} first
 * @returns {Signal<T>}
 */
export function createSignal(first) {
  let value = first;
  /** @type {Set<() => void>} */
  const listeners = new Set();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of [...listeners]) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/**
 * The value now; the component renders again when it changes.
 *
 * @template T
 * @param {Signal<T>} signal
 * @returns {T}
 */
export function useSignal(signal) {
  const [value, setValue] = useState(() => signal.get());
  useEffect(() => {
    const update = () => setValue(() => signal.get());
    update();
    return signal.subscribe(update);
  }, [signal]);
  return value;
}
