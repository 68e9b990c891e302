// @ts-check

/**
 * One setting of the pool.
 *
 * @typedef {object} SettingField
 * @property {string} name dotted, as the server says it
 * @property {'choice' | 'flag' | 'integer'} kind
 * @property {number} [least] of an integer
 * @property {number} [most] of an integer
 * @property {'ms'} [unit]
 * @property {string} [needs] a flag without which this one does nothing
 *
 * @typedef {{ id: string, fields: readonly SettingField[] }} SettingGroup
 */

const DAY_MS = 86_400_000;

/** @type {readonly import('../../pool/types.js').AlgorithmName[]} */
export const algorithms = [
  'round-robin',
  'random',
  'least-used',
  'weighted-score',
  'least-token-used',
  'max-remaining',
];

/** The ranges are the server's. @type {readonly SettingGroup[]} */
export const settingGroups = [
  { id: 'choice', fields: [{ name: 'algorithm', kind: 'choice' }] },
  {
    id: 'tiers',
    fields: [
      { name: 'multiTier.enabled', kind: 'flag' },
      { name: 'multiTier.autoFallback', kind: 'flag', needs: 'multiTier.enabled' },
      { name: 'multiTier.strictMode', kind: 'flag', needs: 'multiTier.enabled' },
    ],
  },
  {
    id: 'retry',
    fields: [
      { name: 'retry.enabled', kind: 'flag' },
      { name: 'retry.max', kind: 'integer', least: 0, most: 20, needs: 'retry.enabled' },
      { name: 'retry.delayMs', kind: 'integer', least: 0, most: 60_000, unit: 'ms', needs: 'retry.enabled' },
    ],
  },
  {
    id: 'ban',
    fields: [
      { name: 'autoBan.enabled', kind: 'flag' },
      { name: 'autoBan.threshold', kind: 'integer', least: 1, most: 1000, needs: 'autoBan.enabled' },
      { name: 'autoBan.ban_401', kind: 'flag', needs: 'autoBan.enabled' },
      { name: 'autoBan.ban_402', kind: 'flag', needs: 'autoBan.enabled' },
    ],
  },
  {
    id: 'recovery',
    fields: [
      { name: 'recovery.enabled', kind: 'flag' },
      {
        name: 'recovery.intervalMs',
        kind: 'integer',
        least: 1000,
        most: 30 * DAY_MS,
        unit: 'ms',
        needs: 'recovery.enabled',
      },
      {
        name: 'recovery.maxIntervalMs',
        kind: 'integer',
        least: 1000,
        most: 365 * DAY_MS,
        unit: 'ms',
        needs: 'recovery.enabled',
      },
    ],
  },
  {
    id: 'limits',
    fields: [
      { name: 'concurrentLimit', kind: 'integer', least: 1, most: 100_000 },
      { name: 'requestTimeoutMs', kind: 'integer', least: 100, most: 600_000, unit: 'ms' },
    ],
  },
  {
    id: 'circuit',
    fields: [
      { name: 'circuit.threshold', kind: 'integer', least: 1, most: 1000 },
      { name: 'circuit.openMs', kind: 'integer', least: 100, most: DAY_MS, unit: 'ms' },
    ],
  },
  { id: 'warning', fields: [{ name: 'dryThreshold', kind: 'integer', least: 0, most: 1_000_000 }] },
];

/** @type {readonly SettingField[]} */
export const settingFields = settingGroups.flatMap(({ fields }) => fields);

/**
 * The value of a setting.
 *
 * @param {object} config
 * @param {string} name dotted
 * @returns {any}
 */
export function valueAt(config, name) {
  /** @type {any} */
  let value = config;
  for (const part of name.split('.')) value = value?.[part];
  return value;
}

/**
 * What was typed, as the value that the server takes.
 *
 * @param {SettingField} field
 * @param {unknown} typed a text for an integer
 * @returns {unknown} `undefined` where it is none
 */
export function parsedValue(field, typed) {
  if (field.kind !== 'integer') return typed;
  const text = String(typed).replace(/[\s,_]/g, '');
  const value = Number(text);
  const fits = /^\d+$/.test(text) && value >= (field.least ?? 0) && value <= (field.most ?? 0);
  return fits ? value : undefined;
}

/**
 * The body of a request that changes settings.
 *
 * @param {ReadonlyMap<string, unknown>} values by dotted name; `null` takes the console's value back
 * @returns {Record<string, any>}
 */
export function changeOf(values) {
  /** @type {Record<string, any>} */
  const change = {};
  for (const [name, value] of values) {
    const [member = '', inner] = name.split('.');
    if (inner === undefined) change[member] = value;
    else change[member] = { ...change[member], [inner]: value };
  }
  return change;
}
