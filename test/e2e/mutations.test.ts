import test from 'ava';
import fc from 'fast-check';
import { ask, openRawClient } from '../support/raw-client.ts';
import { answerText, startRawUpstream } from '../support/raw-upstream.ts';
import { startServer } from '../support/server.ts';

type Mutation = {
  readonly at: number;
  readonly kind: 'set' | 'insert' | 'delete' | 'repeat';
  readonly byte: number;
};

const mutations = fc.array(
  fc.record({
    at: fc.nat({ max: 999 }),
    kind: fc.constantFrom('set' as const, 'insert' as const, 'delete' as const, 'repeat' as const),
    byte: fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 10, 13, 32, 58, 48, 255)),
  }),
  { minLength: 1, maxLength: 4 },
);

/** @param at of each mutation: the place, in thousandths of the length */
function mutated(text: string, changes: readonly Mutation[]): Buffer {
  let bytes: Buffer = Buffer.from(text, 'latin1');
  for (const { at, kind, byte } of changes) {
    const index = Math.floor((bytes.length * at) / 1000);
    const [before, after] = [bytes.subarray(0, index), bytes.subarray(index)];
    const replaced = {
      set: [before, Buffer.of(byte), after.subarray(1)],
      insert: [before, Buffer.of(byte), after],
      delete: [before, after.subarray(1 + (byte % 8))],
      repeat: [before, after.subarray(0, 1 + (byte % 40)), after],
    }[kind];
    bytes = Buffer.concat(replaced);
  }
  return bytes;
}

const REQUESTS = [
  'GET /m/a?b=c HTTP/1.1\r\nHost: x\r\nAccept: */*\r\nCookie: a=1; b=2\r\n\r\n',
  'POST /m/a HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello',
  'POST /m HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n',
  'PUT /m HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok',
  'GET /m HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, x-a\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\nX-A: 1\r\n\r\n',
  'OPTIONS /m HTTP/1.1\r\nHost: x\r\nOrigin: https://a\r\nAccess-Control-Request-Method: POST\r\n\r\n',
  'HEAD /m HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /m HTTP/1.0\r\n\r\n',
  'POST /api/mappings HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}',
  'GET /stats?window=24h HTTP/1.1\r\nHost: x\r\nCookie: switchyard_session=a.b.c\r\nAccept-Encoding: br, gzip\r\n\r\n',
];

const ANSWERS = [
  'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nSet-Cookie: a=1\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-T: 1\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\ndata: [DONE]\n\n',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\nX: y\r\n\r\n',
  'HTTP/1.0 301 Moved\r\nLocation: /x\r\nConnection: keep-alive, x-a\r\nX-A: 1\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x02hi',
];

test('no request and no answer, however malformed, ends the process or hurts the next request', async t => {
  const server = await startServer();
  t.teardown(server.stop);
  let answer: Buffer = Buffer.from(ANSWERS[0]!);
  const upstream = await startRawUpstream(async exchange => {
    if (exchange.target === '/well') return exchange.send(answerText('well'));
    exchange.send(answer);
    exchange.socket.end();
  });
  t.teardown(upstream.close);
  await server.map('/m', upstream.url);
  await server.map('/alive', upstream.url);

  /** Sends bytes, ends, and waits until the server has closed as well. */
  async function throwAt(bytes: Buffer): Promise<void> {
    const client = await openRawClient(server.port);
    client.socket.end(bytes);
    await client.gone;
  }
  const isAlive = async () => {
    const { status, body } = await ask(server.port, 'GET /alive/well HTTP/1.1\r\nHost: x\r\n\r\n');
    t.is(status, 200);
    t.is(String(body.data), 'well');
  };

  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...REQUESTS), mutations, async (request, changes) => {
      await throwAt(mutated(request, changes));
      await isAlive();
    }),
    { numRuns: 300 },
  );
  const asks = ['GET /m HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', REQUESTS[4]!.replace(', x-a', '')];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...ANSWERS),
      mutations,
      fc.constantFrom(...asks),
      async (whole, changes, request) => {
        answer = mutated(whole, changes);
        const client = await openRawClient(server.port);
        client.send(request);
        await client.source.rest();
        client.socket.destroy();
        await isAlive();
      },
    ),
    { numRuns: 300 },
  );
  t.is((await server.json('/stats')).performance.open_streams, 0);
  t.deepEqual(server.errors, []);
  t.deepEqual(
    server.lines.filter(line => /ERR_INTERNAL|unexpected error|"level":[56]0/.test(line)),
    [],
  );
});
