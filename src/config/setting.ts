import { Secret } from '../base/secret.ts';
import { ENCRYPTION_KEY_EXPECTED, parseEncryptionKeys } from './encryption-key.ts';

/** One environment variable: its name, what it may be, and the words `docs/configuration.md` prints about it. */
export interface Setting<T> {
  /** Names read, first one that is set wins. */
  readonly names: readonly [string, ...string[]];
  /** What may stand there, in words: `an integer from 1 to 65535`. */
  readonly expected: string;
  /** The default as it is documented. */
  readonly shownDefault: string;
  readonly unit?: string;
  readonly meaning: string;
  readonly meaningZh: string;
  readonly group: 'server' | 'store' | 'access' | 'forwarding' | 'upstream' | 'pool' | 'logs';
  readonly secret: boolean;
  /** The value, or `undefined` where the text is not acceptable. */
  readonly parse: (text: string) => T | undefined;
  readonly fallback: T;
}

export type Words = Pick<Setting<unknown>, 'meaning' | 'meaningZh' | 'group'> & { unit?: string };
export type Names = readonly [string, ...string[]];

export function integer(
  names: Names,
  range: { min: number; max: number; fallback: number },
  words: Words,
): Setting<number> {
  const { min, max, fallback } = range;
  return {
    ...words,
    names,
    expected: `an integer from ${min} to ${max}`,
    shownDefault: String(fallback),
    secret: false,
    fallback,
    parse: text => {
      const value = Number(text);
      return /^\d+$/.test(text) && value >= min && value <= max ? value : undefined;
    },
  };
}

export function flag(names: Names, fallback: boolean, words: Words): Setting<boolean> {
  return {
    ...words,
    names,
    expected: '`true` or `false`',
    shownDefault: String(fallback),
    secret: false,
    fallback,
    parse: text => {
      if (/^(true|1|yes|on)$/i.test(text)) return true;
      return /^(false|0|no|off)$/i.test(text) ? false : undefined;
    },
  };
}

export function choice<const T extends string>(
  names: Names,
  allowed: { values: readonly T[]; fallback: T },
  words: Words,
): Setting<T> {
  return {
    ...words,
    names,
    expected: `one of ${allowed.values.map(value => `\`${value}\``).join(', ')}`,
    shownDefault: allowed.fallback,
    secret: false,
    fallback: allowed.fallback,
    parse: text => allowed.values.find(value => value === text.toLowerCase()),
  };
}

export function text(
  names: Names,
  shape: { expected: string; fallback: string; pattern?: RegExp },
  words: Words,
): Setting<string> {
  return {
    ...words,
    names,
    expected: shape.expected,
    shownDefault: shape.fallback,
    secret: false,
    fallback: shape.fallback,
    parse: value => (shape.pattern === undefined || shape.pattern.test(value) ? value : undefined),
  };
}

export function secret(names: Names, shownDefault: string, words: Words): Setting<Secret | undefined> {
  return {
    ...words,
    names,
    expected: 'printable ASCII without spaces',
    shownDefault,
    secret: true,
    fallback: undefined,
    parse: value => (/^[\x21-\x7e]+$/.test(value) ? new Secret(value) : undefined),
  };
}

/** Keys as `parseEncryptionKeys` reads them. */
export function encryptionKeys(
  names: Names,
  shownDefault: string,
  words: Words,
): Setting<Secret | undefined> {
  return {
    ...secret(names, shownDefault, words),
    expected: ENCRYPTION_KEY_EXPECTED,
    parse: value => (parseEncryptionKeys(value) === undefined ? undefined : new Secret(value)),
  };
}

export function address(names: Names, schemes: readonly string[], words: Words): Setting<Secret | undefined> {
  return {
    ...words,
    names,
    expected: `a URL that starts with ${schemes.map(scheme => `\`${scheme}//\``).join(' or ')}`,
    shownDefault: '',
    secret: true,
    fallback: undefined,
    parse: value =>
      URL.canParse(value) && schemes.includes(new URL(value).protocol) ? new Secret(value) : undefined,
  };
}

/** Prefixes, comma separated; every one begins with a slash. */
export function prefixList(names: Names, words: Words): Setting<ReadonlySet<string>> {
  return {
    ...words,
    names,
    expected: 'prefixes, comma separated: `/internal,/lab`',
    shownDefault: '',
    secret: false,
    fallback: new Set(),
    parse: value => {
      const parts = value.split(',').map(part => part.trim());
      return parts.every(part => /^\/[^\s,]+$/.test(part)) ? new Set(parts) : undefined;
    },
  };
}

/** Names without spaces, comma separated, each once. */
export function nameList(names: Names, words: Words): Setting<readonly string[]> {
  return {
    ...words,
    names,
    expected: 'names, comma separated',
    shownDefault: '',
    secret: false,
    fallback: [],
    parse: value => {
      const parts = value.split(',').map(part => part.trim());
      return parts.every(part => /^\S+$/.test(part)) ? [...new Set(parts)] : undefined;
    },
  };
}

/** `prefix=file` pairs, comma separated. */
export function prefixFiles(names: Names, words: Words): Setting<ReadonlyMap<string, string>> {
  return {
    ...words,
    names,
    expected: 'pairs, comma separated: `/internal=/etc/ssl/internal-ca.pem`',
    shownDefault: '',
    secret: false,
    fallback: new Map(),
    parse: value => {
      const pairs = value.split(',').map(part => part.trim().match(/^(\/[^\s,=]+)=(.+)$/));
      if (pairs.some(pair => pair === null)) return undefined;
      return new Map(pairs.map(pair => [pair![1]!, pair![2]!]));
    },
  };
}

/** Secrets separated by `;` or `,`. */
export function secretList(names: Names, words: Words): Setting<readonly Secret[]> {
  return {
    ...words,
    names,
    expected: 'keys, separated by `;` or `,`',
    shownDefault: '',
    secret: true,
    fallback: [],
    parse: value => {
      const parts = value.split(/[;,]/).map(part => part.trim());
      const keys = parts.filter(part => part !== '');
      return keys.every(key => /^[\x21-\x7e]+$/.test(key)) ? keys.map(key => new Secret(key)) : undefined;
    },
  };
}

/** The same setting, `undefined` where nobody set it: another source may then decide. */
export function optional<T>(setting: Setting<T>): Setting<T | undefined> {
  return { ...setting, fallback: undefined };
}
