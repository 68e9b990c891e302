// @ts-check
import { useCallback, useEffect, useRef, useState } from './html.js';

/**
 * What a page shows of the server, and how the latest attempt to renew it went.
 *
 * @template T
 * @typedef {object} Polled
 * @property {T | undefined} value of the latest answer; it stays when a later attempt fails
 * @property {unknown} failure of the latest attempt
 * @property {number} receivedAtMs when the value came, by this device's clock
 * @property {boolean} waiting the value is not yet that of the present `key`
 * @property {(next: (value: T) => T) => void} change puts something else in its place until the next answer
 * @property {() => Promise<void>} reload asks at once, because somebody waits for it
 */

/**
 * Reads something again and again while the page is visible. A slow server is asked less often: the pause is at least
 * four times as long as the last answer took. An answer to an earlier `key` is dropped.
 *
 * @template T
 * @param {(options: { background: boolean, signal: AbortSignal }) => Promise<T>} read `background`: nobody waits for it
 * @param {{ everyMs: number, key?: string }} options `key`: what is asked for; another one asks at once
 * @returns {Polled<T>}
 */
export function usePolled(read, { everyMs, key = '' }) {
  const [state, setState] = useState({
    value: /** @type {T | undefined} */ (undefined),
    failure: /** @type {unknown} */ (undefined),
    receivedAtMs: 0,
    key: /** @type {string | undefined} */ (undefined),
  });
  const latest = useRef(read);
  latest.current = read;
  const control = useRef({
    ask: /** @type {(background: boolean) => Promise<void>} */ (async () => {}),
    drop: () => {},
  });

  useEffect(() => {
    const leaving = new AbortController();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    /** Answers to attempts before this one come too late. */
    let newest = 0;

    const schedule = (/** @type {number} */ ms) => {
      clearTimeout(timer);
      if (!document.hidden) timer = setTimeout(() => ask(true), ms);
    };

    async function ask(/** @type {boolean} */ background) {
      clearTimeout(timer);
      newest += 1;
      const attempt = newest;
      const startedMs = performance.now();
      try {
        const value = await latest.current({ background, signal: leaving.signal });
        if (attempt !== newest || leaving.signal.aborted) return;
        setState({ value, failure: undefined, receivedAtMs: Date.now(), key });
      } catch (failure) {
        if (attempt !== newest || leaving.signal.aborted) return;
        setState(before => ({ ...before, failure }));
      }
      schedule(Math.max(everyMs, 4 * (performance.now() - startedMs)));
    }

    control.current = {
      ask,
      drop: () => {
        newest += 1;
        schedule(everyMs);
      },
    };

    const onVisibility = () => {
      clearTimeout(timer);
      if (!document.hidden) void ask(true);
    };
    document.addEventListener('visibilitychange', onVisibility);
    window.addEventListener('online', onVisibility);
    void ask(false);
    return () => {
      document.removeEventListener('visibilitychange', onVisibility);
      window.removeEventListener('online', onVisibility);
      clearTimeout(timer);
      leaving.abort();
    };
  }, [key, everyMs]);

  const change = useCallback((/** @type {(value: T) => T} */ next) => {
    // An answer under way does not know of it.
    control.current.drop();
    setState(before => (before.value === undefined ? before : { ...before, value: next(before.value) }));
  }, []);
  const reload = useCallback(() => control.current.ask(false), []);
  const { value, failure, receivedAtMs } = state;
  return { value, failure, receivedAtMs, waiting: state.key !== key, change, reload };
}
