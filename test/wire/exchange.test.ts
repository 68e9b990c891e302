import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { createAddressGuard } from '../../src/wire/address-guard.ts';
import { createDial } from '../../src/wire/dial.ts';
import type { WireExchange, WireFailure, WireHandler, WireRequest } from '../../src/wire/types.ts';
import { Http1Upstream } from '../../src/wire/upstream.ts';

const GET: WireRequest = {
  method: 'GET',
  path: '/',
  headers: ['Host', 'a.test'],
  body: 'none',
  upgrade: false,
  expectContinue: false,
};

/** An upstream of raw sockets that answers each head it sees by `answer`. */
async function open(t: ExecutionContext, answer: (socket: Socket, requestText: string) => void) {
  const sockets: Socket[] = [];
  const server = createServer(socket => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', bytes => answer(socket, bytes.toString('latin1')));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const dial = createDial({
    connectTimeoutMs: 5000,
    guard: createAddressGuard({ allowPrivate: true }),
    noProxy: '',
  });
  const upstream = new Http1Upstream(
    { tls: false, hostname: '127.0.0.1', port, authority: `127.0.0.1:${port}` },
    dial,
  );
  t.teardown(() => {
    upstream.retire();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { upstream, sockets };
}

/** Sends and collects; resolves at the end or failure. */
function ask(upstream: Http1Upstream, request: WireRequest = GET) {
  const seen = { status: 0, body: '', interim: [] as number[] };
  let exchange: WireExchange | undefined;
  const done = new Promise<{ failure?: WireFailure }>(resolve => {
    const handler: WireHandler = {
      onInformational: head => seen.interim.push(head.status),
      onHead: head => {
        seen.status = head.status;
      },
      onData: piece => {
        seen.body += piece.toString('latin1');
      },
      onPacketEnd: () => true,
      onEnd: () => resolve({}),
      onUpgrade: () => resolve({}),
      onDrain: () => undefined,
      onFailure: failure => resolve({ failure }),
    };
    exchange = upstream.send(request, handler, {});
  });
  return { seen, done, exchange: exchange! };
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

test('giving up an exchange that is over leaves its connection to the next one', async t => {
  let answered = 0;
  const { upstream, sockets } = await open(t, socket => {
    answered += 1;
    if (answered === 1) socket.write(OK);
    else setImmediate(() => socket.write(OK));
  });
  const first = ask(upstream);
  await first.done;
  const second = ask(upstream);
  first.exchange.abort();
  const { failure } = await second.done;
  t.is(failure, undefined);
  t.is(second.seen.body, 'ok');
  t.is(sockets.length, 1);
});

test('a head cut at every byte is read alike', async t => {
  const answer =
    'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n';
  for (let at = 1; at < answer.length; at += 1) {
    const { upstream } = await open(t, socket => {
      socket.setNoDelay(true);
      socket.write(answer.slice(0, at), () => setImmediate(() => socket.write(answer.slice(at))));
    });
    const { seen, done } = ask(upstream);
    t.is((await done).failure, undefined, `cut at ${at}`);
    t.deepEqual(seen, { status: 200, body: 'ok', interim: [103] });
  }
});

test('bytes behind an answer close the connection and reach nobody', async t => {
  const { upstream, sockets } = await open(t, socket =>
    socket.write(`${OK}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON`),
  );
  t.is(await ask(upstream).done.then(({ failure }) => failure), undefined);
  const second = ask(upstream);
  await second.done;
  t.is(second.seen.body, 'ok');
  t.is(sockets.length, 2);
});

test('bytes that come while a connection is idle close it', async t => {
  const { upstream, sockets } = await open(t, socket => socket.write(OK));
  await ask(upstream).done;
  const closed = once(sockets[0]!, 'close');
  sockets[0]!.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON');
  await closed;
  const second = ask(upstream);
  await second.done;
  t.is(second.seen.body, 'ok');
});

test('a failure says how far the exchange had gone', async t => {
  let count = 0;
  const { upstream } = await open(t, socket => {
    count += 1;
    if (count === 1) socket.write(OK);
    else if (count === 2) socket.destroy();
    else socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
  });
  await ask(upstream).done;
  const stale = (await ask(upstream).done).failure!;
  t.true(stale.reusedConnection);
  t.false(stale.answerBegun);
  const half = (await ask(upstream).done).failure!;
  t.false(half.reusedConnection);
  t.true(half.answerBegun);
});

test('a connection is given up before the other side said it would close it', async t => {
  const { upstream, sockets } = await open(t, socket =>
    socket.write('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nok'),
  );
  await ask(upstream).done;
  t.is(upstream.connections, 1);
  upstream.sweep(Date.now() + 3000);
  t.is(upstream.connections, 1);
  const closed = once(sockets[0]!, 'close');
  upstream.sweep(Date.now() + 4100);
  await closed;
  t.pass();
});
