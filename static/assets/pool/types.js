// @ts-check

/**
 * What the server says of the key pool (see `openapi.yaml`).
 *
 * @typedef {'active' | 'resting' | 'disabled' | 'banned'} KeyStatus
 * @typedef {'openai' | 'anthropic' | 'gemini' | 'xai' | 'factory' | 'azure'} Provider
 * @typedef {{ total: number } & Record<KeyStatus, number>} KeyCounts
 * @typedef {{ model: string, untilMs: number }} Rest a cool-down; model `*` is all of them
 *
 * @typedef {object} KeyWork
 * @property {number} requests
 * @property {number} successes
 * @property {number} failures
 * @property {number} inFlight
 * @property {number} usedTokens
 * @property {number | null} lastUsedMs
 * @property {readonly Rest[]} rests
 *
 * @typedef {object} Source
 * @property {'environment' | 'file' | 'stored' | 'oauth' | 'auth-file' | 'client'} name
 * @property {'ok' | 'empty' | 'off' | 'failing'} state
 * @property {string} detail
 * @property {KeyCounts} counts
 *
 * @typedef {'round-robin' | 'random' | 'least-used' | 'weighted-score' | 'least-token-used' | 'max-remaining'} AlgorithmName
 */

/** @type {readonly KeyStatus[]} */
export const keyStatuses = ['active', 'resting', 'disabled', 'banned'];

/** Those that a key can be given. */
export const providers = /** @type {const} */ (['openai', 'anthropic', 'gemini', 'xai', 'factory']);

/** @type {ReadonlyMap<string, string>} */
const names = new Map([
  ['openai', 'OpenAI'],
  ['anthropic', 'Anthropic'],
  ['gemini', 'Gemini'],
  ['xai', 'xAI'],
  ['factory', 'Factory'],
  ['azure', 'Azure'],
]);

/** @param {string} provider */
export function providerName(provider) {
  return names.get(provider) ?? provider;
}
