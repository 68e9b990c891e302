import http from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import test from 'ava';
import fc from 'fast-check';
import { ProtocolError } from '../../src/wire/protocol-error.ts';
import { parseResponseHead as parseBytes } from '../../src/wire/response-head.ts';

const parseResponseHead = (text: string, method: string) => parseBytes(Buffer.from(text, 'latin1'), method);

const refused: [string, string][] = [
  ['HTTP/2 200 OK', 'another major version'],
  ['HTTP/1.2 200 OK', 'another minor version'],
  ['XTTP/1.1 200 OK', 'another protocol'],
  ['HTTP/1.1 20 OK', 'a status of two digits'],
  ['HTTP/1.1 2000 OK', 'a status of four digits'],
  ['HTTP/1.1 099 OK', 'a status below 100'],
  ['HTTP/1.1 20a OK', 'a letter in the status'],
  ['HTTP/1.1 200OK', 'no space behind the status'],
  ['HTTP/1.1  200 OK', 'two spaces before the status'],
  ['HTTP/1.1', 'no status'],
  ['HTTP/1.1 200 OK\r\nX A: b', 'a space in a field name'],
  ['HTTP/1.1 200 OK\r\nContent-Length : 2', 'a space before the colon'],
  ['HTTP/1.1 200 OK\r\n folded: x', 'a folded line'],
  ['HTTP/1.1 200 OK\r\nX: a\x01b', 'a control character'],
  ['HTTP/1.1 200 OK\r\nX: a\rb', 'a bare CR'],
  ['HTTP/1.1 200 OK\nX: a', 'a bare LF'],
  ['HTTP/1.1 200 OK\r\nX: a\0', 'a NUL'],
  ['HTTP/1.1 200 OK\r\nnocolon', 'a line without a colon'],
  ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3', 'two lengths that differ'],
  ['HTTP/1.1 200 OK\r\nContent-Length: 2, 2', 'a list of lengths'],
  ['HTTP/1.1 200 OK\r\nContent-Length: +2', 'a signed length'],
  ['HTTP/1.1 200 OK\r\nContent-Length: ', 'an empty length'],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked', 'a transfer coding that we do not know'],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked', 'chunked twice'],
  ['HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked', 'chunked in HTTP/1.0'],
];
for (const [text, what] of refused) {
  test(`a response head with ${what} is refused`, t => {
    t.throws(() => parseResponseHead(text, 'GET'), { instanceOf: ProtocolError });
  });
}

test('framing follows RFC 9112 §6.3', t => {
  const framing = (head: string, method = 'GET') => parseResponseHead(`HTTP/1.1 ${head}`, method).framing;
  t.is(framing('200 OK\r\nContent-Length: 5'), 'length');
  t.is(framing('200 OK\r\nTransfer-Encoding: Chunked'), 'chunked');
  t.is(framing('200 OK'), 'close');
  t.is(framing('204 No Content\r\nContent-Length: 5'), 'none');
  t.is(framing('304 Not Modified\r\nContent-Length: 5'), 'none');
  t.is(framing('200 OK\r\nContent-Length: 5', 'HEAD'), 'none');
});

test('a length beside chunked is dropped and the connection does not serve again', t => {
  const head = parseResponseHead('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked', 'GET');
  t.is(head.framing, 'chunked');
  t.false(head.persistent);
  t.deepEqual(head.headers, ['Transfer-Encoding', 'chunked']);
});

test('Connection and the version say whether a connection serves again', t => {
  const persistent = (text: string) => parseResponseHead(text, 'GET').persistent;
  t.true(persistent('HTTP/1.1 200 OK\r\nContent-Length: 0'));
  t.false(persistent('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x, Close'));
  t.false(persistent('HTTP/1.0 200 OK\r\nContent-Length: 0'));
  t.true(persistent('HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive'));
  t.is(parseResponseHead('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=7, max=3', 'GET').keepAliveMs, 7000);
});

/** What Node's own parser makes of the same bytes. */
function nodeParses(
  bytes: Buffer,
): Promise<{ status: number; reason: string; headers: string[] } | undefined> {
  return new Promise(resolve => {
    const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    const request = http.request({ createConnection: () => socket as Socket, agent: undefined as never });
    request.on('response', response => {
      resolve({
        status: response.statusCode!,
        reason: response.statusMessage!,
        headers: response.rawHeaders,
      });
      request.destroy();
    });
    request.on('error', () => resolve(undefined));
    request.end();
    socket.push(bytes);
  });
}

test('what we accept, Node’s parser accepts and reads alike', async t => {
  const token = fc.stringMatching(/^[A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]{0,11}$/);
  const value = fc.stringMatching(/^[\x20-\x7e\x80-\xff\t]{0,20}$/).map(text => text.trim());
  const noise = fc.constantFrom('', '', '', '\r', '\n', '\0', ' ', ':', '\x0b', '\t');
  const line = fc.tuple(token, noise, value, noise).map(([name, a, text, b]) => `${name}${a}: ${text}${b}`);
  const head = fc
    .tuple(fc.integer({ min: 200, max: 599 }), value, fc.array(line, { maxLength: 5 }))
    .filter(([status]) => status !== 204 && status !== 304)
    .map(([status, reason, lines]) =>
      [`HTTP/1.1 ${status} ${reason}`, ...lines, 'Content-Length: 0'].join('\r\n'),
    );
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(head, async text => {
      let ours: ReturnType<typeof parseResponseHead>;
      try {
        ours = parseResponseHead(text, 'GET');
      } catch (error) {
        t.true(error instanceof ProtocolError);
        return;
      }
      accepted += 1;
      const theirs = await nodeParses(Buffer.from(`${text}\r\n\r\n`, 'latin1'));
      t.deepEqual(
        theirs,
        { status: ours.status, reason: ours.reason, headers: ours.headers },
        JSON.stringify(text),
      );
    }),
    { numRuns: 500 },
  );
  t.true(accepted > 50);
});
