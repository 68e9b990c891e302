import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { type Authority, createAuthority } from '../support/certificates.ts';
import { ask, type RawAnswer } from '../support/raw-client.ts';
import { ByteSource, fieldValue, type RawHead, readHead } from '../support/raw-message.ts';
import { answerText, startRawUpstream } from '../support/raw-upstream.ts';
import { type Server, startServer } from '../support/server.ts';

let authority: Authority;
test.before(() => {
  authority = createAuthority();
});
test.after.always(() => authority?.remove());

/** An outbound proxy that opens tunnels, or answers every request for one with `refusal`. */
async function startTunnels(t: ExecutionContext, refusal?: string) {
  const heads: RawHead[] = [];
  const sockets = new Set<Socket>();
  const listener = createServer(async client => {
    sockets.add(client);
    client.on('error', () => {});
    const head = await readHead(new ByteSource(client));
    heads.push(head);
    client.removeAllListeners('data');
    if (refusal !== undefined) return client.end(refusal);
    // Names mean what the test says, so every tunnel leads to this machine.
    const port = Number(/:(\d+) /.exec(head.startLine)![1]);
    const target = connect({ port, host: '127.0.0.1' });
    sockets.add(target);
    target.on('error', () => client.destroy());
    target.once('connect', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.pipe(target).pipe(client);
    });
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  return { heads, port: (listener.address() as AddressInfo).port };
}

async function started(t: ExecutionContext, env: Record<string, string>): Promise<Server> {
  const names = { 'direct.vendor.test': ['127.0.0.1'], 'direct.login.test': ['127.0.0.1'] };
  const server = await startServer({ env, names });
  t.teardown(server.stop);
  return server;
}

function get(server: Server, path: string): Promise<RawAnswer> {
  return ask(server.port, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
}

test('HTTPS_PROXY carries https upstreams through a tunnel, with credentials, and checks the certificate itself', async t => {
  const tunnels = await startTunnels(t);
  const upstream = await startRawUpstream(
    exchange => exchange.send(answerText(fieldValue(exchange.head.fields, 'proxy-authorization') ?? 'none')),
    { tls: authority.issue('DNS:api.vendor.test') },
  );
  t.teardown(upstream.close);
  const server = await started(t, {
    HTTPS_PROXY: `http://us%40er:p%3Ass@127.0.0.1:${tunnels.port}`,
    UPSTREAM_CA: `/vendor=${authority.file},/wrong=${authority.file}`,
  });
  await server.map('/vendor', `https://api.vendor.test:${upstream.port}`);
  for (let round = 0; round < 3; round += 1) {
    const answer = await get(server, '/vendor/x');
    t.is(answer.status, 200);
    t.is(String(answer.body.data), 'none', 'credentials of the tunnel are for the tunnel alone');
  }
  t.is(tunnels.heads.length, 1, 'a tunnel is kept like any connection');
  const [head] = tunnels.heads;
  t.is(head!.startLine, `CONNECT api.vendor.test:${upstream.port} HTTP/1.1`);
  t.is(fieldValue(head!.fields, 'host'), `api.vendor.test:${upstream.port}`);
  const pair = Buffer.from('us@er:p:ss').toString('base64');
  t.is(fieldValue(head!.fields, 'proxy-authorization'), `Basic ${pair}`);
  t.deepEqual(upstream.serverNames, ['api.vendor.test']);

  await server.map('/wrong', `https://another.vendor.test:${upstream.port}`);
  const refused = await get(server, '/wrong');
  t.is(refused.status, 502);
  t.is(JSON.parse(String(refused.body.data)).error.code, 'ERR_UPSTREAM_TLS');
});

test('NO_PROXY names hosts that are reached without the tunnel; http upstreams do not use HTTPS_PROXY', async t => {
  const tunnels = await startTunnels(t);
  const secure = await startRawUpstream(exchange => exchange.send(answerText('secure')), {
    tls: authority.issue('DNS:direct.vendor.test'),
  });
  const plain = await startRawUpstream(exchange => exchange.send(answerText('plain')));
  t.teardown(secure.close);
  t.teardown(plain.close);
  const server = await started(t, {
    HTTPS_PROXY: `http://127.0.0.1:${tunnels.port}`,
    NO_PROXY: '.vendor.test,10.0.0.1',
    UPSTREAM_CA: `/direct=${authority.file}`,
  });
  await server.map('/direct', `https://direct.vendor.test:${secure.port}`);
  await server.map('/plain', plain.url);
  t.is(String((await get(server, '/direct')).body.data), 'secure');
  t.is(String((await get(server, '/plain')).body.data), 'plain');
  t.deepEqual(tunnels.heads, []);
});

test('HTTP_PROXY carries http upstreams, uploads and streams included', async t => {
  const tunnels = await startTunnels(t);
  const upstream = await startRawUpstream(async exchange => {
    const { data } = await exchange.body();
    exchange.send(answerText(data.toString('latin1')));
  });
  t.teardown(upstream.close);
  const server = await started(t, { HTTP_PROXY: `http://127.0.0.1:${tunnels.port}` });
  await server.map('/echo', `http://name.only.the.tunnel.knows.test:${upstream.port}`);
  const body = 'x'.repeat(1_000_000);
  const answer = await ask(
    server.port,
    `POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  t.is(answer.status, 200);
  t.is(answer.body.data.length, body.length);
  t.is(tunnels.heads[0]!.startLine, `CONNECT name.only.the.tunnel.knows.test:${upstream.port} HTTP/1.1`);
});

test('an outbound proxy that refuses, breaks off or is away is 502 without a word about it', async t => {
  const refusing = await startTunnels(
    t,
    'HTTP/1.1 407 Proxy Authentication Required\r\nX-Inner: 10.1.2.3\r\n\r\n',
  );
  const breaking = await startTunnels(t, 'HTTP/1.1 20');
  for (const { port } of [refusing, breaking, { port: 1 }]) {
    const server = await started(t, { HTTPS_PROXY: `http://user:tunnel-password@127.0.0.1:${port}` });
    await server.map('/vendor', 'https://api.vendor.test');
    const answer = await get(server, '/vendor');
    t.is(answer.status, 502);
    const text = String(answer.body.data);
    t.is(JSON.parse(text).error.code, 'ERR_UPSTREAM_REFUSED');
    t.notRegex(text, /407|127\.0|10\.1|tunnel-password|vendor/);
    t.notRegex(server.lines.join('\n'), /tunnel-password/);
  }
});

test('a literal metadata address is refused before any tunnel is asked for', async t => {
  const tunnels = await startTunnels(t);
  const address = `http://127.0.0.1:${tunnels.port}`;
  const server = await started(t, { HTTPS_PROXY: address, HTTP_PROXY: address });
  await server.map('/metadata', 'http://169.254.169.254');
  t.is((await get(server, '/metadata/latest')).status, 502);
  t.deepEqual(tunnels.heads, []);
});

for (const [what, further, login, isTunnelled] of [
  ['through the tunnel', {}, 'login.test', true],
  ['past it where NO_PROXY says so', { NO_PROXY: 'direct.login.test' }, 'direct.login.test', false],
] as const) {
  test(`the OAuth token endpoint is reached as upstreams are: ${what}`, async t => {
    const tunnels = await startTunnels(t);
    const bodies: string[] = [];
    const grant = JSON.stringify({
      access_token: 'fk-granted-token',
      refresh_token: 'next',
      expires_in: 3600,
    });
    const endpoint = await startRawUpstream(async exchange => {
      bodies.push(`${exchange.head.startLine} ${(await exchange.body()).data}`);
      exchange.send(answerText(grant, ['Content-Type: application/json']));
    });
    t.teardown(endpoint.close);
    const server = await started(t, {
      HTTP_PROXY: `http://127.0.0.1:${tunnels.port}`,
      DROID_REFRESH_KEY: 'first-refresh-token',
      OAUTH_TOKEN_URL: `http://${login}:${endpoint.port}/authenticate?x=1`,
      OAUTH_CLIENT_ID: 'client-1',
      ...further,
    });
    await server.line(({ msg }) => msg === 'access token refreshed');
    t.deepEqual(bodies, [
      'POST /authenticate?x=1 HTTP/1.1 grant_type=refresh_token&refresh_token=first-refresh-token&client_id=client-1',
    ]);
    t.deepEqual(
      tunnels.heads.map(({ startLine }) => startLine),
      isTunnelled ? [`CONNECT login.test:${endpoint.port} HTTP/1.1`] : [],
    );
  });
}

test('HTTPS_PROXY is asked for a tunnel to an https token endpoint, and a metadata address is never asked', async t => {
  const tunnels = await startTunnels(t, 'HTTP/1.1 403 Forbidden\r\n\r\n');
  const env = { HTTPS_PROXY: `http://127.0.0.1:${tunnels.port}`, DROID_REFRESH_KEY: 'first-refresh-token' };
  const server = await started(t, { ...env, OAUTH_TOKEN_URL: 'https://login.test/authenticate' });
  const failed = await server.line(({ msg }) => msg.startsWith('the access token could not be refreshed'));
  t.is(failed.msg, 'the access token could not be refreshed (ERR_UPSTREAM_REFUSED)');
  t.is(tunnels.heads[0]!.startLine, 'CONNECT login.test:443 HTTP/1.1');
  const asked = tunnels.heads.length;
  const other = await started(t, { ...env, OAUTH_TOKEN_URL: 'https://169.254.169.254/authenticate' });
  const refused = await other.line(({ msg }) => msg.startsWith('the access token could not be refreshed'));
  t.is(refused.msg, 'the access token could not be refreshed (ERR_UPSTREAM_FORBIDDEN)');
  t.is(tunnels.heads.length, asked);
});
