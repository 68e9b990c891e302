import { createServer, IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { ReceivedMessage } from '../../src/server/received-message.ts';

/** Answers with the headers as the handler sees them. */
async function startEcho(t: ExecutionContext, Message: typeof IncomingMessage): Promise<number> {
  const server: Server = createServer({ IncomingMessage: Message }, (request, response) => {
    response.end(JSON.stringify(Object.entries(request.headers)));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

function ask(port: number, fields: readonly (readonly [string, string])[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const text = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    socket.end(`GET / HTTP/1.1\r\nHost: a\r\n${text}Connection: close\r\n\r\n`, 'latin1');
    let answer = '';
    socket.on('data', piece => {
      answer += piece;
    });
    socket.on('end', () => resolve(answer.slice(answer.indexOf('\r\n\r\n') + 4)));
    socket.on('error', reject);
  });
}

test('headers are the ones that Node makes, of whatever comes', async t => {
  const [ours, nodes] = [await startEcho(t, ReceivedMessage as never), await startEcho(t, IncomingMessage)];
  const often = ['Cookie', 'cookie', 'Set-Cookie', 'X-A', 'x-a', 'X-a', 'Accept', 'Authorization', 'Age'];
  const name = fc.oneof(
    fc.constantFrom(...often, '__proto__', 'constructor', 'hasOwnProperty', 'User-Agent', 'Content-Type'),
    fc.stringMatching(/^[A-Za-z!#$%&'*+.^_`|~-]{1,80}$/),
  );
  const field = fc.tuple(name, fc.stringMatching(/^[\x21-\x7e\x80-\xff]{0,12}$/));
  let repeated = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(field, { maxLength: 8 }), async fields => {
      const framing = fields.some(([key]) =>
        /^(content-length|transfer-encoding|host|connection|upgrade|expect)$/i.test(key),
      );
      fc.pre(!framing);
      if (new Set(fields.map(([key]) => key.toLowerCase())).size < fields.length) repeated += 1;
      t.is(await ask(ours, fields), await ask(nodes, fields));
    }),
    { numRuns: 300 },
  );
  t.true(repeated > 20);
});

test('headers can be set, and are read once', t => {
  const message = new ReceivedMessage(undefined as never);
  message.rawHeaders = ['A', '1'];
  t.is(message.headers.a, '1');
  t.is(message.headers, message.headers);
  message.headers = { b: '2' };
  t.deepEqual(message.headers, { b: '2' });
});
