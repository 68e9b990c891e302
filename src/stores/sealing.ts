import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { AppError } from '../base/errors.ts';

/** AES-256-GCM (NIST SP 800-38D): 96-bit nonce, 128-bit tag. */
const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const NONCES_DRAWN = 512;
/** `v1:<key id>:<base64url of nonce, ciphertext and tag>`. */
const SEALED = /^v1:([A-Za-z0-9_-]{8}):([A-Za-z0-9_-]+)$/;
/** Of an empty text: `v1:`, 8 characters of key id, `:`, nonce and tag in base64url. */
const SHORTEST_SEALED = 12 + Math.ceil(((NONCE_BYTES + TAG_BYTES) * 4) / 3);

/** Encrypts small texts for the store. */
export interface Sealer {
  /**
   * Encrypts a text under the current key.
   *
   * @param id of the record that holds it: moved to another record, the text does not open
   * @throws AppError `ERR_ENCRYPTION_KEY` when there is no key
   */
  seal(id: string, text: string): string;

  /**
   * The text that was sealed for this record, under the current key or a previous one.
   *
   * @throws AppError `ERR_ENCRYPTION_KEY` (sealed under a key that is not given), `ERR_SEALED` (damaged, or of another record)
   */
  open(id: string, sealed: string): string;

  /**
   * Keyed hash that is equal for equal texts, and says nothing about them to whoever lacks the key. It depends on the
   * current encryption key, so a rotation computes it anew.
   *
   * @throws AppError `ERR_ENCRYPTION_KEY` when there is no key
   */
  fingerprint(text: string): string;

  /** The text's fingerprints under the previous keys; empty unless a rotation is under way. See `NewKey`. */
  otherFingerprints(text: string): string[];

  /** Whether a sealed text is under the current key. */
  isCurrent(sealed: string): boolean;

  /**
   * Whether a sealed text looks whole and is under a key that is given. Cheap: it does not decrypt, so opening it may still
   * show that it is damaged.
   */
  knows(sealed: string): boolean;
}

/** A sealer that may learn further keys while it is in use. */
export interface KeyRing extends Sealer {
  /**
   * From now on `keys.current` seals. What opened before still does: no key is forgotten, for something may lie in memory
   * that is sealed under it.
   *
   * @returns whether that is another current key, or one was not known
   */
  adopt(keys: SealingKeys): boolean;
}

/** 32 bytes each; the previous ones only open. */
export interface SealingKeys {
  readonly current: Buffer;
  readonly previous?: readonly Buffer[];
}

export function createSealer(keys: SealingKeys): Sealer {
  return createKeyRing(keys);
}

export function createKeyRing(keys: SealingKeys): KeyRing {
  let current = derive(keys.current);
  let previous: readonly DerivedKeys[] = [];
  const byId = new Map<string, DerivedKeys>();

  function adopt(adopted: SealingKeys): boolean {
    const before = { id: current.id, size: byId.size };
    current = derive(adopted.current);
    for (const key of [...(adopted.previous ?? []).map(derive), current]) byId.set(key.id, key);
    previous = [...byId.values()].filter(({ id }) => id !== current.id);
    return current.id !== before.id || byId.size > before.size;
  }

  adopt(keys);
  return {
    seal(id, text) {
      const nonce = nextNonce();
      const cipher = createCipheriv(ALGORITHM, current.sealing, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(Buffer.from(id, 'utf8'));
      const body = [nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()];
      return `v1:${current.id}:${Buffer.concat(body).toString('base64url')}`;
    },

    open(id, sealed) {
      const [, keyId = '', body = ''] = SEALED.exec(sealed) ?? [];
      if (keyId === '') throw damaged(id);
      const key = byId.get(keyId);
      if (key === undefined) {
        throw new AppError(
          'ERR_ENCRYPTION_KEY',
          `Expected \`ENCRYPTION_KEY\` to be the key that \`${id}\` was sealed under, got another one`,
        );
      }
      const bytes = Buffer.from(body, 'base64url');
      if (bytes.length < NONCE_BYTES + TAG_BYTES) throw damaged(id);
      const nonce = bytes.subarray(0, NONCE_BYTES);
      const decipher = createDecipheriv(ALGORITHM, key.sealing, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(Buffer.from(id, 'utf8'));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      // GCM is a stream: all comes from `update`, and `final` only checks the tag.
      const text = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
      try {
        decipher.final();
      } catch (error) {
        throw damaged(id, error);
      }
      return text.toString('utf8');
    },

    fingerprint: text => fingerprintUnder(current, text),
    otherFingerprints: text => previous.map(key => fingerprintUnder(key, text)),
    isCurrent: sealed => sealed.startsWith(`v1:${current.id}:`),
    knows: sealed =>
      sealed.length >= SHORTEST_SEALED && sealed.startsWith('v1:') && byId.has(sealed.slice(3, 11)),
    adopt,
  };
}

/** What stands where no encryption key is set: the pool cannot be used, and says how to mend it. */
export const lockedSealer: Sealer = {
  seal: refuse,
  open: refuse,
  fingerprint: refuse,
  otherFingerprints: refuse,
  isCurrent: () => false,
  knows: () => false,
};

function refuse(): never {
  throw new AppError(
    'ERR_ENCRYPTION_KEY',
    'Expected `ENCRYPTION_KEY` to be set (32 bytes as hex or base64, the same at every instance): stored secrets need it',
  );
}

/** Random bytes for nonces, drawn for many at a time: each draw costs as much as sealing does. */
let nonces = Buffer.alloc(0);

/** 12 bytes that are given out once. */
function nextNonce(): Buffer {
  if (nonces.length === 0) nonces = randomBytes(NONCE_BYTES * NONCES_DRAWN);
  const nonce = nonces.subarray(0, NONCE_BYTES);
  nonces = nonces.subarray(NONCE_BYTES);
  return nonce;
}

interface DerivedKeys {
  /** Tells keys apart in sealed texts; says nothing about the key. */
  readonly id: string;
  readonly sealing: Buffer;
  readonly fingerprinting: Buffer;
}

/** One purpose, one key (HKDF, RFC 5869): fingerprints and ids give nothing away of what seals. */
function derive(key: Buffer): DerivedKeys {
  const forPurpose = (purpose: string, bytes: number) =>
    Buffer.from(hkdfSync('sha256', key, '', `switchyard ${purpose}`, bytes));
  return {
    id: forPurpose('key id', 6).toString('base64url'),
    sealing: forPurpose('sealing', 32),
    fingerprinting: forPurpose('fingerprint', 32),
  };
}

function fingerprintUnder({ fingerprinting }: DerivedKeys, text: string): string {
  return createHmac('sha256', fingerprinting).update(text, 'utf8').digest('base64url');
}

function damaged(id: string, cause?: unknown): AppError {
  return new AppError(
    'ERR_SEALED',
    `Expected the sealed text of \`${id}\` to be as it was written, got a damaged one or that of another record`,
    { cause },
  );
}
