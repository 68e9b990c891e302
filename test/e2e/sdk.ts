import { createHash } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import { fieldValues, type RawHead } from '../support/raw-message.ts';
import type { Tap, TappedRequest } from '../support/tap.ts';

const ONE_CONNECTION = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
  ...['host', 'via'],
]);

/** What a request carries from end to end, the random parts that SDKs put into it made equal. */
function carried({ head, body }: TappedRequest) {
  const boundary = /boundary=([^\s;]+)/.exec(fieldValues(head.fields, 'content-type')[0] ?? '')?.[1];
  const plain = (text: string) => (boundary === undefined ? text : text.replaceAll(boundary, 'BOUNDARY'));
  const upgraded = fieldValues(head.fields, 'upgrade').length > 0;
  return {
    startLine: head.startLine,
    fields: endToEndLines(head).map(line => plain(line).replace(/^(sec-websocket-key: ).*/i, '$1KEY')),
    body: upgraded ? frames(body.data) : summary(plain(body.data.toString('latin1'))),
    // A WebSocket ends with its own close frame, not with the connection's.
    complete: upgraded || body.complete,
  };
}

/** A long body as its length and digest, so that a difference stays readable. */
function summary(text: string): string {
  if (text.length <= 2000) return text;
  return `${text.length} ${createHash('sha256').update(text, 'latin1').digest('hex')}`;
}

/** WebSocket frames of a client, their masks taken off (RFC 6455 §5.2): first byte and payload of each. */
function frames(bytes: Buffer): string[] {
  const found: string[] = [];
  let at = 0;
  while (at + 2 <= bytes.length) {
    const first = bytes[at]!;
    let length = bytes[at + 1]! & 0x7f;
    at += 2;
    if (length === 126) {
      length = bytes.readUInt16BE(at);
      at += 2;
    } else if (length === 127) {
      length = Number(bytes.readBigUInt64BE(at));
      at += 8;
    }
    const mask = bytes.subarray(at, at + 4);
    at += 4;
    const payload = bytes.subarray(at, at + length).map((byte, index) => byte ^ mask[index % 4]!);
    found.push(`${first} ${Buffer.from(payload).toString('latin1')}`);
    at += length;
  }
  return found;
}

function endToEndLines({ fields }: RawHead): string[] {
  return fields
    .filter(([name]) => !ONE_CONNECTION.has(name.toLowerCase()))
    .map(([name, value]) => `${name}: ${value}`);
}

const MADE_UP_ID =
  /\b(msg|file|resp|rs|item|event|evt|call|fc|sess|conv|chatcmpl|toolu|req|aimock)[-_][\w-]{8,40}/g;

/**
 * A value with the ids that a mock makes up replaced by `<kind>-1`, `<kind>-2` … in the order of their first appearance,
 * so that two runs are equal when they mean the same.
 */
export function canonical(value: unknown): unknown {
  const known = new Map<string, string>();
  const text = JSON.stringify(value, (key, member) =>
    /^(created|created_at|expires_at|date|createTime)$/.test(key) ? 0 : member,
  ).replace(MADE_UP_ID, (id, kind: string) => {
    const name = known.get(id) ?? `${kind}-${known.size + 1}`;
    known.set(id, name);
    return name;
  });
  return JSON.parse(text);
}

/** Fields of an answer that a client may rely on: without those of the connection, and the date. */
export function answerFields(headers: Headers): Record<string, string> {
  const own = new Set([...ONE_CONNECTION, 'date', 'x-accel-buffering']);
  return Object.fromEntries([...headers].filter(([name]) => !own.has(name)));
}

/**
 * Plays a scenario once straight to the vendor and once through the proxy: what the SDK gives must be equal, and so must
 * what the vendor received.
 *
 * @param play gets the base address of the vendor or of the mapped prefix
 */
export async function sameAsDirect(
  t: ExecutionContext,
  { tap, proxied }: { tap: Tap; proxied: string },
  play: (address: string) => Promise<unknown>,
): Promise<void> {
  await tap.take();
  const direct = canonical(await play(tap.url));
  const directRequests = canonical((await tap.take()).map(carried));
  const through = canonical(await play(proxied));
  const throughRequests = canonical((await tap.take()).map(carried));
  t.notDeepEqual(directRequests, []);
  t.deepEqual(through, direct);
  t.deepEqual(throughRequests, directRequests);
}

/** All that an iterable gives, in order. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
