// @ts-check
import { useEffect, useState } from './html.js';

/**
 * This device's clock, in steps of a second.
 *
 * @param {boolean} running
 * @returns {number} epoch ms
 */
export function useNow(running) {
  const [nowMs, setNowMs] = useState(Date.now);
  useEffect(() => {
    if (!running) return undefined;
    const tick = () => setNowMs(Date.now());
    tick();
    const timer = setInterval(tick, 1000);
    return () => clearInterval(timer);
  }, [running]);
  return nowMs;
}
