// @ts-check

/** @typedef {{ requests: number, successes: number, failures: number }} Counts */

/**
 * How well a key does: what was learned of it since the process started, tries included that another key answered in the
 * end; before there was any, what is known of all time.
 *
 * @param {Counts & { allTime: Counts | null }} row
 * @returns {number | undefined} from 0 to 1
 */
export function successRate(row) {
  for (const { successes, failures } of [row, row.allTime ?? row]) {
    if (successes + failures > 0) return successes / (successes + failures);
  }
  return undefined;
}
