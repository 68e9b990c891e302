import { SESSION_COOKIE } from '../domain/access/session.ts';

/**
 * Fields that concern one connection only and never travel on (RFC 9110 §7.6.1, and the ones that predate it). The one
 * table for both directions.
 */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** The field that carries `PROXY_ACCESS_KEY`; it is for us alone. */
export const ACCESS_KEY_FIELD = 'x-switchyard-key';

/**
 * The console's session, which an admin's browser sends with every request to our origin: an upstream that got it could
 * use our admin API. It stays here; other cookies go on as they came.
 */
const SESSION_PAIR = new RegExp(`(?:^|;)\\s*${SESSION_COOKIE}=[^;]*`, 'g');

/**
 * Lengths of the names that a request head must be looked at for, as bits: lower-casing every name of every request
 * costs more than all other work on it.
 */
const SPECIAL_LENGTHS = bitsOf([...HOP_BY_HOP, 'host', 'expect', 'cookie', ACCESS_KEY_FIELD]);
const HOP_BY_HOP_LENGTHS = bitsOf(HOP_BY_HOP);

function bitsOf(names: Iterable<string>): number {
  let bits = 0;
  for (const name of names) bits |= 1 << name.length;
  return bits;
}

/** Whether a name of this length may be one of those that `bits` was made of. */
function mayBe(bits: number, length: number): boolean {
  return length < 32 && (bits & (1 << length)) !== 0;
}

/** Fields that `Connection` must not name away: framing, routing, and what we answer for (RFC 9110 §7.6.1). */
const NOT_NOMINABLE: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'content-type',
  'content-encoding',
  'cache-control',
  'authorization',
  'cookie',
  'set-cookie',
  'date',
  'via',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
]);

const CLIENT_ADDRESS: ReadonlySet<string> = new Set([
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-forwarded-server',
  'x-real-ip',
]);

export type ForwardedPolicy = 'pass' | 'append' | 'strip';

/** Names of fields that stay here, ready for a quick look. */
export interface WithheldFields {
  /** In lower case. */
  readonly names: ReadonlySet<string>;
  readonly lengths: number;
}

/** @param names in lower case */
export function withheldFields(names: Iterable<string>): WithheldFields {
  const set = new Set(names);
  return { names: set, lengths: bitsOf(set) };
}

export interface RequestHeadOptions {
  /** `Host` of the target. */
  readonly authority: string;
  /** `1.1 <pseudonym>`, or `undefined` with `VIA=off`. */
  readonly via: string | undefined;
  readonly forwarded: ForwardedPolicy;
  /** For `FORWARDED=append`. */
  readonly client:
    | { readonly address: string; readonly host: string; readonly scheme: 'http' | 'https' }
    | undefined;
  readonly body: 'none' | 'length' | 'chunked';
  /** Protocol the client wants to switch to, as it wrote it; `Upgrade` goes on only then. */
  readonly upgrade: string | undefined;
  /** Client awaits 100 from the upstream itself. */
  readonly expectContinue: boolean;
  /** Fields that stay here: the client's credentials where a pool key takes their place. */
  readonly withheld?: WithheldFields;
  /** Fields to add, a flat list. */
  readonly added?: readonly string[];
}

/**
 * The fields of a forwarded request: as they came, in order, case and number, but for hop-by-hop fields, `Host`, and the
 * `Via` that is added.
 *
 * @param raw flat list as in `IncomingMessage.rawHeaders`
 * @returns flat list
 */
export function requestFields(raw: readonly string[], options: RequestHeadOptions): string[] {
  const nominated = nominatedBy(raw);
  const rare = nominated !== undefined || options.forwarded === 'strip';
  const lengths = SPECIAL_LENGTHS | (options.withheld?.lengths ?? 0);
  const fields: string[] = [];
  let hostWritten = false;
  let trailersWanted = false;
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]!;
    const value = raw[index + 1]!;
    if (!rare && !mayBe(lengths, name.length)) {
      fields.push(name, value);
      continue;
    }
    const lower = name.toLowerCase();
    switch (lower) {
      case 'host':
        if (!hostWritten) fields.push(name, options.authority);
        hostWritten = true;
        continue;
      case 'transfer-encoding':
        if (options.body === 'chunked') fields.push(name, 'chunked');
        continue;
      case 'trailer':
        // Trailer without chunked framing announces what cannot come (RFC 9110 §6.6.2).
        if (options.body === 'chunked') fields.push(name, value);
        continue;
      case 'te':
        if (/(?:^|,)\s*trailers\s*(?:,|$)/i.test(value)) trailersWanted = true;
        continue;
      case 'expect':
        if (options.expectContinue) fields.push(name, value);
        continue;
      case ACCESS_KEY_FIELD:
        continue;
      case 'cookie':
        if (value.includes(SESSION_COOKIE)) {
          const others = value.replace(SESSION_PAIR, '').replace(/^[;\s]+/, '');
          if (others !== '') fields.push(name, others);
          continue;
        }
        break;
    }
    if (HOP_BY_HOP.has(lower)) continue;
    if (nominated?.has(lower) === true) continue;
    if (options.forwarded === 'strip' && CLIENT_ADDRESS.has(lower)) continue;
    if (options.withheld?.names.has(lower) === true) continue;
    fields.push(name, value);
  }
  if (options.added !== undefined) fields.push(...options.added);
  if (!hostWritten) fields.unshift('Host', options.authority);
  // A sender of TE, or of Upgrade, names it in Connection too (RFC 9110 §10.1.4, §7.8).
  if (options.upgrade !== undefined) fields.push('Connection', 'Upgrade', 'Upgrade', options.upgrade);
  else if (trailersWanted) fields.push('TE', 'trailers', 'Connection', 'TE');
  if (options.forwarded === 'append' && options.client !== undefined) appendClient(fields, options.client);
  if (options.via !== undefined) fields.push('Via', options.via);
  return fields;
}

/**
 * The fields of a relayed answer: as they came but for hop-by-hop fields.
 *
 * @param keepTrailerField whether the answer will be sent in chunks, so that an announced trailer can come
 * @param upgrade protocol of a 101, which keeps `Connection` and `Upgrade`
 */
export function responseFields(raw: readonly string[], keepTrailerField: boolean, upgrade = false): string[] {
  const nominated = nominatedBy(raw);
  const fields: string[] = [];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]!;
    if (nominated === undefined && !mayBe(HOP_BY_HOP_LENGTHS, name.length)) {
      fields.push(name, raw[index + 1]!);
      continue;
    }
    const lower = name.toLowerCase();
    if (upgrade && lower === 'upgrade') fields.push('Connection', 'Upgrade', name, raw[index + 1]!);
    else if (lower === 'trailer' && keepTrailerField) fields.push(name, raw[index + 1]!);
    if (HOP_BY_HOP.has(lower)) continue;
    if (nominated?.has(lower) === true) continue;
    fields.push(name, raw[index + 1]!);
  }
  return fields;
}

/** Trailers that may travel on: framing, routing and hop-by-hop fields may not (RFC 9110 §6.5.1). */
export function trailerFields(raw: readonly string[]): string[] {
  const fields: string[] = [];
  for (let index = 0; index < raw.length; index += 2) {
    const lower = raw[index]!.toLowerCase();
    if (!HOP_BY_HOP.has(lower) && !NOT_NOMINABLE.has(lower)) fields.push(raw[index]!, raw[index + 1]!);
  }
  return fields;
}

/** First value of a field, or `undefined`. @param lowerName in lower case */
export function fieldValue(raw: readonly string[], lowerName: string): string | undefined {
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]!;
    if (name.length === lowerName.length && name.toLowerCase() === lowerName) return raw[index + 1];
  }
  return undefined;
}

/** Whether our own `Via` pseudonym is in the request already: it has come round to us (RFC 9110 §7.6.3). */
export function cameThroughUs(raw: readonly string[], via: string): boolean {
  const pseudonym = via.slice(via.indexOf(' ') + 1);
  for (let index = 0; index < raw.length; index += 2) {
    if (raw[index]!.length !== 3 || raw[index]!.toLowerCase() !== 'via') continue;
    for (const member of raw[index + 1]!.split(',')) {
      if (member.trim().split(/\s+/)[1] === pseudonym) return true;
    }
  }
  return false;
}

/** Names that `Connection` nominates for removal; `undefined` for the usual one that names none. */
function nominatedBy(raw: readonly string[]): ReadonlySet<string> | undefined {
  let names: Set<string> | undefined;
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]!;
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue;
    const value = raw[index + 1]!;
    if (value === 'keep-alive' || value === 'close') continue;
    for (const token of value.toLowerCase().split(',')) {
      const nominated = token.trim();
      if (nominated === '' || NOT_NOMINABLE.has(nominated)) continue;
      names ??= new Set();
      names.add(nominated);
    }
  }
  return names;
}

function appendClient(fields: string[], client: NonNullable<RequestHeadOptions['client']>): void {
  appendTo(fields, 'X-Forwarded-For', client.address);
  appendTo(fields, 'X-Forwarded-Proto', client.scheme);
  appendTo(fields, 'X-Forwarded-Host', client.host);
}

/** Adds a member to the last field of that name, or the field. */
function appendTo(fields: string[], name: string, value: string): void {
  for (let index = fields.length - 2; index >= 0; index -= 2) {
    if (fields[index]!.toLowerCase() === name.toLowerCase()) {
      fields[index + 1] = `${fields[index + 1]}, ${value}`;
      return;
    }
  }
  fields.push(name, value);
}
