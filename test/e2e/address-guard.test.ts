import test, { type ExecutionContext } from 'ava';
import { ask, type RawAnswer } from '../support/raw-client.ts';
import { answerText, startRawUpstream } from '../support/raw-upstream.ts';
import { type Server, startServer } from '../support/server.ts';

// Names resolve, in the server's process alone, to what the test says: `dns.lookup` is replaced before the server's own
// code is loaded (see test/support/preload.ts). All that follows the look-up is the real thing.
const NAMES = {
  'metadata.test': ['169.254.169.254'],
  'mapped.test': ['::ffff:169.254.169.254'],
  'link-local.test': ['fe80::1'],
  'rebinding.test': ['127.0.0.1', '169.254.169.254'],
  'private.test': ['127.0.0.1'],
};

const FORBIDDEN_TARGETS = [
  'http://169.254.169.254',
  'http://169.254.0.1:8080',
  'http://2852039166',
  'http://0xA9FEA9FE',
  'http://0251.0376.0251.0376',
  'http://[::ffff:169.254.169.254]',
  'http://[::ffff:a9fe:a9fe]',
  'http://[64:ff9b::a9fe:a9fe]',
  'http://[fe80::1]',
  'http://[fd00:ec2::254]',
  'http://100.100.100.200',
  'https://169.254.169.254',
  'http://metadata.test',
  'https://metadata.test',
  'http://mapped.test',
  'http://link-local.test',
  'http://rebinding.test',
];

function get(server: Server, path: string): Promise<RawAnswer> {
  return ask(server.port, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
}

function isForbidden(t: ExecutionContext, answer: RawAnswer, what: string): void {
  t.is(answer.status, 502, what);
  const text = String(answer.body.data);
  t.is(JSON.parse(text).error.code, 'ERR_UPSTREAM_FORBIDDEN', what);
  t.notRegex(text, /169|fe80|metadata|rebinding/, what);
}

test('link-local and metadata addresses are refused, literal in any notation, and behind a name', async t => {
  const server = await startServer({ names: NAMES });
  t.teardown(server.stop);
  for (const [index, target] of FORBIDDEN_TARGETS.entries()) {
    await server.map(`/forbidden${index}`, target);
    isForbidden(t, await get(server, `/forbidden${index}`), target);
  }
});

test('the check is made when the connection is made: a name that is harmless later serves', async t => {
  const upstream = await startRawUpstream(exchange => exchange.send(answerText('ok')));
  t.teardown(upstream.close);
  const server = await startServer({ names: NAMES });
  t.teardown(server.stop);
  await server.map('/private', `http://private.test:${upstream.port}`);
  await server.map('/rebinding', `http://rebinding.test:${upstream.port}`);
  t.is((await get(server, '/private')).status, 200);
  isForbidden(t, await get(server, '/rebinding'), 'one bad address of two');
  t.is(upstream.accepted, 1);
});

test('ALLOW_PRIVATE_TARGETS=false closes loopback and private networks, by address and by name', async t => {
  const upstream = await startRawUpstream(() => t.fail('asked'));
  t.teardown(upstream.close);
  const server = await startServer({ names: NAMES, env: { ALLOW_PRIVATE_TARGETS: 'false' } });
  t.teardown(server.stop);
  for (const host of [
    '127.0.0.1',
    'localhost',
    'private.test',
    '[::1]',
    '0.0.0.0',
    '127.1',
    '10.0.0.1',
    '192.168.1.1',
  ]) {
    await server.map('/closed', `http://${host}:${upstream.port}`);
    isForbidden(t, await get(server, '/closed'), host);
  }
  t.is(upstream.accepted, 0);
});
