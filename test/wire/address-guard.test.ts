import test from 'ava';
import { createAddressGuard } from '../../src/wire/address-guard.ts';
import { bypassesProxy } from '../../src/wire/no-proxy.ts';

const open = createAddressGuard({ allowPrivate: true });
const closed = createAddressGuard({ allowPrivate: false });

for (const address of [
  '169.254.169.254',
  '169.254.0.1',
  '100.100.100.200',
  '168.63.129.16',
  'fe80::1',
  'fe80::1%eth0',
  'fd00:ec2::254',
  '::ffff:169.254.169.254',
  '::ffff:a9fe:a9fe',
  '64:ff9b::a9fe:a9fe',
  '2002:a9fe:a9fe::1',
  '::169.254.169.254',
]) {
  test(`${address} is refused whatever is allowed`, t => {
    t.false(open(address));
    t.false(closed(address));
  });
}

for (const address of [
  '127.0.0.1',
  '10.1.2.3',
  '192.168.1.1',
  '172.20.0.1',
  '100.64.0.1',
  '::1',
  'fd12::1',
  '::ffff:10.0.0.1',
]) {
  test(`${address} is reached unless private networks are closed`, t => {
    t.true(open(address));
    t.false(closed(address));
  });
}

for (const address of ['8.8.8.8', '104.18.6.192', '2606:4700::6812:6c0']) {
  test(`${address} is always reached`, t => {
    t.true(open(address));
    t.true(closed(address));
  });
}

test('NO_PROXY names hosts, domains and ports', t => {
  const list = 'example.com, .corp.test internal:8443,10.0.0.5,[::1]';
  t.true(bypassesProxy(list, 'example.com', 443));
  t.true(bypassesProxy(list, 'api.example.com', 443));
  t.false(bypassesProxy(list, 'notexample.com', 443));
  t.true(bypassesProxy(list, 'a.corp.test', 443));
  t.true(bypassesProxy(list, 'internal', 8443));
  t.false(bypassesProxy(list, 'internal', 443));
  t.true(bypassesProxy(list, '10.0.0.5', 80));
  t.true(bypassesProxy(list, '::1', 80));
  t.true(bypassesProxy('*', 'anything', 1));
  t.false(bypassesProxy('', 'anything', 1));
});
