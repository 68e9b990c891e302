/** Keys of 32 bytes that secrets at rest are encrypted under. */
export interface EncryptionKeys {
  /** Seals. */
  readonly current: Buffer;
  /** Open what was sealed before, or elsewhere, while a rotation is under way. */
  readonly previous: readonly Buffer[];
}

const HEX = /^[0-9a-f]{64}$/i;
/** Base64 of 32 bytes, in either alphabet, with or without padding. */
const BASE64 = /^[A-Za-z0-9+/_-]{43}=?$/;

/** What a text of keys may be, in words. */
export const ENCRYPTION_KEY_EXPECTED =
  '32 bytes as 64 hex digits or base64; while keys are rotated the new one and the old one, comma separated';

/**
 * Reads a key, or several separated by commas: the first seals, the others only open.
 *
 * @returns `undefined` where the text is no such list
 */
export function parseEncryptionKeys(text: string): EncryptionKeys | undefined {
  const keys = text.split(',').map(part => parseKey(part.trim()));
  const [current, ...previous] = keys.filter(key => key !== undefined);
  return current === undefined || previous.length + 1 < keys.length ? undefined : { current, previous };
}

function parseKey(text: string): Buffer | undefined {
  if (HEX.test(text)) return Buffer.from(text, 'hex');
  return BASE64.test(text) ? Buffer.from(text, 'base64') : undefined;
}
