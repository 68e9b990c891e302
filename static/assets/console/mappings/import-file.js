// @ts-check
import { t } from '../../lib/i18n.js';
import { prefixProblem, targetProblem, tidyPrefix } from './rules.js';

/** @typedef {{ prefix: string, text: string }} ImportProblem */

/**
 * Reads a file of mappings: what the console exports, a list of rows, or a plain object of prefix and target.
 *
 * @param {string} text JSON
 * @returns {{ rows: Map<string, string>, problems: ImportProblem[] } | undefined} `undefined` when it is none of these
 */
export function readImport(text) {
  const pairs = pairsOf(parsed(text));
  if (pairs === undefined) return undefined;
  /** @type {Map<string, string>} */
  const rows = new Map();
  /** @type {ImportProblem[]} */
  const problems = [];
  for (const [name, target] of pairs) {
    const prefix = tidyPrefix(String(name));
    const problem =
      prefixProblem(prefix) ?? (typeof target === 'string' ? targetProblem(target) : 'rule.targetUrl');
    if (problem === undefined) rows.set(prefix, target);
    else problems.push({ prefix, text: t(problem) });
  }
  return { rows, problems };
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * @param {any} value
 * @returns {[unknown, any][] | undefined}
 */
function pairsOf(value) {
  const inner = value?.mappings ?? value;
  if (Array.isArray(inner)) {
    return inner.every(row => typeof row === 'object' && row !== null && 'prefix' in row)
      ? inner.map(row => [row.prefix, row.target])
      : undefined;
  }
  return typeof inner === 'object' && inner !== null ? Object.entries(inner) : undefined;
}

/**
 * What an import would do to the mappings there are.
 *
 * @param {ReadonlyMap<string, string>} incoming
 * @param {readonly { prefix: string, target: string }[]} present
 */
export function compareImport(incoming, present) {
  const targets = new Map(present.map(({ prefix, target }) => [prefix, target]));
  let added = 0;
  let changed = 0;
  for (const [prefix, target] of incoming) {
    const before = targets.get(prefix);
    if (before === undefined) added += 1;
    else if (before !== target) changed += 1;
  }
  return { added, changed, unchanged: incoming.size - added - changed };
}
