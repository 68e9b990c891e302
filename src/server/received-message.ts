import { IncomingMessage } from 'node:http';

type Headers = IncomingMessage['headers'];

const { get: nodesHeaders } = Object.getOwnPropertyDescriptor(IncomingMessage.prototype, 'headers')!;

/** Names are the clients' texts: no more than so many, and none that is longer, are remembered. */
const MOST_NAMES = 500;
const LONGEST_REMEMBERED = 64;
/** Field name as it came → in lower case. */
const lowerNames = new Map<string, string>();

/**
 * A request whose `headers` are those that Node makes, sooner: Node lower-cases every name of every request anew, which
 * costs more than all that we do with a request's head. Where a name comes twice, Node's own rules are asked.
 */
export class ReceivedMessage extends IncomingMessage {
  #headers: Headers | undefined;

  readHeaders(): Headers {
    this.#headers ??= distinctHeaders(this.rawHeaders) ?? (nodesHeaders!.call(this) as Headers);
    return this.#headers;
  }

  writeHeaders(headers: Headers): void {
    this.#headers = headers;
  }
}

Object.defineProperty(ReceivedMessage.prototype, 'headers', {
  configurable: true,
  get(this: ReceivedMessage) {
    return this.readHeaders();
  },
  set(this: ReceivedMessage, headers: Headers) {
    this.writeHeaders(headers);
  },
});

/** @returns `undefined` where a name comes twice, is one of `Object.prototype`, or has a list */
function distinctHeaders(raw: readonly string[]): Headers | undefined {
  const headers: Record<string, string> = {};
  for (let index = 0; index < raw.length; index += 2) {
    const name = lowerName(raw[index]!);
    if (headers[name] !== undefined || name === 'set-cookie') return undefined;
    headers[name] = raw[index + 1]!;
  }
  return headers;
}

function lowerName(name: string): string {
  const known = lowerNames.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  if (lowerNames.size < MOST_NAMES && name.length <= LONGEST_REMEMBERED) lowerNames.set(name, lower);
  return lower;
}
