/**
 * How long to wait before asking again: doubles with every attempt, with jitter (between half of it and all of it), so
 * that clients which failed together do not come back together.
 *
 * @param attempt 0 for the first wait
 */
export function backoffMs(
  attempt: number,
  options: { readonly baseMs: number; readonly maxMs: number; readonly random?: () => number },
): number {
  const { baseMs, maxMs, random = Math.random } = options;
  const fullMs = Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 52));
  return Math.round(fullMs / 2 + (fullMs / 2) * random());
}
