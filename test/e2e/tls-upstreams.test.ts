import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Authority, createAuthority, type Identity } from '../support/certificates.ts';
import { ask, type RawAnswer } from '../support/raw-client.ts';
import { fieldValue } from '../support/raw-message.ts';
import { answerText, startRawUpstream } from '../support/raw-upstream.ts';
import { type Server, startInVain, startServer } from '../support/server.ts';

let authority: Authority;
let server: Server;
test.before(async () => {
  authority = createAuthority();
  server = await startServer({
    names: { 'api.vendor.test': ['127.0.0.1'], 'other.vendor.test': ['127.0.0.1'] },
    env: {
      UPSTREAM_CA: ['/trusted', '/trusted-too', '/trusted-wrong']
        .map(prefix => `${prefix}=${authority.file}`)
        .join(','),
      UPSTREAM_INSECURE: '/insecure',
    },
  });
});
test.after.always(async () => {
  await server?.stop();
  authority?.remove();
});

/** A TLS vendor that says which Host it was asked for. */
async function vendor(t: ExecutionContext, identity: Identity) {
  const upstream = await startRawUpstream(
    exchange => exchange.send(answerText(fieldValue(exchange.head.fields, 'host')!)),
    { tls: identity },
  );
  t.teardown(upstream.close);
  return upstream;
}

function get(prefix: string): Promise<RawAnswer> {
  return ask(server.port, `GET ${prefix} HTTP/1.1\r\nHost: client.example\r\n\r\n`);
}

function refusal(t: ExecutionContext, answer: RawAnswer): void {
  t.is(answer.status, 502);
  const { error } = JSON.parse(String(answer.body.data));
  t.is(error.code, 'ERR_UPSTREAM_TLS');
  t.notRegex(JSON.stringify(error), /vendor|127\.0|self|certificate|issuer|altname/i);
}

test("SNI and Host are the target's, never the client's", async t => {
  const upstream = await vendor(t, authority.issue('DNS:api.vendor.test'));
  await server.map('/trusted', `https://api.vendor.test:${upstream.port}`);
  const answer = await get('/trusted');
  t.is(answer.status, 200);
  t.is(String(answer.body.data), `api.vendor.test:${upstream.port}`);
  t.deepEqual(upstream.serverNames, ['api.vendor.test']);
});

test('an address as target is checked as an address and sends no SNI', async t => {
  const upstream = await vendor(t, authority.issue('IP:127.0.0.1'));
  await server.map('/trusted-too', upstream.url);
  t.is((await get('/trusted-too')).status, 200);
  t.deepEqual(upstream.serverNames, [false]);
});

test('a certificate that nobody vouches for is refused; UPSTREAM_CA holds for its own mapping alone', async t => {
  const upstream = await vendor(t, authority.issue('DNS:api.vendor.test'));
  await server.map('/untrusted', `https://api.vendor.test:${upstream.port}`);
  refusal(t, await get('/untrusted'));
  t.deepEqual(upstream.exchanges, []);
});

test('a certificate for another name is refused, whoever vouches for it', async t => {
  const upstream = await vendor(t, authority.issue('DNS:other.vendor.test'));
  await server.map('/trusted-wrong', `https://api.vendor.test:${upstream.port}`);
  refusal(t, await get('/trusted-wrong'));
  t.deepEqual(upstream.exchanges, []);
});

test('UPSTREAM_INSECURE takes any certificate, for its own mapping alone, SNI still sent', async t => {
  const stranger = createAuthority();
  t.teardown(stranger.remove);
  const upstream = await vendor(t, stranger.issue('DNS:elsewhere.test'));
  const target = `https://api.vendor.test:${upstream.port}`;
  await server.map('/insecure', target);
  await server.map('/insecure-not', target);
  t.is((await get('/insecure')).status, 200);
  refusal(t, await get('/insecure-not'));
  t.is(upstream.serverNames[0], 'api.vendor.test');
});

test('a vendor that speaks no TLS is refused, and never asked in plain text', async t => {
  const received: Buffer[] = [];
  const listener = createServer(socket => {
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => received.push(bytes));
    socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.teardown(() => listener.close());
  await server.map('/plain', `https://127.0.0.1:${(listener.address() as AddressInfo).port}`);
  refusal(t, await get('/plain'));
  t.is(received[0]![0], 0x16, 'a TLS handshake record (RFC 8446 §5.1)');
  t.notRegex(Buffer.concat(received).toString('latin1'), /GET|HTTP/);
});

test('UPSTREAM_CA that names no certificate stops the start, with a line that says so', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-ca-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const garbage = join(folder, 'garbage.pem');
  writeFileSync(garbage, 'not a certificate');
  for (const file of [garbage, join(folder, 'missing.pem'), folder]) {
    const { code, errors } = await startInVain({ folder, env: { UPSTREAM_CA: `/x=${file}` } });
    t.is(code, 1);
    t.regex(errors.join('\n'), /UPSTREAM_CA/);
    t.true(errors.join('\n').includes(file));
  }
});
