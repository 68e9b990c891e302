import { once } from 'node:events';
import { createConnection } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { ask } from '../support/raw-client.ts';
import { fieldValue } from '../support/raw-message.ts';
import { answerText, startRawUpstream } from '../support/raw-upstream.ts';
import { startServer } from '../support/server.ts';

const ABORTS = 10_000;
const AT_ONCE = 50;

/** How far an aborted request has come when its client leaves. */
const STAGES = ['head sent', 'upload begun', 'vendor asked', 'answer begun'] as const;

test('10,000 requests whose clients leave, at every stage, leave nothing behind', async t => {
  const server = await startServer({ reports: true });
  t.teardown(server.stop);
  const asked = new Map<string, () => void>();
  const upstream = await startRawUpstream(exchange => {
    asked.get(fieldValue(exchange.head.fields, 'x-case')!)?.();
    if (exchange.target === '/answer') exchange.send('HTTP/1.1 200 OK\r\n\r\nbegun');
    if (exchange.target === '/whole') exchange.send(answerText('ok'));
    else return new Promise(() => {});
  });
  t.teardown(upstream.close);
  await server.map('/abort', upstream.url);

  async function abort(index: number): Promise<void> {
    const stage = STAGES[index % STAGES.length]!;
    const reached = new Promise<void>(resolve => asked.set(String(index), resolve));
    const socket = createConnection({ port: server.port, host: '127.0.0.1' });
    socket.on('error', () => {});
    const path = stage === 'answer begun' ? '/abort/answer' : '/abort';
    const body = stage === 'upload begun' ? 'Content-Length: 9\r\n\r\n1' : '\r\n';
    const method = stage === 'upload begun' ? 'POST' : 'GET';
    const head = `${method} ${path} HTTP/1.1\r\nHost: x\r\nx-case: ${index}\r\n`;
    await new Promise<void>(resolve => socket.write(head + body, () => resolve()));
    if (stage === 'vendor asked') await reached;
    if (stage === 'answer begun') await once(socket, 'data');
    const closed = once(socket, 'close');
    // Half of them leave with a reset, so that ports in TIME_WAIT do not run out.
    if (index % 8 < 4) socket.resetAndDestroy();
    else socket.destroy();
    await closed;
    asked.delete(String(index));
  }

  async function abortMany(from: number, to: number): Promise<void> {
    let next = from;
    const worker = async () => {
      while (next < to) {
        next += 1;
        await abort(next);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    await upstream.idle();
  }

  /** A report of the process when it has seen the last of its clients go. */
  async function settled() {
    for (;;) {
      const first = await server.report();
      await setTimeout(100);
      const second = await server.report();
      if (second.descriptors === first.descriptors) return second;
    }
  }

  // What is made once and kept (compiled code, histograms, buffers) is made by the first thousand.
  await abortMany(0, 1000);
  const before = await settled();
  await abortMany(1000, ABORTS);
  const after = await settled();
  t.log(JSON.stringify({ before, after }));
  t.is(upstream.open, 0);
  t.deepEqual(after.resources, before.resources);
  t.is(after.descriptors, before.descriptors);
  t.true(after.heapBytes - before.heapBytes < 4 * 1024 * 1024);
  t.is((await server.json('/stats')).performance.open_streams, 0);
  // The loop turns, and requests are served.
  const answer = await ask(server.port, 'GET /abort/whole HTTP/1.1\r\nHost: x\r\n\r\n');
  t.is(String(answer.body.data), 'ok');
  t.deepEqual(server.errors, []);
});
