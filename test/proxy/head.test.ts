import test from 'ava';
import fc from 'fast-check';
import {
  cameThroughUs,
  type RequestHeadOptions,
  requestFields,
  responseFields,
  trailerFields,
} from '../../src/proxy/head.ts';

const plain: RequestHeadOptions = {
  authority: 'up.test',
  via: undefined,
  forwarded: 'pass',
  client: undefined,
  body: 'none',
  upgrade: undefined,
  expectContinue: false,
};

test('fields go on in order, case and number; Host becomes the target’s where it stood', t => {
  const raw = ['Accept', '*/*', 'hOsT', 'a.test', 'X-D', '1', 'x-d', '2', 'Cookie', 'a=1', 'Cookie', 'b=2'];
  t.deepEqual(requestFields(raw, plain), [
    'Accept',
    '*/*',
    'hOsT',
    'up.test',
    'X-D',
    '1',
    'x-d',
    '2',
    'Cookie',
    'a=1',
    'Cookie',
    'b=2',
  ]);
  t.deepEqual(requestFields(['A', '1'], plain), ['Host', 'up.test', 'A', '1']);
});

test('hop-by-hop fields stay here, and so does what Connection names', t => {
  const raw = [
    'Host',
    'a',
    'Connection',
    'close, X-Hop',
    'X-Hop',
    '1',
    'Keep-Alive',
    'x',
    'Proxy-Connection',
    'x',
  ];
  raw.push('Proxy-Authorization', 'x', 'TE', 'gzip', 'Upgrade', 'h2c', 'HTTP2-Settings', 'x', 'Trailer', 'x');
  t.deepEqual(requestFields(raw, plain), ['Host', 'up.test']);
});

test('Connection cannot name framing, routing or credentials away', t => {
  const raw = [
    'Host',
    'a',
    'Connection',
    'Content-Length, Authorization, Via, Host',
    'Content-Length',
    '2',
    'Authorization',
    'b',
  ];
  t.deepEqual(requestFields(raw, { ...plain, body: 'length' }), [
    'Host',
    'up.test',
    'Content-Length',
    '2',
    'Authorization',
    'b',
  ]);
});

test('TE: trailers and an upgrade are named in Connection again', t => {
  t.deepEqual(requestFields(['Host', 'a', 'TE', 'gzip, trailers', 'Connection', 'TE'], plain), [
    'Host',
    'up.test',
    'TE',
    'trailers',
    'Connection',
    'TE',
  ]);
  t.deepEqual(
    requestFields(['Host', 'a', 'Connection', 'keep-alive, Upgrade', 'Upgrade', 'websocket'], {
      ...plain,
      upgrade: 'websocket',
    }),
    ['Host', 'up.test', 'Connection', 'Upgrade', 'Upgrade', 'websocket'],
  );
});

test('our access key never goes on', t => {
  t.deepEqual(requestFields(['Host', 'a', 'X-Switchyard-Key', 'secret'], plain), ['Host', 'up.test']);
});

test('client addresses pass, are appended to or stripped, as told', t => {
  const raw = ['Host', 'a', 'X-Forwarded-For', '1.1.1.1', 'X-Real-IP', '1.1.1.1', 'Forwarded', 'for=1.1.1.1'];
  t.deepEqual(requestFields(raw, plain).slice(2), raw.slice(2));
  t.deepEqual(requestFields(raw, { ...plain, forwarded: 'strip' }), ['Host', 'up.test']);
  const client = { address: '2.2.2.2', host: 'gw.test', scheme: 'https' as const };
  t.deepEqual(requestFields(raw, { ...plain, forwarded: 'append', client }).slice(2), [
    'X-Forwarded-For',
    '1.1.1.1, 2.2.2.2',
    ...raw.slice(4),
    'X-Forwarded-Proto',
    'https',
    'X-Forwarded-Host',
    'gw.test',
  ]);
});

test('names that look like Object’s own are only names', t => {
  const raw = ['Host', 'a', '__proto__', 'x', 'constructor', 'y'];
  t.deepEqual(requestFields(raw, plain).slice(2), ['__proto__', 'x', 'constructor', 'y']);
  t.deepEqual(responseFields(raw.slice(2), false), ['__proto__', 'x', 'constructor', 'y']);
});

test('the quick way over a head and the thorough one agree', t => {
  const name = fc.oneof(
    fc.constantFrom(
      'Host',
      'TE',
      'Trailer',
      'Upgrade',
      'Keep-Alive',
      'Expect',
      'Via',
      'X-Switchyard-Key',
      'Date',
    ),
    fc.stringMatching(/^[A-Za-z-]{1,40}$/),
  );
  const list = fc.array(fc.tuple(name, fc.constantFrom('a', 'b')), { maxLength: 12 });
  fc.assert(
    fc.property(list, pairs => {
      const raw = pairs.flat();
      // A nominated name that is not there changes nothing, but every name is looked at.
      const thorough = [...raw, 'Connection', 'x-not-there'];
      t.deepEqual(requestFields(raw, plain), requestFields(thorough, plain));
      t.deepEqual(responseFields(raw, true), responseFields(thorough, true));
    }),
  );
});

test('trailers carry no framing and no routing', t => {
  t.deepEqual(
    trailerFields([
      'X-Sum',
      '1',
      'Content-Length',
      '2',
      'Transfer-Encoding',
      'x',
      'Host',
      'h',
      'Set-Cookie',
      's',
    ]),
    ['X-Sum', '1'],
  );
});

test('a loop is seen by our pseudonym, in any Via, and by nothing like it', t => {
  t.true(cameThroughUs(['Via', '1.0 a, 1.1 sw-1 (x)'], '1.1 sw-1'));
  t.true(cameThroughUs(['via', '1.0 a', 'VIA', 'HTTP/1.1 sw-1'], '1.1 sw-1'));
  t.false(cameThroughUs(['Via', '1.1 sw-10, 1.1 xsw-1'], '1.1 sw-1'));
});

test('the session of our console stays here, and every other cookie goes on as it came', t => {
  const cookiesOf = (...values: string[]) =>
    requestFields(['Host', 'a', ...values.flatMap(value => ['Cookie', value])], plain).slice(2);
  t.deepEqual(cookiesOf('switchyard_session=abc.def'), []);
  t.deepEqual(cookiesOf('a=1; switchyard_session=abc; b=2'), ['Cookie', 'a=1; b=2']);
  t.deepEqual(cookiesOf('switchyard_session=1;b=2; switchyard_session=3'), ['Cookie', 'b=2']);
  t.deepEqual(cookiesOf('a=switchyard_session=1'), ['Cookie', 'a=switchyard_session=1']);
  t.deepEqual(cookiesOf('a=1;  b=2;', 'switchyard_session=3', 'c'), ['Cookie', 'a=1;  b=2;', 'Cookie', 'c']);
});
